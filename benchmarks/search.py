"""How fast the embedded index answers at 100,000 passages × 384, and in how much memory: `python -m benchmarks.search [--articles N]`.

2,000 of the vectors are really encoded, the others have noise around them (`benchmarks/_corpus.py` says how). Warm: the first round of
all kinds of question is thrown away; then 30 rounds, the kinds taking turns in each. Encoding a question is not counted. Each kind's
figure is the median over the rounds of the round's median over its questions. A question reads all vectors once (147 MiB), so that the
figure is the machine's memory speed before all: it doubles while another process is at work. Memory is the peak of the process that wrote the index
and answered, and of a new process that opens it and answers once of each kind.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._corpus import DIMS, PASSAGES, ROOT, Matrix, encoded_passages, filler, unit
from benchmarks._table import Row, median_row, report, timed
from search.schema import Filters, Query
from search.sqlite_index import SqliteIndex

MODEL = "benchmark"
ROUNDS, PROBES = 30, 5
BARS = {"vector": 15.0, "hybrid": 30.0, "filtered": 10.0}
"""Milliseconds; the other kinds have none of their own."""
RESIDENT = 600  # MiB

QUESTIONS = (
    "design treaty",
    "artificial intelligence inventor",
    "counterfeit goods on online platforms",
    "green technology",
    "PR/2026/931",
)
PROBE = """
import sys, time; start = time.perf_counter()
from pathlib import Path
import numpy as np
from search.sqlite_index import SqliteIndex
from search.schema import Query
index, vector = SqliteIndex(Path(sys.argv[1]), read_only=True), np.full(384, 384 ** -0.5, np.float32)
index.find(Query("design treaty", vector=vector))
seconds = time.perf_counter() - start
for mode in ("keyword", "semantic"):
    index.find(Query("design treaty", mode, vector, facets=("theme", "source", "month")))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss would be the parent's
print(seconds, int(peak.split()[1]) / 1024)
"""


def questions(base: Matrix, rng: np.random.Generator) -> dict[str, Iterator[Query]]:
    """One endless stream of questions per kind; a question's vector is near a really encoded passage."""
    near = [unit(base[rng.integers(len(base))] + 0.1 * unit(rng.normal(size=DIMS))) for _ in QUESTIONS]
    pairs = itertools.cycle(zip(QUESTIONS, near, strict=True))
    narrow = Filters(themes=("T03",))
    return {
        "keyword": (Query(t, "keyword") for t, _ in pairs),
        "vector": (Query(t, "semantic", v) for t, v in pairs),
        "hybrid": (Query(t, "hybrid", v) for t, v in pairs),
        "hybrid with facets": (Query(t, "hybrid", v, facets=("theme", "source", "month")) for t, v in pairs),
        "filtered": (Query(t, "semantic", v, filters=narrow) for t, v in pairs),
        "filtered hybrid": (Query(t, "hybrid", v, filters=narrow) for t, v in pairs),
    }


def measure(index: SqliteIndex, streams: dict[str, Iterator[Query]]) -> Iterator[Row]:
    """Milliseconds per kind of question."""
    rounds: dict[str, list[float]] = {kind: [] for kind in streams}
    for _ in range(ROUNDS + 1):
        for kind, stream in streams.items():
            times = [timed(partial(index.find, query))[0] for query in itertools.islice(stream, len(QUESTIONS))]
            rounds[kind].append(1000 * statistics.median(times))
    for kind, values in rounds.items():
        yield median_row(f"{kind}, p50", values[1:], "ms", BARS.get(kind), 1)


def probe(folder: str) -> list[Row]:
    """A new process: how long to its first answer, and its memory."""
    command = [sys.executable, "-c", PROBE, folder]
    probes = [subprocess.check_output(command, text=True, cwd=ROOT).split() for _ in range(PROBES)]
    seconds, resident = ([float(value) for value in column] for column in zip(*probes, strict=True))
    return [
        median_row("new process: imports, opening, first hybrid answer", seconds, "s"),
        median_row("new process: resident at most", resident, "MiB", RESIDENT, 0),
    ]


def main() -> int:
    """Build, measure, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--articles", type=int, default=25_000)
    articles = options.parse_args().articles
    rng, base = np.random.default_rng(7), encoded_passages()
    with tempfile.TemporaryDirectory() as folder:
        index = SqliteIndex(Path(folder), model=MODEL)
        seconds, _ = timed(lambda: index.upsert(filler(articles, base, rng, MODEL)))
        rows = [Row("writing", f"{articles / seconds:.0f} articles/s")]
        rows += measure(index, questions(base, rng))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows += [median_row("writing and answering: resident at most", [peak], "MiB", RESIDENT, 0), *probe(folder)]
        sizes = ((file.name, file.stat().st_size / 2**20) for file in sorted(Path(folder).iterdir()))
        rows += [Row(name, f"{size:.0f} MiB") for name, size in sizes]
        index.close()
    return report(f"{articles * PASSAGES:,} passages, {len(base):,} really encoded, {ROUNDS} rounds", rows)


if __name__ == "__main__":
    sys.exit(main())
