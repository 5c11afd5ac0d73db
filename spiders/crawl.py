"""The crawl's process: a plan on the first line of standard input, outcomes and progress as JSON Lines on standard output.

Standard input stays open as long as the caller lives: when it ends, so does the crawl. Logs go to `<run>.crawl.log`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from logging import INFO, WARNING, basicConfig, getLogger
from logging.handlers import RotatingFileHandler

from spiders.plan import Outcome, read_plan
from spiders.settings import build_settings

GRACE = 5.0  # seconds to write down outcomes once the caller is gone
LOG_MOST = 5 * 1024 * 1024  # bytes: 36 sources write 50 kB, so 500 fit seven times; beyond it the newest stay


def watch_caller() -> None:
    """Wait for the end of standard input, then end this process: kindly first."""
    while os.read(0, 4096):  # not sys.stdin, whose lock would be held at exit
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    os._exit(1)


def main() -> None:
    """Run the plan."""
    plan = read_plan(sys.stdin.buffer.readline().decode())
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)  # what a library prints must not stand among the outcomes
    threading.Thread(target=watch_caller, daemon=True).start()
    plan.folder.mkdir(parents=True, exist_ok=True)
    place = plan.folder / f"{plan.run_id}.crawl.log"
    log = RotatingFileHandler(place, maxBytes=LOG_MOST, backupCount=1, encoding="utf-8", errors="backslashreplace")
    basicConfig(handlers=[log], level=INFO, format="%(asctime)s [%(name)s] %(levelname)s: %(message)s")
    getLogger("scrapy.crawler").setLevel(WARNING)  # at INFO it lists the settings, and with them who is calling
    from scrapy.crawler import AsyncCrawlerProcess

    from spiders.base import SourcesSpider

    def report(what: Outcome | str) -> None:
        out.write(json.dumps(asdict(what) if isinstance(what, Outcome) else what) + "\n")

    process = AsyncCrawlerProcess(build_settings(plan), install_root_handler=False)
    process.crawl(SourcesSpider, plan=plan, report=report)
    process.start(install_signal_handlers=False)
    out.flush()


if __name__ == "__main__":
    main()
