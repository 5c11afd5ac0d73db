"""200 idle sources under the watcher at their real intervals, in a process of its own: processor, memory, bells. Loopback, without TLS.

`python -m benchmarks.watcher_idle [SECONDS]` (300). The catalogue's enabled sources, and generated offices up to 200 with the catalogue's intervals in turn;
all are visited once, then the watcher starts as after a long stop: every list is overdue, and due again at its own interval. Bars: ≤ 10 % of one core
and ≤ 400 MB for it all, and no bell.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from itertools import cycle
from pathlib import Path

from benchmarks._table import Row, report
from iprwatch.bells import ring_bells
from iprwatch.context import Context
from iprwatch.ledger.looks import Finding, enrol_looks, find_looks, record_findings
from iprwatch.newsroom.generate import write_offices
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import start_scene
from iprwatch.settings import Settings, load_settings
from spiders.source import load_sources

SOURCES, ITEMS, SECONDS = 200, 5, 300.0
CORE, MEMORY = 0.10, 400  # share, MB


async def listen(home: Path, hosts: dict[str, str], seconds: float) -> int:
    """Bells rung in that time."""
    rung = 0
    try:
        async with asyncio.timeout(seconds), aclosing(ring_bells(open_settings(home), hosts)) as bells:
            async for batch in bells:
                rung += len(batch)
    except TimeoutError:
        pass
    return rung


def open_settings(home: Path) -> Settings:
    """The demo space under `home`, without a model."""
    return load_settings(home=home, space="demo", model="hash")


def watch(home: str, hosts: str, seconds: str) -> None:
    """The measured process: prints what it used as JSON."""
    rung = asyncio.run(listen(Path(home), json.loads(hosts), float(seconds)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()  # the peak that getrusage gives is the parent's
    (peak,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    print(json.dumps({"rung": rung, "processor": used.ru_utime + used.ru_stime, "kilobytes": peak}))


def declare(newsroom: Path) -> None:
    """Generated offices beside the catalogue, with its intervals."""
    catalogue = [s for s in load_sources().values() if s.enabled]
    intervals = cycle(f"{s.every.total_seconds():g}s" for s in catalogue)
    write_offices(newsroom, SOURCES - len(catalogue), ITEMS, 11)
    for path in sorted((newsroom / "sources").rglob("*.yaml")):
        lines = path.read_text("utf-8").splitlines()
        kept = [line for line in lines if not line.startswith("every:")]
        path.write_text("\n".join([*kept, f"every: {next(intervals)}"]) + "\n", "utf-8")


def make_overdue(context: Context, ids: list[str], now: datetime) -> None:
    """Every list is due (an ID walk has none and rings by the clock)."""
    with context.ledger.write() as connection:
        enrol_looks(connection, ids, now)
        looks = find_looks(connection).values()
        late = [Finding(look, replace(look, due=now)) for look in looks if not context.sources[look.source].walk.url]
        record_findings(connection, late, now)


def measure(home: Path, seconds: float) -> tuple[dict[str, float], int, int]:
    """What the watcher used, how many sources there were and how many looks it made in time."""
    from iprwatch.flow import Visit, choose_sources, run_pass  # what the measured process does not load

    settings = open_settings(home).prepared()
    newsroom = settings.folder / "newsroom"
    start_scene(newsroom)
    declare(newsroom)
    with Context(settings) as context, Server(newsroom) as server:
        ids = choose_sources(context)
        run_pass(context, ids, Visit(host_map=server.hosts, delay_scale=0.0))
        began = context.clock.now()
        make_overdue(context, ids, began)
        command = [
            sys.executable,
            "-m",
            "benchmarks.watcher_idle",
            "--child",
            str(home),
            json.dumps(server.hosts),
            str(seconds),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        with context.ledger.read() as connection:
            looked = sum(look.looked is not None and look.looked > began for look in find_looks(connection).values())
    return json.loads(done.stdout), len(ids), looked


def main(seconds: float) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        used, sources, looked = measure(Path(folder), seconds)
        prepared = time.monotonic() - began - seconds
    share, memory = used["processor"] / seconds, used["kilobytes"] / 1024 * 1.048576
    rows = [
        Row("processor, imports and first looks included", f"{share:.1%} of a core", bar="≤ 10 %", held=share <= CORE),
        Row("memory at most", f"{memory:.0f} MB", bar="≤ 400 MB", held=memory <= MEMORY),
        Row("bells", f"{used['rung']:.0f}", bar="0", held=not used["rung"]),
        Row("sources looked at in time", f"{looked} of {sources}"),
        Row("set up", f"{prepared:.0f} s"),
    ]
    return report(f"{sources} idle sources for {seconds:.0f} s", rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        watch(*sys.argv[2:])
    else:
        sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
