"""A pass over 100 unchanged sources on loopback: seconds, encodes and article writes. Bar: ≤ 10 s, 0, 0.

`python -m benchmarks.unchanged`; also the best of ten starts of `iprwatch --help` (bar ≤ 0.3 s).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from iprwatch.context import Context
from iprwatch.flow import Visit, run_pass
from iprwatch.newsroom.generate import write_offices
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import start_scene
from iprwatch.settings import load_settings

OFFICES, ITEMS, ROUNDS = 100, 2, 3


def measure_passes(home: Path) -> None:
    """Print the first pass and the unchanged ones after it."""
    settings = load_settings(home=home, space="demo").prepared()
    newsroom = settings.folder / "newsroom"
    start_scene(newsroom)
    ids = write_offices(newsroom, OFFICES, ITEMS, 7)
    with Context(load_settings(home=home, space="demo", sources=(newsroom / "sources",))) as context:
        with Server(newsroom) as server:
            visit = Visit(host_map=server.hosts, delay_scale=0.0)
            started = time.perf_counter()
            first = run_pass(context, ids, visit)
            print(
                f"first: {time.perf_counter() - started:.2f} s, {first.counts.new} articles, {first.counts.encoded} encoded"
            )
            seconds = []
            for _ in range(ROUNDS):
                started = time.perf_counter()
                again = run_pass(context, ids, visit)
                seconds.append(time.perf_counter() - started)
        written = again.counts.new + again.counts.revised
        unchanged = sum(o.status == "unchanged" for o in again.outcomes.values())
        print(f"unchanged: {median(seconds):.2f} s (bar 10), {unchanged} of {len(ids)} sources unchanged")
        print(f"           {again.counts.encoded} encodes (bar 0), {written} article writes (bar 0)")


def measure_help() -> float:
    """Seconds of the best of ten starts."""
    found = []
    for _ in range(10):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "iprwatch.cli.main", "--help"], capture_output=True, check=True)
        found.append(time.perf_counter() - started)
    return min(found)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure_passes(Path(folder))
    print(f"iprwatch --help: {measure_help():.2f} s (bar 0.3)")
