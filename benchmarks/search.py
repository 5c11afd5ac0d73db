"""How fast the embedded index answers at 100,000 passages × 384: `python -m benchmarks.search [--articles N] [--encoded FILE.npy]`.

Texts are drawn from a vocabulary with the skew of natural language (Zipf). Vectors: those of `--encoded` (a float32 array, shape (n, 384), unit length,
e.g. 2,000 really encoded passages), else 2,000 synthetic ones in 200 clusters; every other passage is one of them plus noise of 0.5 times its length,
made unit length again. Rounds of all questions are interleaved; medians, with the spread between rounds as noise. Encoding a question is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.schema import Document, Filters, IndexedPassage, IndexedTag, Query
from search.sqlite_index import SqliteIndex

DIMS = 384
PASSAGES = 4
NOISE = 0.5
ROUNDS = 30
BARS = {"vector": 15.0, "hybrid": 30.0, "filtered": 10.0}
"""Milliseconds at 100,000 passages; `keyword` has none of its own."""

TOPIC_WORDS = """
    patent trademark design copyright office examination filing applicant treaty counterfeit enforcement artificial intelligence inventor standard
    essential licence court appeal fee consultation guideline traditional knowledge genetic resources innovation green technology small enterprise
    online platform seizure customs training cooperation statement grant opposition renewal register publication geographical indication
"""
TOPICS = TOPIC_WORDS.split()
LANGUAGES = ("en", "en", "en", "de", "fr", "es", "it", "pt", "ja")
"""Of the articles; a question is asked in the stems of each, though the words are English throughout."""

QUESTIONS = (
    "design treaty",
    "artificial intelligence inventor",
    "counterfeit goods on online platforms",
    "green technology",
    "PR/2026/931",
)
PROBE = """
import sys, time; t = time.perf_counter()
from pathlib import Path
import numpy as np
from search.sqlite_index import SqliteIndex
from search.schema import Query
v = np.full(384, 384 ** -0.5, np.float32)
SqliteIndex(Path(sys.argv[1]), read_only=True).find(Query("design treaty", vector=v))
seconds = time.perf_counter() - t
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss would be the parent's
print(seconds, int(peak.split()[1]) / 1024)
"""


def encoded(path: Path | None, rng: np.random.Generator) -> NDArray[np.float32]:
    """The passages that stand for really encoded ones."""
    if path:
        return np.asarray(np.load(path), np.float32)
    centres = rng.normal(size=(200, DIMS))
    return unit(centres[rng.integers(0, 200, 2000)] + rng.normal(size=(2000, DIMS)) * 0.8)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def documents(count: int, base: NDArray[np.float32], rng: np.random.Generator) -> Iterator[Document]:
    """Invented articles of four passages of about 50 words."""
    words = np.array([*TOPICS, *(f"w{i:05d}" for i in range(30_000))])
    chances = 1 / (np.arange(len(words)) + 20.0)
    chances /= chances.sum()
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for i in range(count):
        drawn = rng.choice(words, (PASSAGES, 50), p=chances)
        near = base[rng.integers(0, len(base), PASSAGES)]
        vectors = unit(near + NOISE * unit(rng.normal(size=near.shape)))
        texts = [" ".join(row) for row in drawn]
        passages = tuple(
            IndexedPassage(n, 0, len(t), t, v) for n, (t, v) in enumerate(zip(texts, vectors, strict=True))
        )
        at = start + timedelta(minutes=20 * i)
        yield Document(
            id=f"{i:064x}", row_version=1, source=f"office-{i % 30}", economy=("US", "JP", "EU", "GB", "DE")[i % 5], language=LANGUAGES[i % len(LANGUAGES)],
            url=f"https://office.example/{i}", title=f"{' '.join(rng.choice(words, 8, p=chances))} PR/2026/{i}", text=" ".join(texts), author="",
            published=at, first_seen=at, story=f"{i - i % 3:064x}", head=i % 3 == 0, verdict="themed",
            tags=(IndexedTag(f"T{i % 15:02d}.1", 0.7, "", ""),), passages=passages, model="benchmark",
        )  # fmt: skip


def questions(base: NDArray[np.float32], rng: np.random.Generator) -> dict[str, Iterator[Query]]:
    """One endless stream of questions per kind."""
    pairs = itertools.cycle(
        [(text, unit(base[rng.integers(len(base))] + 0.1 * rng.normal(size=DIMS))) for text in QUESTIONS]
    )
    narrow = Filters(themes=("T03",))
    return {
        "keyword": (Query(t, "keyword") for t, _ in pairs),
        "vector": (Query(t, "semantic", v) for t, v in pairs),
        "hybrid": (Query(t, "hybrid", v) for t, v in pairs),
        "hybrid+facets": (Query(t, "hybrid", v, facets=("theme", "source", "month")) for t, v in pairs),
        "filtered": (Query(t, "semantic", v, filters=narrow) for t, v in pairs),
        "filtered hybrid": (Query(t, "hybrid", v, filters=narrow) for t, v in pairs),
    }


def measure(index: SqliteIndex, streams: dict[str, Iterator[Query]]) -> dict[str, list[float]]:
    """Milliseconds per kind: each round's median over the questions, rounds interleaved."""
    rounds: dict[str, list[float]] = {kind: [] for kind in streams}
    for _ in range(ROUNDS + 1):
        for kind, stream in streams.items():
            times = []
            for query in itertools.islice(stream, len(QUESTIONS)):
                begin = time.perf_counter()
                index.find(query)
                times.append((time.perf_counter() - begin) * 1000)
            rounds[kind].append(statistics.median(times))
    return {kind: values[1:] for kind, values in rounds.items()}  # the first round warms


def main() -> None:
    """Build, measure, print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--articles", type=int, default=25_000)
    options.add_argument("--encoded", type=Path)
    chosen = options.parse_args()
    rng = np.random.default_rng(7)
    base = encoded(chosen.encoded, rng)
    with tempfile.TemporaryDirectory() as folder:
        index = SqliteIndex(Path(folder), model="benchmark")
        begin = time.perf_counter()
        index.upsert(documents(chosen.articles, base, rng))
        print(f"{chosen.articles * PASSAGES:,} passages written in {time.perf_counter() - begin:.1f} s")
        for kind, values in measure(index, questions(base, rng)).items():
            low, middle, high = statistics.quantiles(values, n=4)
            bar = BARS.get(kind)
            print(
                f"{kind:16} p50 {middle:6.1f} ms   noise (quartiles) {low:.1f}-{high:.1f}   {f'bar {bar:.0f} ms' if bar else ''}"
            )
        print(f"resident at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB   bar 600")
        command = [sys.executable, "-c", PROBE, folder]
        probes = [subprocess.check_output(command, text=True).split() for _ in range(5)]
        seconds, resident = (statistics.median(map(float, column)) for column in zip(*probes, strict=True))
        print(f"new process: import + open + first hybrid question {seconds:.2f} s, resident {resident:.0f} MiB")
        for file in sorted(Path(folder).iterdir()):
            print(f"{file.name:20} {file.stat().st_size / 2**20:7.1f} MiB")
        index.close()


if __name__ == "__main__":
    main()
