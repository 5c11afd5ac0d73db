"""The one spider: all jobs of a plan at once, one request at a time per host. Leaves a WARC file and outcomes.

A visit is a coroutine that asks Scrapy's engine for each response; middlewares (robots.txt, redirects, retries, slots)
apply as to any request. Scrapy's errors become sentences here.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)

from spiders.answer import Answer, FetchError
from spiders.download import PrivateAddress
from spiders.plan import Job, Outcome, Plan
from spiders.stats import Tally
from spiders.visit import Visit
from spiders.walk import Walk
from spiders.warc import Landing

AT_ONCE = 128  # visits; most wait for their host's delay, and each holds one connection at most
FAILURE = re.compile(r"twisted\.python\.failure\.Failure (?:[\w.]+\.)?(\w+: .{,200}?)>\]")
"""A cause as Twisted wraps it."""

log = logging.getLogger(__name__)


class SourcesSpider(Spider):
    """Visits the sources of one plan, all hosts at once; sources of one host one after the other, in the plan's order."""

    name = "sources"

    def __init__(self, plan: Plan, report: Callable[[Outcome | str], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan, self.report = plan, report
        self.landing = Landing(plan.folder, plan.run_id)
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by host

    async def start(self) -> AsyncIterator[Any]:
        """Visit all; yields nothing, as visits ask the engine themselves."""
        visits = asyncio.gather(*map(self._visit, self.plan.jobs))
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, visits.cancel)
        try:
            await asyncio.wait_for(visits, self.plan.time_limit)
        except (TimeoutError, asyncio.CancelledError):
            log.warning("ended early")
        finally:
            self.landing.close()
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request

    async def _visit(self, job: Job) -> None:
        kind = Walk if job.source.walk.url else Visit
        visit = kind(job, self._fetch, self.landing, self.report)
        try:
            async with self.turns[urlsplit(job.source.url).netloc], self.gate:
                outcome = await visit.run()
        except asyncio.CancelledError:  # before its turn came
            outcome = Tally(job.source.id).outcome("failed", "The crawl ended before this source was visited.")
        except OSError as error:
            log.exception("%s", job.source.id)
            outcome = visit.tally.outcome("failed", f"The landing cannot be written: {error}.")
        except Exception as error:  # one source's bug must not end the others' visits
            log.exception("%s", job.source.id)
            outcome = visit.tally.outcome("failed", f"An error in the crawler: {type(error).__name__}: {error}.")
        self.report(outcome)

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> Answer:
        assert self.crawler.engine
        try:
            request = Request(url, headers=dict(headers), dont_filter=True)
            response = await self.crawler.engine.download_async(request)
        except Exception as error:
            log.info("%s: %r", url, error)
            raise explain(error, url, self.plan) from error
        asked = response.request.meta if response.request else {}
        pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, vs in response.headers.items() for v in vs]
        return Answer(response.url, response.status, tuple(pairs), response.body, tuple(asked.get("redirect_urls", ())))


def explain(error: Exception, url: str, plan: Plan) -> FetchError:
    """A failed download as a sentence for people."""
    text = " ".join(f"{error} {error.__cause__ or ''}".split())
    most = f"{plan.max_bytes / 1024 / 1024:.0f} MB"
    match error:
        case PrivateAddress():
            return FetchError(str(error), fatal=True)
        case IgnoreRequest() if "robots.txt" in text:
            return FetchError(f"robots.txt forbids {url}.", "blocked")
        case IgnoreRequest() if "redirections" in text:
            return FetchError(f"{url} redirects more than {plan.max_redirects} times.")
        case IgnoreRequest() | DownloadCancelledError():
            return FetchError(f"{url} is larger than {most}.")
        case CannotResolveHostError():
            return FetchError(f"The host of {url} is unknown; no address was found.")
        case DownloadConnectionRefusedError():
            return FetchError(f"The host of {url} refuses connections.")
        case DownloadTimeoutError():
            return FetchError(f"{url} did not answer within {plan.timeout:g} s.")
        case ResponseDataLossError():
            return FetchError(f"The answer of {url} broke off.")
        case ValueError():
            return FetchError(f"{url} is no usable address: {error}.")
    if "VerificationError" in text:
        return FetchError(f"The certificate of {url} is for another name.")
    if "certificate verify failed" in text:
        return FetchError(f"The certificate of {url} has expired, or no trusted authority (SSL_CERT_FILE) issued it.")
    reason = match[1] if (match := FAILURE.search(text)) else f"{type(error).__name__}: {text[:200]}"
    return FetchError(
        f"No secure connection to {url}: {reason}." if "SSL" in text else f"{url} cannot be reached: {reason}."
    )
