"""Elasticsearch on one node of this machine: `python -m benchmarks.elastic [--articles N] [--bulk N] [--graph bbq_hnsw]`. Needs what the tests' node needs.

Writing: our `upsert` against a bare `streaming_bulk` of the same rows, made beforehand, vectors as base64 in both, each slice until it can be found. Both
write all articles, slice by slice in turns, so that both met the same machine and the same growing index; the share is the median of the turns. One slice goes before,
unmeasured, since a server just started takes twice as long for its first, whoever writes it. In every second slice new words are stemmed in our time, in
the others they are known. Memory is what this process holds after a slice; it must not grow with what was written.
Answering: 100,000 passages as in `benchmarks.search`, in our index after one force-merge, warm, the kinds taking turns; p50 and p95 over all questions.
Recall@10 is measured against exact products over all vectors, with the candidates of a hybrid search, the fewest that we ask for. The node has 1 GiB of
heap and shares both cores with the client.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks._corpus import DIMS, PASSAGES, ROOT, Matrix, encoded_passages, filler, unit
from benchmarks._table import Row, median_row, report, spread, timed
from benchmarks.search import QUESTIONS, questions
from search import elastic_rows as rows
from search.client import Elasticsearch, bulk, connect
from search.elastic_find import k_of
from search.elastic_index import ElasticIndex
from search.elastic_layout import create_generation, drop
from search.elastic_query import nearest_search
from search.hybrid import WINDOW
from search.schema import Document, Query

sys.path.insert(0, str(ROOT / "tests"))
from elasticsearch_node.elasticsearch_node import Node

MODEL = "benchmark"
BULK_SHARE = 0.8
BARS = {"hybrid": (60.0, 150.0)}  # milliseconds, p50 and p95
RECALL = 0.98
SLICE = 1000  # articles of one turn
GROWN = 32  # MiB; a slice holds 20
ASKED, WARM, RECALLED = 40, 5, 100


def actions_of(documents: Sequence[Document], prefix: str) -> list[dict[str, Any]]:
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


def bare(client: Elasticsearch, documents: Sequence[Document], pid: int) -> Spent:
    """What the client's own helper takes until the same rows, made beforehand, can be found."""
    actions = actions_of(documents, "bare")

    def write() -> None:
        assert all(ok for ok, _ in bulk(client, actions))
        client.indices.refresh(index="bare-*")

    return spent(write, pid)


class Spent(NamedTuple):
    """Seconds by the clock, and of the processor by this process and the server together."""

    wall: float
    processor: float


def spent(work: Callable[[], object], pid: int) -> Spent:
    """What a piece of work takes."""
    before = processor(pid)
    wall, _ = timed(work)
    return Spent(wall, processor(pid) - before)


def processor(pid: int) -> float:
    """Seconds of the processor that this process and the server have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident() -> float:
    """MiB of this process at this moment."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def measure_writing(index: ElasticIndex, bulked: int, documents: Iterator[Document], pid: int) -> list[Row]:
    """Write `bulked` articles by our engine and by the client's bare helper, slice by slice in turns; articles a second, and memory from slice to slice."""
    create_generation(index.client, "bare", 1, DIMS, live=True, graph=index.graph)
    bare(index.client, list(filler(SLICE, encoded_passages(), np.random.default_rng(5), MODEL)), pid)
    drop(index.client, "bare", 1)
    create_generation(index.client, "bare", 1, DIMS, live=True, graph=index.graph)
    ours: list[Spent] = []
    bares: list[Spent] = []
    memory: list[float] = []
    for turn in range(bulked // SLICE):
        part = list(itertools.islice(documents, SLICE))
        if turn % 2:
            bares.append(bare(index.client, part, pid))
        ours.append(spent(partial(index.upsert, iter(part)), pid))
        if not turn % 2:
            bares.append(bare(index.client, part, pid))
        memory.append(resident())
    drop(index.client, "bare", 1)
    shares = [b.wall / o.wall for b, o in zip(bares, ours, strict=True)]
    share, together = statistics.median(shares), sum(b.wall for b in bares) / sum(o.wall for o in ours)
    work = sum(b.processor for b in bares) / sum(o.processor for o in ours)
    settled = memory[len(memory) // 4 :]  # before, the stemmer's cache fills
    grown = max(settled) - settled[0]
    return [
        median_row("bare streaming_bulk", [SLICE / b.wall for b in bares], "articles/s"),
        median_row("ours, rows made on the way", [SLICE / o.wall for o in ours], "articles/s"),
        Row("ours against bare", f"{share:.2f} ×", f"± {spread(shares):.2f}", f"≥ {BULK_SHARE} ×", share >= BULK_SHARE),
        Row("all slices together; by the processor's time", f"{together:.2f} ×; {work:.2f} ×"),
        Row("memory grown after a quarter", f"{grown:.0f} MiB", bar=f"≤ {GROWN} MiB", held=grown <= GROWN),
    ]


def exact(vectors: Matrix, question: Matrix, articles: int) -> list[int]:
    """The ten nearest articles by exact products."""
    best = (vectors @ question).reshape(articles, PASSAGES).max(axis=1)
    return [int(n) for n in np.argsort(-best)[:10]]


def measure_answering(index: ElasticIndex) -> list[Row]:
    """Milliseconds of each kind of question."""
    streams = questions(encoded_passages(), np.random.default_rng(9))
    times: dict[str, list[float]] = {kind: [] for kind in streams}
    for turn in range(ASKED + WARM):
        for kind, stream in streams.items():
            seconds, _ = timed(partial(index.find, next(stream)))
            if turn >= WARM:
                times[kind].append(1000 * seconds)
    made = []
    for kind, values in times.items():
        p50, p95 = np.percentile(values, [50, 95])
        bars = BARS.get(kind)
        made.append(
            Row(f"{kind}, p50 / p95", f"{p50:.1f} / {p95:.1f} ms", bar=f"≤ {bars[0]:.0f} / {bars[1]:.0f} ms" if bars else "",
                held=bool(p50 <= bars[0] and p95 <= bars[1]) if bars else None)
        )  # fmt: skip
    return made


def measure_recall(index: ElasticIndex, matrix: Matrix) -> Row:
    """Share of the ten truly nearest articles among the ten of a hybrid search's neighbours: its depth and candidates, words left out."""
    rng, shares = np.random.default_rng(11), []
    for _ in range(RECALLED):
        question = unit(matrix[rng.integers(len(matrix))] + 0.1 * unit(rng.normal(size=DIMS)))
        found = {int(hit.id, 16) for hit in index.find(Query(vector=question, collapse=False, limit=10)).hits}
        shares.append(len(found & set(exact(matrix, question, len(matrix) // PASSAGES))) / 10)
    recall = statistics.mean(shares)
    candidates = nearest_search(question, [], k_of(WINDOW), None)["knn"]["num_candidates"]
    what = f"recall@10 against exact, num_candidates {candidates}"
    return Row(what, f"{recall:.3f}", bar=f"≥ {RECALL}", held=recall >= RECALL)


def kept(documents: Iterator[Document], into: Matrix) -> Iterator[Document]:
    """The same documents; their vectors go into `into`, in order."""
    row = 0
    for document in documents:
        for passage in document.passages:
            into[row] = passage.vector
            row += 1
        yield document


def main() -> int:
    """Start a node, write, merge, ask, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--articles", type=int, default=25_000)
    options.add_argument("--bulk", type=int, default=20_000)
    options.add_argument("--graph", choices=tuple(rows.OVERSAMPLE), default="int8_hnsw")
    chosen = options.parse_args()
    matrix = np.ones((chosen.articles * PASSAGES, DIMS), np.float32)
    with Node(heap="1g") as node, connect(node.url) as client:
        index = ElasticIndex(client, prefix="ours", model=MODEL, graph=chosen.graph)
        documents = kept(filler(chosen.articles, encoded_passages(), np.random.default_rng(7), MODEL), matrix)
        made = measure_writing(index, chosen.bulk, documents, node.pid)
        index.upsert(documents)
        made.append(
            Row("refresh of both indices", f"{1000 * timed(partial(client.indices.refresh, index='ours-*'))[0]:.0f} ms")
        )
        merging = timed(
            lambda: client.options(request_timeout=600).indices.forcemerge(index="ours-*", max_num_segments=1)
        )[0]
        made += [
            Row("force-merge to one segment", f"{merging:.1f} s"),
            *measure_answering(index),
            measure_recall(index, matrix),
        ]
        peak = next(row for row in Path(f"/proc/{node.pid}/status").read_text().splitlines() if row.startswith("VmHWM"))
    made.append(Row("node: resident at most", f"{int(peak.split()[1]) / 1024:.0f} MiB"))
    return report(
        f"{chosen.bulk:,} articles written twice, {chosen.articles * PASSAGES:,} passages asked, {len(QUESTIONS)} questions, {os.cpu_count()} cores",
        made,
    )


if __name__ == "__main__":
    sys.exit(main())
