"""Plan → outcomes, by one crawl process. Imports no Scrapy, so that any task or command may call it.

A source without an outcome failed: Scrapy's exit code says nothing. The process never outlives its caller: it watches
its standard input, and is killed when the time is up. Raises OSError where no process can be started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from spiders.plan import Outcome, Plan, read_outcome, write_plan

GRACE = 10.0  # seconds beyond the time limit: start-up, and writing down what has landed
ROOT = str(Path(__file__).resolve().parent.parent)

Progress = Callable[[Outcome | str], None]


def run_crawl(plan: Plan, progress: Progress | None = None) -> dict[str, Outcome]:
    """Visit every source of the plan; its outcome by source id. `progress` hears of each landed item and outcome."""
    if not plan.jobs:
        return {}
    found: dict[str, Outcome] = {}
    path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH", "")]))
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "spiders.crawl"],  # -P: the folder one stands in is not searched
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C reaches the caller, who ends the crawl
    ) as child:
        end = threading.Timer(plan.time_limit + GRACE, child.kill)
        end.start()
        try:
            _hand_over(plan, child)
            _listen(child, found, progress)
        except BaseException:
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE / 2)
            child.kill()
            raise
        finally:
            end.cancel()
    log = plan.folder / f"{plan.run_id}.crawl.log"
    for job in plan.jobs:
        cause = f"The crawl ended before this source was finished; see {log}."
        found.setdefault(job.source.id, Outcome(job.source.id, "failed", cause))
    return found


def _hand_over(plan: Plan, child: subprocess.Popen[bytes]) -> None:
    assert child.stdin
    with contextlib.suppress(BrokenPipeError):  # it died at once: every outcome will be missing
        child.stdin.write(write_plan(plan).encode() + b"\n")
        child.stdin.flush()


def _listen(child: subprocess.Popen[bytes], found: dict[str, Outcome], progress: Progress | None) -> None:
    assert child.stdout
    for line in child.stdout:
        try:
            news = json.loads(line)
            said: Outcome | str = news if isinstance(news, str) else read_outcome(line.decode())
        except ValueError:  # the torn line of a killed crawl
            continue
        if isinstance(said, Outcome):
            found[said.source] = said
        if progress:
            progress(said)
