"""How fast the default encoder starts and encodes: `python -m benchmarks.encode [--rounds N] [--cache FOLDER]`.

Cold start: a fresh process, interpreter included, to its first vector, with the export already made. Throughput: texts of
about 60 and 200 words against `SentenceTransformer.encode` as its library ships it (torch fp32, batches of 32), the
contenders taking turns in every round; medians of the ratios within a round, since both halves of it met the same
machine. Noise: half the distance between the quartiles of those ratios.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._table import Row, median_row, report, spread, timed
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


def measure_cold_start(cache: Path, rounds: int) -> Row:
    """Fresh processes, one after another."""
    start = partial(subprocess.run, [sys.executable, "-c", PROBE, str(cache)], check=True)
    return median_row("cold start to first vector", [timed(start)[0] for _ in range(rounds)], "s", COLD_START)


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
        rows.append(Row(f"{words} words, {label}", value, f"± {spread(ratios):.2f}", said, held))
    return rows


def cosine_rows(words: int, made: dict[str, Vectors]) -> list[Row]:
    """The least cosine to the reference."""
    rows = []
    for name, needed in (("ours", COSINE), ("bf16", BF16_COSINE)):
        least = least_cosine(made[name], np.asarray(made["theirs"], dtype=np.float32))
        label = "default" if name == "ours" else "torch bf16"
        rows.append(Row(f"{words} words, least cosine, {label}", f"{least:.6f}", "", f"≥ {needed}", least >= needed))
    return rows


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
    return report(f"{options.rounds} interleaved rounds", rows)


if __name__ == "__main__":
    sys.exit(main())
