"""A pass over 100 unchanged sources on loopback: `python -m benchmarks.unchanged`.

The newsroom's generated offices (an RSS feed of two items each) are visited once, then again and again with nothing new.
Bars: the unchanged passes encode nothing, write no article, and take 10 s at most (median).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks._table import Row, median_row, report, timed
from iprwatch.context import Context
from iprwatch.flow import Visit, run_pass
from iprwatch.newsroom.generate import write_offices
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import start_scene
from iprwatch.report import Report
from iprwatch.settings import load_settings

OFFICES, ITEMS, ROUNDS = 100, 2, 5
SECONDS = 10.0


def none_of(what: str, counts: Sequence[int]) -> Row:
    """A row for what must not happen in any round."""
    return Row(what, f"{sum(counts)}", "", "0", not any(counts))


def measure(home: Path) -> tuple[tuple[float, Report], list[tuple[float, Report]]]:
    """Seconds and report of the first pass, and of the unchanged ones after it."""
    settings = load_settings(home=home, space="demo").prepared()
    newsroom = settings.folder / "newsroom"
    start_scene(newsroom)
    ids = write_offices(newsroom, OFFICES, ITEMS, 7)
    declared = load_settings(home=home, space="demo", sources=(newsroom / "sources",))
    with Context(declared) as context, Server(newsroom) as server:
        visit = Visit(host_map=server.hosts, delay_scale=0.0)
        first, *others = (timed(lambda: run_pass(context, ids, visit)) for _ in range(1 + ROUNDS))
    return first, others


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        (spent, first), others = measure(Path(folder))
    reports = [again for _, again in others]
    visited = [sum(o.status == "unchanged" for o in again.outcomes.values()) for again in reports]
    rows = [
        Row("first pass", f"{spent:.1f} s, {first.counts.new} articles"),
        median_row("unchanged pass", [seconds for seconds, _ in others], "s", SECONDS),
        Row("sources seen as unchanged", f"{min(visited)}", "", f"{OFFICES}", min(visited) == OFFICES),
        none_of("encodes", [again.counts.encoded for again in reports]),
        none_of("article writes", [again.counts.new + again.counts.revised for again in reports]),
    ]
    return report(f"{OFFICES} sources on loopback, {ROUNDS} unchanged passes", rows)


if __name__ == "__main__":
    sys.exit(main())
