"""200 sources that have nothing new, watched by a real triggerer at their real intervals. Bar: ≤ 10 % of one core, ≤ 400 MB, no DAG run.

`python -m benchmarks.airflow_idle [SECONDS]` (300). The offices are the newsroom's 36 and generated ones; all are visited once before. The figures
are those of the triggerer and its child process, from the system's own accounts; memory is the proportional share (PSS).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._airflow import await_quiet, count_runs, prepare
from benchmarks._table import Row, median_row, report
from iprwatch.airflow_run import find_session, open_stage

SOURCES = 200
SHIPPED = 36
SETTLE = 60.0  # seconds after the first visits: a look is due for each list whose digest the visit did not bring


def cpu_seconds(pids: list[int]) -> float:
    """Seconds of processor time of these processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def megabytes(pids: list[int]) -> float:
    """Proportional memory of these processes in MB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1000


def main() -> int:
    """Exit code 1 where a bar is missed."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    os.environ |= {
        "IPRWATCH_NEWSROOM_EVERY": "0",
        "IPRWATCH_MODEL": "hash",
    }  # the items before it starts are not the matter
    with tempfile.TemporaryDirectory(prefix="iprwatch-airflow-") as home:
        settings, _ = prepare(home, SOURCES - SHIPPED)
        with open_stage(settings) as (context, airflow):
            await_quiet(context, 600)
            time.sleep(SETTLE)
            await_quiet(context, 600)
            pids = find_session([airflow.parts["triggerer"].pid])
            runs, before, began = count_runs(airflow.home / "airflow.db"), cpu_seconds(pids), time.monotonic()
            time.sleep(seconds)
            share = 100 * (cpu_seconds(pids) - before) / (time.monotonic() - began)
            memory = megabytes(pids)
            new = count_runs(airflow.home / "airflow.db") - runs
    rows = [
        median_row(f"triggerer, {SOURCES} idle sources, of one core", [share], "%", 10),
        median_row("  memory of its processes", [memory], "MB", 400, 0),
        Row("  DAG runs", str(new), "", "0", new == 0),
    ]
    return report(f"Airflow on SQLite, {seconds:.0f} s at real intervals", rows)


if __name__ == "__main__":
    sys.exit(main())
