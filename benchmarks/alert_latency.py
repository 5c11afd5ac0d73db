"""Item published → alert in the outbox, with `iprwatch serve` looking every second on loopback. Bar: p50 ≤ 2 s, p95 ≤ 4 s of 50.

`python -m benchmarks.alert_latency [ROUNDS]`. The clock starts when the newsroom has put the item on its board and stops at the `created` of the
outbox row; publishing waits for a random part of a look, so that no phase is favoured.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from benchmarks._table import Row, report
from iprwatch.ledger.outbox import find_alerts
from iprwatch.ledger.store import Ledger
from iprwatch.newsroom.state import publish

COMMAND = [sys.executable, "-m", "iprwatch.cli.main"]
WATCH = "title: Everything\nfilters:\n  verdicts: [themed, outside, not_ip]\n"
PATIENCE = 30.0  # seconds after which an alert counts as lost


def wait_for(ledger: Ledger, title: str) -> datetime:
    """When the alert of the item with this title was put into the outbox. Raises TimeoutError."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with ledger.read() as connection:
            for row in find_alerts(connection, 20):
                if row.reason["article"]["title"] == title:
                    created: datetime = row.created
                    return created
        time.sleep(0.05)
    raise TimeoutError(title)


def measure(home: Path, rounds: int) -> list[float]:
    """Seconds of each round."""
    env = os.environ | {"IPRWATCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    subprocess.run([*COMMAND, "run", "--demo"], env=env, check=True, stdout=subprocess.DEVNULL)
    watches = home / "demo" / "watches"
    for shipped in watches.iterdir():
        shipped.unlink()
    (watches / "everything.yaml").write_text(WATCH)
    ledger, chance, found = Ledger(f"sqlite:///{home / 'demo' / 'ledger.sqlite'}"), random.Random(5), []
    with subprocess.Popen([*COMMAND, "serve", "--demo"], env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        server.stdout.readline()
        time.sleep(5)  # the encoder loads; it does so once a start
        for _ in range(rounds):
            time.sleep(chance.uniform(0.5, 2.5))
            item = publish(home / "demo" / "newsroom")
            began = datetime.now(UTC)
            found.append((wait_for(ledger, item.title) - began).total_seconds())
        server.terminate()
        server.wait(60)
    ledger.close()
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 50)
    cuts = quantiles(seconds, n=20)
    rows = [
        Row("published → alert in the outbox, p50", f"{cuts[9]:.2f} s", bar="≤ 2 s", held=cuts[9] <= 2),
        Row("published → alert in the outbox, p95", f"{cuts[18]:.2f} s", bar="≤ 4 s", held=cuts[18] <= 4),
        Row("slowest", f"{max(seconds):.2f} s"),
    ]
    sys.exit(report(f"{len(seconds)} items published while serving", rows))
