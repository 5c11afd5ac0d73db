"""How fast the default encoder starts and encodes: `python -m benchmarks.encode [--rounds N] [--cache FOLDER]`.

Cold start: a fresh process, interpreter included, to its first vector, with the export already made. Throughput: texts of
about 60 and 200 words against `SentenceTransformer.encode` as its library ships it (torch fp32, batches of 32), the
contenders taking turns in every round; medians of the ratios within a round, since both halves of it met the same
machine. Noise: half the distance between the quartiles of those ratios. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipelines.embed import Encoder, Vectors, load_encoder
from pipelines.embed.parity import least_cosine
from pipelines.embed.weights import verified_folder

BARS = {60: 1.0, 200: 1.15}
"""Least ratio to sentence-transformers, by words per text."""
COLD_START = 1.0  # seconds, at most
COSINE, BF16_COSINE = 0.9999, 0.999
TEXTS = {60: 96, 200: 32}  # about a second of work each
SPREAD = 0.2  # texts are up to this much shorter or longer, as passages are

VOCABULARY = """
    the of and to in for on by with from a that will be is are has office patent trade mark design applicant application examination examiner
    consultation fees treaty enforcement customs counterfeit goods copyright licence standard essential artificial intelligence invention green
    technology small enterprises guidance report register cooperation agreement accelerated opposition appeal court decision public comments
"""
PROBE = """
import sys; from pathlib import Path
from pipelines.embed import load_encoder
load_encoder(cache=Path(sys.argv[1])).encode(["Office opens consultation on fees."])
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `bar` None: for information."""

    what: str
    value: str
    noise: str
    bar: str
    held: bool | None


def texts(words: int, count: int, seed: int) -> list[str]:
    """Invented prose without meaning, in sentences of 12 words."""
    rng, vocabulary = random.Random(seed), VOCABULARY.split()
    return [
        " ".join(
            rng.choice(vocabulary) + ("." if n % 12 == 11 else "")
            for n in range(rng.randint(int(words * (1 - SPREAD)), int(words * (1 + SPREAD))))
        )
        for _ in range(count)
    ]


def timed(work: Callable[[], Vectors]) -> tuple[float, Vectors]:
    """Seconds and what came of it."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def quartile_noise(values: list[float]) -> float:
    """Half the distance between the quartiles."""
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def measure_cold_start(cache: Path, rounds: int) -> Row:
    """Fresh processes, one after another."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROBE, str(cache)], check=True)
        seconds.append(time.perf_counter() - start)
    middle = statistics.median(seconds)
    noise = f"± {quartile_noise(seconds):.2f}"
    return Row("cold start to first vector", f"{middle:.2f} s", noise, f"≤ {COLD_START:.1f} s", middle <= COLD_START)


def measure_throughput(ours: Encoder, bf16: Encoder, rounds: int) -> list[Row]:
    """Both lengths, all contenders in turn."""
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(verified_folder()), device="cpu")
    rows: list[Row] = []
    for words, bar in BARS.items():
        sample = texts(words, TEXTS[words], seed=words)
        contenders: dict[str, Callable[[], Vectors]] = {
            "theirs": partial(theirs.encode, sample, show_progress_bar=False),
            "ours": partial(ours.encode, sample),
            "bf16": partial(bf16.encode, sample),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        made = {name: work() for name, work in contenders.items()}  # warm
        for turn in range(rounds):
            order = sorted(contenders) if turn % 2 else sorted(contenders, reverse=True)
            for name in order:
                spent, made[name] = timed(contenders[name])
                seconds[name].append(spent)
        rows += throughput_rows(words, bar, seconds)
        rows += cosine_rows(words, made)
    return rows


def throughput_rows(words: int, bar: float, seconds: dict[str, list[float]]) -> list[Row]:
    """Texts a second, and the ratios."""
    count = TEXTS[words]
    rate = {name: count / statistics.median(spent) for name, spent in seconds.items()}
    rows = [Row(f"{words} words, sentence-transformers", f"{rate['theirs']:.0f} texts/s", "", "", None)]
    for name, needed in (("ours", bar), ("bf16", None)):
        ratios = [slow / fast for slow, fast in zip(seconds["theirs"], seconds[name], strict=True)]
        ratio = statistics.median(ratios)
        label = "default" if name == "ours" else "torch bf16 (opt-in)"
        value = f"{rate[name]:.0f} texts/s = {ratio:.2f} ×"
        held = None if needed is None else ratio >= needed
        said = "" if needed is None else f"≥ {needed:.2f} ×"
        rows.append(Row(f"{words} words, {label}", value, f"± {quartile_noise(ratios):.2f}", said, held))
    return rows


def cosine_rows(words: int, made: dict[str, Vectors]) -> list[Row]:
    """The least cosine to the reference."""
    rows = []
    for name, needed in (("ours", COSINE), ("bf16", BF16_COSINE)):
        least = least_cosine(made[name], np.asarray(made["theirs"], dtype=np.float32))
        label = "default" if name == "ours" else "torch bf16"
        rows.append(Row(f"{words} words, least cosine, {label}", f"{least:.6f}", "", f"≥ {needed}", least >= needed))
    return rows


def render(rows: list[Row]) -> str:
    """The table."""
    marks = {True: "held", False: "MISSED", None: ""}
    head = f"{'':42} {'median':24} {'noise':8} {'bar':10}"
    lines = [f"{row.what:42} {row.value:24} {row.noise:8} {row.bar:10} {marks[row.held]}".rstrip() for row in rows]
    return "\n".join([head.rstrip(), *lines])


def main() -> int:
    """Measure, print, say whether the bars held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cache", type=Path, help="folder of the exported model; a fresh one if not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        cache = options.cache or Path(fresh)
        spent, _ = timed(lambda: load_encoder(cache=cache).encode(["first"]))
        rows = [Row("first start of all (export and comparison)", f"{spent:.2f} s", "", "", None)]
        rows.append(measure_cold_start(cache, options.rounds))
        rows += measure_throughput(load_encoder(cache=cache), load_encoder(bf16=True), options.rounds)
    print(f"{options.rounds} interleaved rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(render(rows))
    return 1 if any(row.held is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
