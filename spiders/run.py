"""Plan → outcomes, by one crawl process. Imports no Scrapy, so that any task or command may call it.

A source without an outcome failed: Scrapy's exit code says nothing. The process never outlives its caller: it watches
its standard input, and is killed when the time is up. Raises OSError where no process can be started.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from spiders.plan import Outcome, Plan, read_outcome, write_plan

GRACE = 10.0  # seconds beyond the time limit: start-up, and writing down what has landed
ROOT = str(Path(__file__).resolve().parent.parent)
KEPT_LOGS = 5  # crawls: under `serve` one follows the other within seconds, and the one that failed is to be read
PASSED_ON = re.compile(
    r"HOME|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|OPENSSL_CONF|PATH|SSL_CERT_(?:DIR|FILE)|TMPDIR|TZ"
    r"|PYTHON(?:DONTWRITEBYTECODE|HOME|PYCACHEPREFIX|UTF8)"
)
"""Variables of the environment that the crawl needs. It talks to strangers, so it gets no other: no database address, no
token. Proxies are not used either, since behind one the connected address could not be checked."""

Progress = Callable[[Outcome | str], None]


def run_crawl(plan: Plan, progress: Progress | None = None) -> dict[str, Outcome]:
    """Visit every source of the plan; its outcome by source id. `progress` hears of each landed item and outcome."""
    if not plan.jobs:
        return {}
    found: dict[str, Outcome] = {}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "spiders.crawl"],  # -P: the folder one stands in is not searched
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=build_environment(os.environ),
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
    prune_logs(plan.folder)
    log = plan.folder / f"{plan.run_id}.crawl.log"
    for job in plan.jobs:
        cause = f"The crawl ended before this source was finished; see {log}."
        found.setdefault(job.source.id, Outcome(job.source.id, "failed", cause))
    return found


def build_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of this process's environment the crawl gets."""
    path = os.pathsep.join(filter(None, [ROOT, environ.get("PYTHONPATH", "")]))
    return {k: v for k, v in environ.items() if PASSED_ON.fullmatch(k)} | {"PYTHONPATH": path}


def prune_logs(folder: Path) -> None:
    """Delete all crawl logs in the folder but the newest; names begin with the time."""
    for old in sorted(folder.glob("*.crawl.log*"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)


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
