"""One look at a source's list: one conditional GET, by plain httpx. The bell of a crawl, never its judge.

In: a source and what is known of its list. Out: a Sight. Respects robots.txt, asks each host one thing at a time with the declared delay (or
its crawl-delay) between, waits where an office asked to wait, follows redirects and caps the body, as the crawl does. Keeps only robots.txt
and each host's turn in memory. Does not decide when to look. What a list does not show (an edited page) rings no bell. Never fails: what goes
wrong is a Sight too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal
from urllib.parse import urljoin, urlsplit

import httpx
from protego import Protego

from spiders.answer import Answer, FetchError, judge_answer, read_retry_after
from spiders.connect import PublicTransport
from spiders.digest import list_digest
from spiders.net import is_literal, is_public, map_url
from spiders.plan import MAX_BYTES, Seen
from spiders.source import Source

AT_ONCE = 32  # requests in flight over all hosts, as in the crawl
TIMEOUT = 30.0  # seconds for one whole answer, as in the crawl
REDIRECTS = 5  # as in the crawl
MOVED = (301, 302, 303, 307, 308)
LONGEST = 60.0  # seconds of crawl-delay that are granted, as in the crawl
ROBOTS_KEPT = 86_400.0  # seconds: RFC 9309 wants it read anew after a day
ROBOTS_RETRY = 3_600.0  # seconds until one that could not be read is asked for again; until then it forbids nothing, as in the crawl
ROBOTS_BYTES = 512 * 1024  # RFC 9309 wants 500 kiB read at least
OVERLOADED = (429, 503)
REST = 60.0  # seconds an overloaded host is left alone where it does not say how long
HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, deflate",
}
"""As the crawl asks (Scrapy's own), so that both are given the same list. No denser coding: a block of 64 kB unpacks to 66 MB at most."""

Fate = Literal["same", "changed", "failed", "overloaded", "forbidden"]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look showed. `seen` is what is known of the list now: what was known before, unless it answered."""

    fate: Fate
    seen: Seen
    cause: str = ""  # a sentence for people
    retry_after: float = 0.0  # seconds the office asked to wait


class Forbidden(FetchError):
    """robots.txt does not let us look."""


class Overloaded(FetchError):
    """The office asks to come back later, in `wait` seconds."""

    def __init__(self, cause: str, wait: float) -> None:
        super().__init__(cause)
        self.wait = wait


@dataclass(slots=True)
class Host:
    """The turn at one host, and its robots.txt. Times are the event loop's."""

    delay: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    ready: float = 0.0  # no request before
    rests: float = 0.0  # until then, for it is overloaded
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    rules: Protego | None = None
    read_until: float = 0.0


class Watcher:
    """`async with Watcher(sources, host_map, user_agent) as watcher:` then `await watcher.look(source, seen)`."""

    def __init__(
        self, sources: Iterable[Source], host_map: Mapping[str, str], user_agent: str, delay_scale: float = 1.0
    ) -> None:
        self.host_map, self.agent, self.scale = host_map, user_agent, delay_scale
        self.delays: dict[str, float] = {}
        for source in sources:
            host = urlsplit(source.url).netloc.lower()
            self.delays[host] = max(source.delay.total_seconds() * delay_scale, self.delays.get(host, 0.0))
        self.hosts: dict[str, Host] = {}
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.client = httpx.AsyncClient(
            headers=HEADERS | {"User-Agent": user_agent},
            timeout=TIMEOUT,
            transport=PublicTransport(host_map.values(), AT_ONCE),
            trust_env=False,  # behind a proxy the connected address could not be checked
        )

    async def look(self, source: Source, seen: Seen) -> Sight:
        """Ask for the list once, under the conditions of `seen`."""
        conditions = {"If-None-Match": seen.etag, "If-Modified-Since": seen.last_modified} if seen.body_hash else {}
        headers = {k: v for k, v in conditions.items() if v}
        try:
            answer = await self._follow(source.url, headers)
            if error := judge_answer(answer, conditional=bool(headers)):
                raise error
        except Overloaded as error:
            return Sight("overloaded", seen, error.cause, error.wait)
        except Forbidden as error:
            return Sight("forbidden", seen, error.cause)
        except FetchError as error:
            return Sight("failed", seen, error.cause)
        if answer.status == 304:
            return Sight("same", seen)
        digest = await asyncio.to_thread(list_digest, answer.body)  # a large body would hold up the loop
        now = Seen(answer.header("etag"), answer.header("last-modified"), digest)
        return Sight("same" if digest == seen.body_hash else "changed", now)

    async def _follow(self, url: str, headers: Mapping[str, str], obey: bool = True) -> Answer:
        """The answer at the end of the redirects. Raises FetchError."""
        for _ in range(REDIRECTS + 1):
            if obey and not await self._allows(url):
                raise Forbidden(f"robots.txt forbids {url}.")
            answer = await self._get(url, headers)
            target = answer.header("location") if answer.status in MOVED else ""
            if not target:
                return answer
            url = urljoin(url, target)
        raise FetchError(f"{url} redirects more than {REDIRECTS} times.")

    async def _allows(self, url: str) -> bool:
        """Whether robots.txt of the host lets us look. Raises Overloaded."""
        host, now = self._host(url), asyncio.get_running_loop().time()
        async with host.reading:
            if now >= host.read_until:
                await self._read_robots(url, host)
        return host.rules is None or bool(host.rules.can_fetch(url, self.agent.partition("/")[0]))

    async def _read_robots(self, url: str, host: Host) -> None:
        now = asyncio.get_running_loop().time()
        try:
            answer = await self._follow(urljoin(url, "/robots.txt"), {}, obey=False)
        except Overloaded:
            raise
        except FetchError:
            host.rules, host.read_until = None, now + ROBOTS_RETRY
            return
        text = answer.body[:ROBOTS_BYTES].decode("utf-8-sig", errors="ignore")
        host.rules = await asyncio.to_thread(Protego.parse, text)
        host.read_until = now + ROBOTS_KEPT
        asked = host.rules.crawl_delay(self.agent.partition("/")[0])
        host.delay = max(host.delay, min(float(asked or 0), LONGEST) * self.scale)

    def _host(self, url: str) -> Host:
        name = urlsplit(url).netloc.lower()
        if name not in self.hosts:
            self.hosts[name] = Host(self.delays.get(name, max(self.delays.values(), default=0.0)))
        return self.hosts[name]

    async def _get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """One request, in its host's turn. Raises FetchError, and Overloaded also while the host rests."""
        host, loop = self._host(url), asyncio.get_running_loop()
        async with host.turn:
            await asyncio.sleep(max(0.0, host.ready - loop.time()))
            if (rest := host.rests - loop.time()) > 0:
                raise Overloaded(f"{url} is left alone: its host is overloaded.", rest)
            try:
                async with self.gate, asyncio.timeout(TIMEOUT):
                    answer = await self._fetch(url, headers)
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
                raise FetchError(f"{url} cannot be reached: {type(error).__name__}: {error}.") from error
            finally:
                host.ready = loop.time() + host.delay
        if answer.status in OVERLOADED:
            wait = read_retry_after(answer.header("retry-after"), datetime.now(UTC)) or REST
            host.rests = loop.time() + wait
            raise Overloaded(f"{url} is overloaded ({answer.status}).", wait)
        return answer

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> Answer:
        name = urlsplit(url).hostname or ""
        mapped = map_url(url, self.host_map)
        if mapped is None and is_literal(name) and not is_public(name):
            raise FetchError(f"{name} is a private address, which is refused.")
        address, extra = (mapped[0], {"Host": mapped[1]}) if mapped else (url, {})
        body = bytearray()
        async with self.client.stream("GET", address, headers={**headers, **extra}) as response:
            async for block in response.aiter_bytes():
                body += block
                if len(body) > MAX_BYTES:
                    raise FetchError(f"{url} is larger than {MAX_BYTES / 1024 / 1024:.0f} MB.")
            return Answer(url, response.status_code, tuple(response.headers.multi_items()), bytes(body))

    async def __aenter__(self) -> Watcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
