"""Item published → alert in the outbox under a real Airflow, newsroom watched every second. Bar: p50 ≤ 8 s, p95 ≤ 14 s of 50; a burst ≤ 180 s.

`python -m benchmarks.airflow_latency [ROUNDS]`. First ROUNDS items one by one, with the median of each hop from Airflow's and our own record;
then, from a fresh start, a burst: 500 items at 50 generated offices within ten seconds, all to be indexed and alerted exactly once.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

from benchmarks._airflow import await_quiet, burst, count_runs, prepare
from benchmarks._table import Row, median_row, report
from iprwatch.airflow_run import Airflow, open_stage
from iprwatch.context import Context
from iprwatch.ledger.outbox import find_alerts
from iprwatch.newsroom.state import publish

PATIENCE = 90.0  # seconds after which an alert counts as lost
BURST, OFFICES = 500, 50
HOPS = ("bell rings", "event", "visit begins", "visit ends", "enrich begins", "alert")


def wait_for(context: Context, title: str, began: datetime) -> datetime:
    """When the alert of this item was put into the outbox; generated titles may come again. Raises TimeoutError."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with context.ledger.read() as connection:
            for row in find_alerts(connection, 20):
                if row.reason["article"]["title"] == title and row.created > began:
                    created: datetime = row.created
                    return created
        time.sleep(0.05)
    raise TimeoutError(title)


def find_hops(record: Path, source: str, began: datetime, alerted: datetime) -> list[float]:
    """Seconds of each hop, from Airflow's record."""

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    since = f"{began:%Y-%m-%d %H:%M:%S.%f}"
    with closing(sqlite3.connect(f"file:{record}?mode=ro", uri=True)) as airflow:
        events = airflow.execute(
            "select extra, timestamp from asset_event where timestamp > ? order by timestamp", (since,)
        ).fetchall()
        tasks = airflow.execute(
            "select task_id, start_date, end_date from task_instance where start_date > ? order by start_date", (since,)
        ).fetchall()
    payload, event = next((json.loads(e)["payload"], moment(at)) for e, at in events if source in e)
    visit = next((moment(b), moment(e)) for name, b, e in tasks if name == "visit" and e)
    enriched = next(moment(b) for name, b, e in tasks if name == "understand_index_match" and moment(b) > visit[0])
    times = [began, datetime.fromisoformat(payload[source]), event, *visit, enriched, alerted]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]


def measure(context: Context, airflow: Airflow, rounds: int) -> tuple[list[float], Mapping[str, list[float]]]:
    """Seconds of each round, and of each hop."""
    chance, found = random.Random(5), []
    hops: dict[str, list[float]] = {name: [] for name in HOPS}
    for number in range(rounds):
        time.sleep(chance.uniform(0.5, 2.5))
        item = publish(context.settings.folder / "newsroom")
        began = datetime.now(UTC)
        alerted = wait_for(context, item.title, began)
        found.append((alerted - began).total_seconds())
        time.sleep(0.5)
        try:
            for name, seconds in zip(
                HOPS, find_hops(airflow.home / "airflow.db", item.source, began, alerted), strict=True
            ):
                hops[name].append(seconds)
        except (StopIteration, KeyError):
            print(f"round {number}: the hops could not be told apart")
    return found, hops


def main() -> int:
    """Exit code 1 where a bar is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rows = []
    if rounds:
        with tempfile.TemporaryDirectory(prefix="iprwatch-airflow-") as home, open_stage(prepare(home)[0]) as stage:
            await_quiet(stage[0])
            found, hops = measure(*stage, rounds)
        rows = [median_row(f"  {name}", hops[name], "s") for name in HOPS if hops[name]]
        p95 = quantiles(found, n=20)[-1]
        rows = [median_row("alert, p50", found, "s", 8), median_row("alert, p95", [p95], "s", 14), *rows]
    with tempfile.TemporaryDirectory(prefix="iprwatch-airflow-") as home:
        settings, names = prepare(home, OFFICES)
        with open_stage(settings) as (context, airflow):
            await_quiet(context)
            landed = burst(context, names, BURST, {})
            runs = count_runs(airflow.home / "airflow.db")
    rows.append(median_row(f"burst of {BURST} items over {OFFICES} offices", [landed.seconds], "s", 180, 0))
    exact = not landed.lost and not landed.doubled
    told = f"{landed.lost}; {landed.doubled}; {landed.alerts}; {runs}"
    rows.append(Row("  lost; doubled; stories alerted; runs", told, "", "0; 0", exact))
    return report("Airflow on SQLite, newsroom watched every second", rows)


if __name__ == "__main__":
    sys.exit(main())
