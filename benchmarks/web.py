"""How fast the page answers at 100,000 passages and 10 users at once: `python -m benchmarks.web [--articles N]`.

The page runs as people start it, in a process of its own, over an index of `benchmarks/_corpus.py` filler under the default model's
name, so that questions are really encoded. Ten users each keep a connection and ask questions that nobody asked before (three topic
words, every third one narrowed to a theme, every fifth by economy), with all facets and reasons. Two rounds: each user reads for a
second on average before asking again, and ten users who never pause, which is the bar's hardest reading. A time is from the question
sent to the last byte of the page. First answer: from starting the program to a whole page of hits, five starts.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import numpy as np

from benchmarks._corpus import PASSAGES, ROOT, TOPIC_WORDS, encoded_passages, filler
from benchmarks._table import Row, median_row, report
from pipelines.embed.weights import MODEL_ID
from search.schema import Query
from search.sqlite_index import SqliteIndex

USERS = 10
SECONDS = 15.0  # of each round: some hundreds of answers
STARTS = 5
BARS = {"p50": 80.0, "p95": 250.0}
"""Milliseconds."""
FIRST, RESIDENT = 2.0, 700  # seconds, MiB
ADDRESS = re.compile(rb"http://\S+:\d+/")


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int, float]]:
    """A running page: its address, its process id and when it was started."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "iprwatch.cli.main", "web", "--port", "0", "--live"]
    environment = os.environ | {"IPRWATCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        found = ADDRESS.search(process.stdout.readline())
        assert found, "the page did not start"
        yield found[0].decode(), process.pid, started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def first_answer(home: Path) -> float:
    """Seconds from starting the program to a whole page of hits."""
    with served(home) as (address, _, started):
        answer = httpx.get(f"{address}search?q=artificial+intelligence+inventor", timeout=30)
        assert answer.status_code == 200, answer.text
        assert 'class="hit"' in answer.text
        return time.perf_counter() - started


def questions(rng: random.Random) -> Iterator[str]:
    """Addresses of questions that do not come again."""
    words = TOPIC_WORDS.split()
    for number in range(10**9):
        asked = {"q": " ".join(rng.sample(words, 3))}
        asked |= {"theme": f"T{rng.randrange(10):02d}"} if number % 3 == 0 else {}
        asked |= {"view": "economies"} if number % 5 == 0 else {}
        yield f"search?{urlencode(asked)}"


def crowd(address: str, pause: float) -> list[float]:
    """Milliseconds of every answer to ten users, each of whom reads `pause` seconds on average between two questions."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS

    def user(number: int) -> None:
        rng = random.Random(number)
        with httpx.Client(base_url=address, timeout=30) as client:
            for question in questions(rng):
                if pause:
                    time.sleep(rng.expovariate(1 / pause))
                if time.perf_counter() > end:
                    return
                begin = time.perf_counter()
                assert client.get(question).status_code == 200
                times.append(1000 * (time.perf_counter() - begin))

    users = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
    for each in users:
        each.start()
    for each in users:
        each.join()
    return times


def rows_of(name: str, times: list[float], held: bool) -> list[Row]:
    """Both quantiles of a round; against the bars where `held`."""
    values = {"p50": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}
    return [
        Row(
            f"{name}, {quantile}", f"{value:.0f} ms", f"n {len(times)}", f"≤ {BARS[quantile]:g} ms" if held else "",
            value <= BARS[quantile] if held else None,
        )
        for quantile, value in values.items()
    ]  # fmt: skip


def resident(pid: int) -> float:
    """MiB at most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> int:
    """Build, measure, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--articles", type=int, default=25_000)
    articles = options.parse_args().articles
    with tempfile.TemporaryDirectory() as folder:
        index = SqliteIndex(Path(folder) / "live" / "index", model=MODEL_ID)
        index.upsert(filler(articles, encoded_passages(), np.random.default_rng(7), MODEL_ID))
        index.find(
            Query(text="design treaty", vector=encoded_passages()[0])
        )  # as a run does: keeps the vectors as one block
        index.close()
        home = Path(folder)
        rows = [median_row("start to first answer", [first_answer(home) for _ in range(STARTS)], "s", FIRST)]
        with served(home) as (address, pid, _):
            for _ in range(3):  # the model is opened and the vectors are mapped
                httpx.get(f"{address}search?q=design+treaty", timeout=30)
            rows += rows_of(f"{USERS} users who read for a second", crowd(address, 1.0), held=True)
            rows += rows_of(f"{USERS} users who never pause", crowd(address, 0.0), held=False)
            rows.append(median_row("resident at most", [resident(pid)], "MiB", RESIDENT, 0))
    return report(f"{articles * PASSAGES:,} passages", rows)


if __name__ == "__main__":
    sys.exit(main())
