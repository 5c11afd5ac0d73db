"""Elasticsearch on one node of this machine: `python -m benchmarks.elastic [--articles N] [--bulk N]`. Needs what the tests' node needs.

Writing: our `upsert` against a bare `streaming_bulk` of the same rows, made beforehand, vectors as base64 in both; three rounds taking turns, each
into fresh indices. Answering: 100,000 passages as in `benchmarks.search`, warm, the kinds taking turns; p50 and p95 over all questions. Recall@10 is
measured against exact products over all vectors. The node has 1 GiB of heap and shares both cores with the client.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._corpus import DIMS, PASSAGES, ROOT, Matrix, encoded_passages, filler, unit
from benchmarks._table import Row, median_row, report, timed
from benchmarks.search import QUESTIONS, questions
from search import elastic_rows as rows
from search.client import Elasticsearch, bulk, connect
from search.elastic_index import ElasticIndex
from search.elastic_layout import create_generation, drop
from search.schema import Document, Query

sys.path.insert(0, str(ROOT / "tests"))
from elasticsearch_node.elasticsearch_node import Node

MODEL = "benchmark"
BULK_SHARE = 0.8
BARS = {"hybrid": (60.0, 150.0)}  # milliseconds, p50 and p95
RECALL = 0.98
ROUNDS, ASKED = 3, 40


def bare(client: Elasticsearch, prefix: str, actions: list[dict[str, Any]]) -> float:
    """Seconds that the client's own helper takes."""
    create_generation(client, prefix, 1, DIMS, live=True)
    seconds, _ = timed(lambda: all(ok for ok, _ in bulk(client, actions)))
    client.indices.refresh(index=f"{prefix}-*")
    drop(client, prefix, 1)
    return seconds


def actions_of(documents: list[Document], prefix: str) -> list[dict[str, Any]]:
    """The same rows as our engine writes, made beforehand."""
    made = []
    for d in documents:
        same = {"version": d.row_version, "version_type": "external_gte", "_op_type": "index"}
        made += [
            {"_index": f"{prefix}-passages", "_id": id, **same, "_source": source}
            for id, source in rows.passage_sources(d)
        ]
        made.append({"_index": f"{prefix}-articles", "_id": d.id, **same, "_source": rows.article_source(d)})
    return made


def measure_writing(client: Elasticsearch, count: int, base: Matrix) -> list[Row]:
    """Articles a second, ours and bare, in turns; and how much memory grew while writing."""
    documents = list(filler(count, base, np.random.default_rng(7), MODEL))
    actions = actions_of(documents, "bare")
    ours, bares = [], []
    for _ in range(ROUNDS):
        bares.append(bare(client, "bare", actions))
        index = ElasticIndex(client, prefix="ours", model=MODEL)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours.append(timed(partial(index.upsert, documents))[0])
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        drop(client, "ours", 1)
    share = statistics.median(b / o for b, o in zip(bares, ours, strict=True))
    return [
        median_row("bare streaming_bulk", [count / b for b in bares], "articles/s"),
        median_row("ours, rows made on the way", [count / o for o in ours], "articles/s"),
        Row("ours against bare", f"{share:.2f} ×", bar=f"≥ {BULK_SHARE} ×", held=share >= BULK_SHARE),
        Row("memory grown while writing", f"{grown:.0f} MiB"),
    ]


def exact(vectors: Matrix, question: Matrix, articles: int) -> list[int]:
    """The ten nearest articles by exact products."""
    best = (vectors @ question).reshape(articles, PASSAGES).max(axis=1)
    return [int(n) for n in np.argsort(-best)[:10]]


def measure_answering(client: Elasticsearch, count: int, base: Matrix) -> list[Row]:
    """Milliseconds of each kind of question, and recall."""
    index = ElasticIndex(client, prefix="large", model=MODEL)
    vectors: list[Matrix] = []

    def kept() -> Iterator[Document]:
        for document in filler(count, base, np.random.default_rng(7), MODEL):
            vectors.extend(p.vector for p in document.passages if p.vector is not None)
            yield document

    index.upsert(kept())
    client.indices.forcemerge(index="large-*", max_num_segments=1)
    streams = questions(base, np.random.default_rng(9))
    times: dict[str, list[float]] = {kind: [] for kind in streams}
    for turn in range(ASKED + 3):
        for kind, stream in streams.items():
            seconds, _ = timed(partial(index.find, next(stream)))
            if turn >= 3:  # warm
                times[kind].append(1000 * seconds)
    made = []
    for kind, values in times.items():
        p50, p95 = np.percentile(values, [50, 95])
        bars = BARS.get(kind)
        made.append(
            Row(f"{kind}, p50 / p95", f"{p50:.1f} / {p95:.1f} ms", bar=f"≤ {bars[0]:.0f} / {bars[1]:.0f} ms" if bars else "",
                held=bool(p50 <= bars[0] and p95 <= bars[1]) if bars else None)
        )  # fmt: skip
    matrix, rng, shares = np.stack(vectors), np.random.default_rng(11), []
    for _ in range(50):
        question = unit(matrix[rng.integers(len(matrix))] + 0.1 * unit(rng.normal(size=DIMS)))
        found = {int(hit.id, 16) for hit in index.find(Query("x", "semantic", question, collapse=False, limit=10)).hits}
        shares.append(len(found & set(exact(matrix, question, count))) / 10)
    recall = statistics.mean(shares)
    return [
        *made,
        Row("recall@10 against exact, 50 questions", f"{recall:.3f}", bar=f"≥ {RECALL}", held=recall >= RECALL),
    ]


def main() -> int:
    """Start a node, write, ask, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--articles", type=int, default=25_000)
    options.add_argument("--bulk", type=int, default=20_000)
    chosen, base = options.parse_args(), encoded_passages()
    with Node(heap="1g") as node, connect(node.url) as client:
        made = [*measure_writing(client, chosen.bulk, base), *measure_answering(client, chosen.articles, base)]
        peak = next(row for row in Path(f"/proc/{node.pid}/status").read_text().splitlines() if row.startswith("VmHWM"))
        resident = int(peak.split()[1]) / 1024
    made.append(Row("node: resident at most", f"{resident:.0f} MiB"))
    return report(
        f"{chosen.bulk:,} articles written, {chosen.articles * PASSAGES:,} passages asked, {len(QUESTIONS)} questions, {os.cpu_count()} cores",
        made,
    )


if __name__ == "__main__":
    sys.exit(main())
