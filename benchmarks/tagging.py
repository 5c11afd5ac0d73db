"""The tagger's quality and speed: the labelled set in both halves, with vectors and by words only, and milliseconds per article.

The development half was tuned on, the test half was not. Speed is of one process, encoding left out: of the labelled items
as they are, and of articles of about 600 words made by joining them. Run: python -m benchmarks.tagging [rounds].
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks._table import Row, median_row, report, timed
from iprwatch.settings import load_settings
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


def time_articles(
    tagger: Tagger, encoder: Encoder | None, articles: Sequence[tuple[str, str]], rounds: int
) -> list[float]:
    """Milliseconds per article in each round, vectors supplied where there is an encoder."""
    rows = []
    for title, text in articles:
        passages = split_passages(title, text, "en")
        vectors = encoder.encode([each.encoded(title) for each in passages]) if encoder else None
        rows.append((title, text, passages, vectors))

    def tag_all() -> None:
        for title, text, passages, vectors in rows:
            tagger.tag(title, text, "en", passages, vectors)

    spent = [timed(tag_all)[0] for _ in range(rounds + 1)]
    return [1000 * each / len(rows) for each in spent[1:]]  # the first round warms up


def rate(tagger: Tagger, encoder: Encoder, items: Sequence[Labelled]) -> Row:
    """Print the quality of both halves, with vectors and by words only; the row that the bar is held against."""
    for split in ("dev", "test"):
        half = [each for each in items if each.split == split]
        figures = measure(tagger, half, encoder)
        print(render(f"{split}, hybrid", figures))
        print(render(f"{split}, words", measure(tagger, half, None)))
        print("  F1 per theme: " + "  ".join(f"{theme} {each.f1:.2f}" for theme, each in figures.per_theme.items()))
    low, high = figures.interval
    value, noise = f"{figures.macro_f1:.3f}", f"± {(high - low) / 2:.2f}"
    return Row("macro-F1 on top themes, test half", value, noise, f"≥ {BAR}", figures.macro_f1 >= BAR)


def main(rounds: int = 5) -> int:
    """Quality, then speed."""
    encoder = load_encoder(cache=load_settings().cache)
    tagger = Tagger(load_themes(), encoder)
    spent, _ = timed(tagger.prepare)
    items = load_labelled(LABELLED)
    rows = [rate(tagger, encoder, items), Row("statements encoded", f"{spent:.2f} s")]
    english = [each for each in items if each.language == "en"]
    for name, articles in (("short", [(each.title, each.text) for each in english]), ("long", lengthen(english))):
        for kind, used in (("hybrid", encoder), ("words", None)):
            values = time_articles(tagger, used, articles, rounds)
            rows.append(median_row(f"{name} articles, {kind}, each", values, "ms"))
    return report(f"{len(items)} labelled items, {rounds} rounds", rows)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
