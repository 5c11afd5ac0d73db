"""What the scheduler's tasks and triggers do: one function each, plain Python, the same steps as `iprwatch run` and `serve`.

    bells ──▶ visit ──▶ understand, index, match ──▶ deliver      each takes everything that is owed, so that a lost event loses nothing

In: the settings of the environment. Out: what was done, as plain values that fit into the scheduler's record. Does not decide when (that is
`dags/`), knows no scheduler. Raises Busy and StoreError (later may be better), InputError (it is not).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iprwatch.errors import Busy, InputError, IprwatchError, StoreError, exit_code
from iprwatch.logs import open_log
from iprwatch.settings import Settings, load_settings

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.flow import Visit

log = open_log(__name__)

Told = dict[str, Any]
"""Plain values only: what a task leaves in the scheduler's record."""

DEMO_LIMIT = 60.0  # seconds for a visit of the newsroom
VISIT_LIMIT = 600.0  # seconds for a visit of offices: five new pages of each at a delay of 5 s, twenty times over
SLOW = 20.0  # seconds: a source whose last visit took longer goes alone, so that no other waits for it
LOCK_PATIENCE = 120.0  # seconds for another pass in this folder to end: longer than one batch
RECALL = 2.0  # seconds between looks for bells that nobody answers
PATIENCE = 10.0  # seconds until a bell rings again: a run has begun by then, unless it was lost
PATIENCE_MOST = 600.0
OWED_EVERY = 15.0  # seconds between looks for work that was left; seen twice, since usually somebody is at it


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Context]:
    """The open parts; other rooms' errors come out as ours, so that a scheduler tells what may be tried again."""
    from iprwatch.context import Context

    try:
        with Context((settings or load_settings()).prepared()) as context:
            yield context
    except IprwatchError:
        raise
    except Exception as error:
        kind = {3: InputError, 6: StoreError, 7: Busy}.get(exit_code(error))
        if kind is None:
            raise
        raise kind(str(error)) from error


def open_visit(context: Context) -> Visit:
    """How sources are visited: the real offices, or in demo space the newsroom that serves this folder.

    Raises Busy where no newsroom does, InputError where the offices would not see who is calling.
    """
    from iprwatch.cli.newsroom import find_hosts
    from iprwatch.contact import settle_contact
    from iprwatch.flow import Visit

    if context.settings.current != "demo":
        settle_contact(context)
        return Visit(time_limit=VISIT_LIMIT)
    hosts = find_hosts(context.settings.folder / "newsroom")
    if not hosts:
        raise Busy("No newsroom serves the demo's folder", "Start it: iprwatch newsroom serve")
    return Visit(host_map=hosts, delay_scale=0.0, time_limit=DEMO_LIMIT)


# The bell


async def stream_bells(settings: Settings | None = None) -> AsyncIterator[dict[str, str]]:
    """Batches of source id → when its change was seen (ISO 8601), for ever. A bell that no visit answers rings again, ever more seldom.

    Never ends by an error: it says so in the log and begins anew.
    """
    if settings is None:
        settings = await asyncio.to_thread(load_settings)
    while True:
        try:
            async with aclosing(_ring(settings)) as bells:
                async for rung in bells:
                    yield {source: at.isoformat() for source, at in rung.items()}
        except Exception as error:  # noqa: BLE001  a watcher that stays away is the one fault nobody would see
            log.warning("bells_broke", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(PATIENCE - RECALL)
        await asyncio.sleep(RECALL)


async def _ring(settings: Settings) -> AsyncGenerator[Mapping[str, datetime], None]:
    """The watcher's bells, and among them those that wait. Ends where the newsroom has moved."""
    from iprwatch.bells import ring_bells
    from iprwatch.cli.newsroom import find_port

    port = find_port(settings.folder / "newsroom")
    recall = Recall(PATIENCE, PATIENCE_MOST)
    with opened(settings) as context:
        visit = await asyncio.to_thread(open_visit, context)
        every = settings.newsroom_every or None if visit.host_map else None
        async with aclosing(ring_bells(context.settings, visit.host_map, every=every)) as bells:
            following = asyncio.ensure_future(anext(bells))
            try:
                while True:
                    done, _ = await asyncio.wait({following}, timeout=RECALL)
                    if done:
                        rung = following.result()
                        following = asyncio.ensure_future(anext(bells))
                    else:
                        rung = recall.choose(await asyncio.to_thread(find_waiting, context))
                        if visit.host_map and find_port(settings.folder / "newsroom") != port:
                            return
                    if rung:
                        recall.told(rung)
                        yield rung
            finally:
                following.cancel()
                await asyncio.wait({following})


class Recall:
    """Which of what is owed is said again, and when: after a while, then after twice that, and so on up to a limit."""

    def __init__(self, least: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._most, self._clock = least, most, clock
        self._said: dict[str, tuple[Any, float, float]] = {}  # name → what was owed, when it was said, how long to wait

    def told(self, owed: Mapping[str, Any]) -> None:
        """These were said now."""
        for name, what in owed.items():
            was, _, wait = self._said.get(name, (None, 0.0, 0.0))
            wait = min(2 * wait, self._most) if was == what else self._least
            self._said[name] = (what, self._clock(), wait)

    def choose(self, owed: Mapping[str, Any]) -> dict[str, Any]:
        """Those of what is owed whose time has come; what was never said counts as said now, by somebody else."""
        self._said = {name: said for name, said in self._said.items() if name in owed}
        self.told({name: what for name, what in owed.items() if name not in self._said})
        now = self._clock()
        return {name: what for name, what in owed.items() if now - self._said[name][1] >= self._said[name][2]}


def find_waiting(context: Context) -> dict[str, datetime]:
    """Bells that no visit answers at the moment."""
    from iprwatch.flow import find_owed
    from iprwatch.ledger.looks import find_rung

    with context.ledger.read() as connection:
        rung = find_rung(connection)
    return {source: rung[source] for source in find_owed(context, list(rung))}


# Visits


def visit_owed(pushed: Sequence[str] = ()) -> Told:
    """Visit in one crawl what is owed a visit and usually quick. `cases`: sources left for a task of their own, slow or not readable.

    `pushed`: sources of which somebody else says that they have changed; their bells ring first.
    """
    with opened() as context:
        visit = open_visit(context)
        ring_pushed(context, [id for id in pushed if id in context.sources])
        owed = [id for id in find_waiting(context) if id in context.sources]
        slow = find_slow(context, owed)
        done = _visit(context, [id for id in owed if id not in slow], visit)
        return done | {"cases": [*(build_case(context, id) for id in slow), *done["cases"]]}


def visit_source(source: str) -> Told:
    """Visit one source now."""
    with opened() as context:
        return _visit(context, [source], open_visit(context))


def visit_missed() -> Told:
    """The safety net: visit the sources that are due and had no visit for a day, whatever their bells say."""
    from iprwatch.flow import choose_sources, find_stale

    with opened() as context:
        visit = open_visit(context)
        return _visit(context, find_stale(context, choose_sources(context)), visit)


def ring_pushed(context: Context, ids: Sequence[str]) -> None:
    """Write into the ledger what somebody else has told, before anything else is done."""
    from iprwatch.ledger.looks import enrol_looks, ring_by_hand
    from iprwatch.ledger.sources import enrol

    if ids:
        with context.ledger.write() as connection:
            enrol(connection, ids, context.clock.now())
            enrol_looks(connection, ids, context.clock.now())
            ring_by_hand(connection, ids, context.clock.now())


def find_slow(context: Context, ids: Sequence[str]) -> list[str]:
    """Those of the sources whose last visit took long."""
    from iprwatch.ledger.sources import find_states

    with context.ledger.read() as connection:
        states = find_states(connection)
    return [id for id in ids if id in states and float((states[id].counts or {}).get("seconds", 0.0)) > SLOW]


def _visit(context: Context, ids: Sequence[str], visit: Visit) -> Told:
    from iprwatch.flow import collect
    from iprwatch.landing import run_name
    from iprwatch.ledger.sources import GOOD

    run = run_name(context.clock.now())
    found = collect(context, ids, visit, run).values() if ids else ()
    return {
        "run": run,
        "sources": {o.source: o.status for o in found},
        "new": sum(o.new for o in found),
        "changed": sum(o.changed for o in found),
        "seconds": max((round(o.seconds, 2) for o in found), default=0.0),
        "cases": [build_case(context, o.source, f"{o.status}. {o.cause}") for o in found if o.status not in GOOD],
    }


def build_case(context: Context, source: str, cause: str = "") -> dict[str, str]:
    """A source for a task of its own: to be visited, or not readable for a cause; and where its health is told."""
    return {"source": source, "cause": cause, "health": f"{context.settings.page_url}/sources#{source}"}


# Understanding


def count_owed(context: Context) -> dict[str, int]:
    """What landed and is not yet understood, what index and watches are owed, messages that are due; without the zeros."""
    from iprwatch.flow import pending_landings
    from iprwatch.ledger.articles import INDEX, WATCHES
    from iprwatch.ledger.documents import count_queued
    from iprwatch.ledger.outbox import find_due_channels

    with context.ledger.read() as connection:
        counts = {
            "index": count_queued(connection, INDEX),
            "watches": count_queued(connection, WATCHES),
            "channels": len(find_due_channels(connection, context.clock.now())),
        }
    return {name: n for name, n in {"landed": len(pending_landings(context)), **counts}.items() if n}


async def stream_owed(settings: Settings | None = None) -> AsyncIterator[dict[str, int]]:
    """What a killed task or a server that was away has left, each time it is seen and nobody takes it; ever more seldom, for ever.

    Never ends by an error.
    """
    if settings is None:
        settings = await asyncio.to_thread(load_settings)
    recall = Recall(OWED_EVERY, PATIENCE_MOST)
    while True:
        try:
            with opened(settings) as context:
                while True:
                    owed = recall.choose(await asyncio.to_thread(count_owed, context))
                    if owed and not await asyncio.to_thread(is_busy, context):
                        recall.told(owed)
                        yield owed
                    await asyncio.sleep(OWED_EVERY)
        except Exception as error:  # noqa: BLE001  as in stream_bells
            log.warning("owed_broke", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(OWED_EVERY)


def enrich() -> Told:
    """Understand, index and match all that is owed, and name the channels with something to send; empty where nothing is owed."""
    from iprwatch.alerts.match import match_queued
    from iprwatch.flow import index_or_owe, understand
    from iprwatch.landing import run_name
    from iprwatch.report import Report

    with opened() as context:
        if not count_owed(context):
            return {}
        report = Report(run_name(context.clock.now()))
        with patient_run(context):
            report.counts.add(understand(context))
            index_or_owe(context, report)
            if report.away:
                raise Busy(report.away, "What is owed is kept, and tried again")
            report.matched = match_queued(context)
        done = {**asdict(report.counts), "indexed": report.indexed, "alerts": report.matched.alerts}
        return {"run": report.run, **done, "channels": find_channels(context)}


@contextmanager
def patient_run(context: Context, patience: float = LOCK_PATIENCE) -> Iterator[None]:
    """The lock of a whole run, waited for. Raises Busy when patience ends."""
    from iprwatch.flow import whole_run

    ends = time.monotonic() + patience
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(whole_run(context))
                break
            except Busy:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)
        yield


def is_busy(context: Context) -> bool:
    """Whether a pass is at work in this folder."""
    from iprwatch.flow import whole_run

    try:
        with whole_run(context):
            return False
    except Busy:
        return True


def find_channels(context: Context) -> list[str]:
    """Channels with something to send now."""
    from iprwatch.ledger.outbox import find_due_channels

    with context.ledger.read() as connection:
        return find_due_channels(connection, context.clock.now())


def deliver(channel: str) -> dict[str, int]:
    """Send what is due on one channel; how many were `sent`, `failed`, `put back`."""
    from iprwatch.alerts.channels import load_channels
    from iprwatch.alerts.deliver import deliver_channel, free_dead_claims

    with opened() as context:
        free_dead_claims(context)
        return dict(deliver_channel(context, channel, load_channels(context.settings.config_folder)))
