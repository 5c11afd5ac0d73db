"""The watcher, around the clock: lists are looked at as they come due, and a change rings the bell of its source.

In: settings and a host map. Out: batches of rung bells, each in the ledger before it is told. What was seen and when the next look is due lie in the
ledger too, so a restart loses no bell and asks no office twice. Does not visit. Does not end by a failing source or a busy ledger. Raises
SourceError, InputError at the start.

    every beat: ledger ──▶ due looks ──▶ GETs (spiders/watch.py) ──▶ findings ──▶ ledger (one transaction) ──▶ rung
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from iprwatch.contact import user_agent
from iprwatch.context import Context
from iprwatch.errors import StoreError
from iprwatch.ledger.looks import (
    Finding,
    Look,
    Reason,
    enrol_looks,
    find_arrivals,
    find_looks,
    find_rung,
    find_visited,
    record_findings,
)
from iprwatch.ledger.sources import enrol
from iprwatch.logs import open_log
from iprwatch.rhythm import Rhythm, learn_rhythms
from iprwatch.settings import Settings
from spiders.plan import Seen
from spiders.source import Source
from spiders.watch import Sight, Watcher

log = open_log(__name__)

TROUBLE = (StoreError, SQLAlchemyError)  # of a ledger that is busy or away

BEAT = 5.0  # seconds from one read of the ledger to the next: far below any interval, one transaction for many looks
GATHER = 0.25  # seconds that a change waits for others, so that a burst is one batch
APART = 0.25  # seconds between overdue looks after a start: four a second, so that 200 sources take 50 s
LEARN_EVERY = timedelta(days=1)  # a rhythm is a matter of weeks
LEARN_FROM = timedelta(days=180)  # rhythms change with seasons and staff
TELL_FAILURE = 2  # failed looks in a row after which a visit records the fault; one alone is often chance
BACKOFF_MOST = timedelta(hours=6)  # between looks at a failing list, so that its return is seen the same day


async def ring_bells(
    settings: Settings, host_map: Mapping[str, str], *, every: float | None = None
) -> AsyncGenerator[Mapping[str, datetime], None]:
    """Batches of source id → when its change was seen; a rung bell is in the ledger before it is yielded. First, all that are owed a visit.

    `every`: a fixed interval in seconds for all (the newsroom, loopback only), else adaptive within each source's bounds.
    Never ends by a failing source or a busy ledger.
    """
    with Context(settings) as context:
        async with aclosing(watch(context, host_map, every)) as batches:
            async for batch in batches:
                yield batch


async def watch(
    context: Context, host_map: Mapping[str, str], every: float | None = None
) -> AsyncGenerator[Mapping[str, datetime], None]:
    """The same, with a context given."""
    sources = await asyncio.to_thread(lambda: [s for s in context.sources.values() if s.enabled])
    scale = 0.0 if every else 1.0
    async with Watcher(sources, host_map, user_agent(context.settings), scale) as watcher:
        round_ = Round(context, watcher, sources, every)
        try:
            if owed := await round_.enrol():
                yield owed
            while True:
                ends = time.monotonic() + (every or BEAT)
                await round_.begin()
                while round_.flying and time.monotonic() < ends:
                    await round_.gather()
                    if round_.is_rung and (rung := await round_.write()):
                        yield rung
                if rung := await round_.write():
                    yield rung
                await asyncio.sleep(max(0.0, ends - time.monotonic()))
        finally:
            await round_.end()


class Round:
    """What is due, what is under way, and what was found but not yet written."""

    def __init__(self, context: Context, watcher: Watcher, sources: Sequence[Source], every: float | None) -> None:
        self.context, self.watcher, self.every = context, watcher, every
        self.sources = {source.id: source for source in sources}
        self.hosts = {source.id: urlsplit(source.url).netloc for source in sources}
        self.flying: dict[str, asyncio.Task[None]] = {}
        self.found: dict[str, Finding] = {}
        self.held: dict[str, datetime] = {}  # overdue at the start: not before
        self.rhythms: dict[str, Rhythm] = {}
        self.learned: datetime | None = None

    async def enrol(self) -> dict[str, datetime]:
        """Make missing rows, spread what is overdue, and return who is owed a visit; waits for a ledger that is away."""
        while True:
            try:
                return await asyncio.to_thread(self._enrol)
            except TROUBLE:
                log.exception("looks_not_begun")
                await asyncio.sleep(BEAT)

    def _enrol(self) -> dict[str, datetime]:
        now, ledger = self.context.clock.now(), self.context.ledger
        with ledger.write() as connection:
            enrol(connection, self.sources, now)
            enrol_looks(connection, self.sources, now)
            owed, looks = find_rung(connection), find_looks(connection)
        late = [id for id in self.sources if looks[id].due <= now] if not self.every else []
        random.shuffle(late)
        self.held = {id: now + timedelta(seconds=place * APART) for place, id in enumerate(late)}
        return {id: at for id, at in owed.items() if id in self.sources}

    async def begin(self) -> None:
        """Start the looks that are due."""
        now = self.context.clock.now()
        try:
            looks, visited = await asyncio.to_thread(self._read, now)
        except TROUBLE:
            log.exception("looks_unread")
            return
        busy = set() if self.every else {self.hosts[id] for id in visited & self.hosts.keys()}
        for id in self.sources.keys() - self.flying.keys() - self.found.keys():
            if (look := looks.get(id)) is None:  # a backup was restored meanwhile
                continue
            due = look.due if self.is_timed(id) else now
            if max(due, self.held.get(id, due)) <= now and self.hosts[id] not in busy:
                self.flying[id] = asyncio.create_task(self._look(look))

    def is_timed(self, id: str) -> bool:
        """Whether a source is looked at when its look is due, not at every beat. An ID walk has no list: it rings by the clock."""
        return self.every is None or bool(self.sources[id].walk.url)

    def _read(self, now: datetime) -> tuple[dict[str, Look], set[str]]:
        relearn = not self.every and (self.learned is None or now - self.learned >= LEARN_EVERY)
        with self.context.ledger.read() as connection:
            looks, visited = find_looks(connection), find_visited(connection, now)
            arrivals = find_arrivals(connection, now - LEARN_FROM) if relearn else []
        if relearn:
            self.rhythms, self.learned = learn_rhythms(self.sources, arrivals), now
        return looks, visited

    async def _look(self, look: Look) -> None:
        source = self.sources[look.source]
        try:
            self.found[look.source] = self._call(look) if source.walk.url else await self._see(look, source)
        except Exception:  # one source's bug must not end the looks at the others
            log.exception("look_broken", source=look.source)
        finally:
            self.flying.pop(look.source, None)
            self.held.pop(look.source, None)

    def _call(self, look: Look) -> Finding:
        now = self.context.clock.now()
        return Finding(look, replace(look, due=now + self.sources[look.source].every, looked=now), "clock")

    async def _see(self, look: Look, source: Source) -> Finding:
        sight = await self.watcher.look(source, Seen(look.etag, look.last_modified, look.digest))
        if sight.cause:
            log.info("look_failed", source=source.id, fate=sight.fate, cause=sight.cause)
        now = self.context.clock.now()
        planned = now if self.every else self.rhythms[source.id].draw_next(now)
        return judge_sight(look, sight, now, planned, source.every)

    async def gather(self) -> None:
        """Wait until all looks have ended, but no longer than a change may wait."""
        if self.flying:
            await asyncio.wait(self.flying.values(), timeout=GATHER)

    @property
    def is_rung(self) -> bool:
        """Whether a look has found a reason to visit."""
        return any(finding.reason for finding in self.found.values())

    async def write(self) -> Mapping[str, datetime]:
        """Keep what was found, in one transaction; what rang. A ledger that is busy gets it at the next beat."""
        found = [f for f in self.found.values() if f.reason or not self.every or has_news(f)]
        try:
            rung = await asyncio.to_thread(self._record, found) if found else {}
        except TROUBLE:
            log.exception("looks_unwritten")
            return {}
        self.found.clear()
        for id in rung:
            log.info("bell_rung", source=id)
        return rung

    def _record(self, found: Sequence[Finding]) -> dict[str, datetime]:
        with self.context.ledger.write() as connection:
            return record_findings(connection, found, self.context.clock.now())

    async def end(self) -> None:
        """Cancel the looks under way."""
        flying = list(self.flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)


def judge_sight(look: Look, sight: Sight, now: datetime, planned: datetime, every: timedelta) -> Finding:
    """What a sight makes of what was known: whether it rings, and when the next look is due if `planned` were free of trouble.

    A list that fails a second time rings, so that a visit records the fault, and once more when it is back. One that asks us to wait, or that
    robots.txt forbids, does not ring.
    """
    good = sight.fate in ("same", "changed")
    failures = 0 if good or sight.fate == "forbidden" else look.failures + 1
    reason: Reason | None = None
    if sight.fate == "changed":
        reason = "changed"
    elif sight.fate == "failed" and failures == TELL_FAILURE:
        reason = "failed"
    elif good and look.failures >= TELL_FAILURE:
        reason = "back"
    elif good and look.retry is not None and look.retry <= now:
        reason = "unread"
    due = planned
    if failures:
        slowed = (planned - now) * 2 ** min(failures, 10)
        due = now + max(planned - now, min(slowed, max(every, BACKOFF_MOST)), timedelta(seconds=sight.retry_after))
    seen = sight.seen
    after = replace(
        look, due=due, looked=now, failures=failures,
        digest=seen.body_hash, etag=seen.etag, last_modified=seen.last_modified,
    )  # fmt: skip
    return Finding(look, after, reason)


def has_news(finding: Finding) -> bool:
    """Whether a look at a fixed interval changed more than the time of the next one."""
    before, after = finding.before, finding.after
    told = min(after.failures, TELL_FAILURE) != min(before.failures, TELL_FAILURE)
    return told or (before.digest, before.etag, before.last_modified) != (after.digest, after.etag, after.last_modified)
