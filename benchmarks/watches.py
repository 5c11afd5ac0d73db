"""One new item × 500 watches: milliseconds. And the edge of meaning: precision and recall over the labelled items. Bar: ≤ 20 ms.

`python -m benchmarks.watches`. The watches are invented from the words of the labelled items: a third each of words, meaning and both, half of them
with a filter. The edge is measured with 12 questions, an item being right if it bears on the question's theme.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._table import Row, median_row, report, timed
from pipelines.embed import Encoder, load_encoder
from pipelines.passages import split_passages
from search.schema import Document, Filters, IndexedPassage, IndexedTag, Mode, Query
from search.watches import Standing

WATCHES, ROUNDS, BAR = 500, 5, 20.0
MODES: tuple[Mode, ...] = ("keyword", "semantic", "hybrid")
LABELLED = Path(__file__).parent.parent / "tests" / "fixtures" / "labelled.jsonl"
QUESTIONS = (
    ("T01", "vaccine patents and access to medicines in a pandemic"),
    ("T02", "artificial intelligence and intellectual property"),
    ("T02.3", "who is the inventor when a machine made the invention"),
    ("T03", "counterfeit goods seized by customs and police"),
    ("T03.4", "fake goods sold on online marketplaces"),
    ("T04", "WIPO member states and reform of the organisation"),
    ("T04.2", "green technology patents and climate"),
    ("T06", "new law to strengthen protection of intellectual property under TRIPS"),
    ("T07", "protection of industrial designs and the design law treaty"),
    ("T08", "making trade mark and patent registration faster and cheaper for trade"),
    ("T09", "training and advice on intellectual property for small firms"),
    ("T10", "next meeting of the heads of the G7 intellectual property offices"),
)
EDGES = (0.3, 0.35, 0.4, 0.45, 0.5)


def build_document(row: dict[str, Any], encoder: Encoder) -> Document:
    """One labelled item as an index would hold it."""
    passages = split_passages(row["title"], row["text"], row["language"])
    vectors = encoder.encode([p.encoded(row["title"]) for p in passages])
    at = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)
    return Document(
        id=row["id"], row_version=1, source=row["source"], economy="INT", language=row["language"], url="https://a.example/",
        title=row["title"], text=row["text"], author="", published=at, first_seen=at, story=row["id"], head=True, verdict=row["verdict"],
        tags=tuple(IndexedTag(t, 0.9, "", "") for t in row["must"]), model=encoder.model_id,
        passages=tuple(IndexedPassage(p.n, p.start, p.end, p.text, v) for p, v in zip(passages, vectors, strict=True)),
    )  # fmt: skip


def build_watches(documents: list[Document], encoder: Encoder) -> dict[str, Query]:
    """500 standing questions of two to six words each."""
    chance = random.Random(4)
    words = [w for d in documents for w in d.text.split() if len(w) > 4]
    texts = [" ".join(chance.sample(words, chance.randint(2, 6))) for _ in range(WATCHES)]
    vectors = encoder.encode(texts, "query")
    queries = {}
    for n, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
        mode = MODES[n % 3]
        filters = Filters(themes=(f"T0{n % 9 + 1}",)) if n % 2 else Filters()
        queries[f"w{n}"] = Query(text, mode, None if mode == "keyword" else vector, 0.4, filters)
    return queries


def measure_items(documents: list[Document], encoder: Encoder) -> list[Row]:
    """What one item costs, as it is and ten times as long."""
    queries = build_watches(documents, encoder)
    ready, standing = timed(lambda: Standing(queries, {d.language for d in documents}))
    found = [median_row(f"{len(queries)} watches made ready", [ready * 1000], "ms", digits=0)]
    long = [replace(d, passages=d.passages * 10) for d in documents[:10]]
    for name, items in (("item", documents), ("item of ten times the length", long)):
        spent = [timed(lambda item=item: standing.match(item))[0] * 1000 for item in items * ROUNDS]  # type: ignore[misc]
        found.append(median_row(f"{name} × {len(queries)} watches", spent, "ms", BAR, digits=1))
    return found


def measure_edge(documents: list[Document], labels: list[dict[str, Any]], encoder: Encoder) -> list[Row]:
    """Precision, recall and F1 of meaning alone at several edges."""
    found = []
    questions = encoder.encode([q for _, q in QUESTIONS], "query")
    best = np.array([[max(float(p.vector @ q) for p in d.passages if p.vector is not None) for d in documents] for q in questions])  # fmt: skip
    right, open_ = (
        np.array([[any(m == t or m.startswith(f"{t}.") for m in r[name]) for r in labels] for t, _ in QUESTIONS])
        for name in ("must", "borderline")
    )
    for edge in EDGES:
        fires = best >= edge
        hits, wrong, missed = (fires & right).sum(), (fires & ~right & ~open_).sum(), (~fires & right).sum()
        precision, recall = hits / (hits + wrong), hits / (hits + missed)
        f1 = 2 * precision * recall / (precision + recall)
        found.append(Row(f"min_cosine {edge:.2f}", f"P {precision:.2f}, R {recall:.2f}, F1 {f1:.2f}"))
    return found


if __name__ == "__main__":
    the_encoder = load_encoder()
    labelled = [json.loads(line) for line in LABELLED.read_text("utf-8").splitlines()]
    english = [row for row in labelled if row["language"] == "en"]
    made = [build_document(row, the_encoder) for row in english]
    rows = [*measure_items(made, the_encoder), *measure_edge(made, english, the_encoder)]
    sys.exit(report("standing questions", rows))
