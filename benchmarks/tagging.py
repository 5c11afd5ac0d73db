"""The tagger's quality and speed: the labelled set in both halves, with vectors and by words only, and milliseconds per article.

The development half was tuned on, the test half was not. Speed is of one process, encoding left out: of the labelled items
as they are, and of articles of about 600 words made by joining them. Run: python -m benchmarks.tagging [rounds].
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipelines.embed import Encoder, load_encoder
from pipelines.passages import split_passages
from pipelines.tag import Tagger, load_themes
from pipelines.tag.measure import Labelled, Report, load_labelled, measure

LABELLED = Path(__file__).parent.parent / "tests" / "fixtures" / "labelled.jsonl"
JOINED = 8  # labelled items in one long article: about 600 words, a long office notice
BAR = 0.68  # macro-F1 on top themes, test half


def render(name: str, figures: Report) -> str:
    """One line of the table."""
    low, high = figures.interval
    return (
        f"{name:<16} n {figures.items:>3}  macro-F1 {figures.macro_f1:.3f} ({low:.2f}…{high:.2f})  micro-F1 {figures.micro_f1:.3f}"
        f"  leaf-F1 {figures.leaf_f1:.3f}  verdicts {figures.verdicts:.3f}  untagged {figures.untagged:.3f}  AUROC {figures.auroc:.3f}"
    )


def lengthen(items: Sequence[Labelled]) -> list[tuple[str, str]]:
    """Long articles: the title of the first and the texts of all in each group."""
    groups = [items[n : n + JOINED] for n in range(0, len(items) - JOINED + 1, JOINED)]
    return [(group[0].title, "\n\n".join(each.text for each in group)) for group in groups]


def time_articles(tagger: Tagger, encoder: Encoder | None, articles: Sequence[tuple[str, str]], rounds: int) -> float:
    """Median milliseconds per article, vectors supplied where there is an encoder."""
    rows = []
    for title, text in articles:
        passages = split_passages(title, text, "en")
        vectors = encoder.encode([each.encoded(title) for each in passages]) if encoder else None
        rows.append((title, text, passages, vectors))
    spent = []
    for _ in range(rounds + 1):  # the first round warms up
        began = time.perf_counter()
        for title, text, passages, vectors in rows:
            tagger.tag(title, text, "en", passages, vectors)
        spent.append(time.perf_counter() - began)
    return 1000 * statistics.median(spent[1:]) / len(rows)


def main(rounds: int = 5) -> None:
    """Print quality, then speed."""
    encoder = load_encoder()
    began = time.perf_counter()
    tagger = Tagger(load_themes(), encoder)
    tagger.prepare()
    print(f"load themes and encode statements: {time.perf_counter() - began:.2f} s")
    items = load_labelled(LABELLED)
    for split in ("dev", "test"):
        half = [each for each in items if each.split == split]
        print(render(f"{split}, hybrid", figures := measure(tagger, half, encoder)))
        print(render(f"{split}, words", measure(tagger, half, None)))
        print("  F1 per theme: " + "  ".join(f"{theme} {each.f1:.2f}" for theme, each in figures.per_theme.items()))
    print(f"bar: macro-F1 of the test half ≥ {BAR}")
    english = [each for each in items if each.language == "en"]
    for name, articles in (("short", [(each.title, each.text) for each in english]), ("long", lengthen(english))):
        for kind, used in (("hybrid", encoder), ("words", None)):
            print(f"{name} articles, {kind}: {time_articles(tagger, used, articles, rounds):.2f} ms each")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
