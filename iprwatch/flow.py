"""The order of the steps, written once. A task of a scheduler and a shell command call the same functions.

    due ──▶ collect ──▶ understand ──▶ index ──▶ match
            (Scrapy;      (extract, group,   (queue → engine,   (queue × watches
             WARC and      embed, tag;        acknowledged)      → outbox)
             outcomes)     ledger)

What is to be done lies in the ledger and the landing: a run that is killed anywhere is finished by the next one.
Does not decide when (that is `serve` or the scheduler), does not send (that is `iprwatch/alerts/deliver.py`).
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.alerts.match import match_queued
from iprwatch.contact import user_agent
from iprwatch.errors import Busy, NotFound
from iprwatch.landing import run_name
from iprwatch.ledger.documents import acknowledge, bury_document, count_queued, find_documents, find_queued
from iprwatch.ledger.looks import answer_bells, count_rings, find_rung
from iprwatch.ledger.runs import begin_run, end_run
from iprwatch.ledger.sources import (
    drop_leases,
    enrol,
    find_leased,
    find_rechecks,
    find_seen,
    find_states,
    free_dead_leases,
    record_outcome,
    take_leases,
)
from iprwatch.ledger.tables import landings
from iprwatch.ledger.upsert import upsert
from iprwatch.logs import bound, open_log
from iprwatch.report import Report
from iprwatch.understand import Counts, understand_pages
from pipelines.address import host_group
from spiders.plan import Job, Outcome, Plan
from spiders.run import run_crawl
from spiders.source import Source

if TYPE_CHECKING:
    from iprwatch.context import Context
    from search.schema import Document

log = open_log(__name__)

LEASE = timedelta(minutes=45)  # longer than the longest crawl, so that a lease outlives its holder only after a kill
SWEEP = timedelta(days=1)  # between visits to a source whose bell never rings
INDEX_BATCH = 200  # documents a time, so that progress shows and memory stays flat

Progress = Callable[[str, int, int], None]
"""Hears (step, done, total); total 0 where it is not known."""


HOST = platform.node()[:30]


def is_alive(pid: int) -> bool:
    """Whether a process of this machine still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, under another user
        return True
    return True


def silent(step: str, done: int, total: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How sources are visited."""

    host_map: Mapping[str, str] = field(default_factory=dict)  # host → `127.0.0.1:port`: the newsroom
    limit: int | None = None  # newest items of each source at most
    full: bool = False  # ignore validators
    time_limit: float = 1800.0  # seconds
    delay_scale: float = 1.0  # of the declared delays; 0 only on loopback


@contextmanager
def whole_run(context: Context) -> Iterator[None]:
    """The lock of a whole run in this data folder. Raises Busy at once where another holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(context.settings.prepared().folder / "run.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise Busy(
            f"Another run is at work in {context.settings.folder}",
            "Wait for it to end, or set IPRWATCH_HOME to another folder",
        ) from None


def run_pass(context: Context, ids: Sequence[str], visit: Visit, progress: Progress = silent) -> Report:
    """Collect, understand, index and match. Raises StoreError, SourceError, ModelError."""
    report = Report(run_name(context.clock.now()))
    steps: dict[str, Callable[[], None]] = {
        "collect": lambda: report.outcomes.update(collect(context, ids, visit, report.run, progress)),
        "understand": lambda: report.counts.add(understand(context, progress)),
        "index": lambda: index_or_owe(context, report, progress),
        "match": lambda: setattr(report, "matched", match_queued(context)),
    }
    with context.ledger.write() as connection:
        begin_run(connection, report.run, context.clock.now())
    for name, step in steps.items():
        started = time.perf_counter()
        with bound(run=report.run):
            progress(name, 0, 0)
            step()
            report.seconds[name] = time.perf_counter() - started
            log.info("step_done", step=name, seconds=round(report.seconds[name], 3))
    with context.ledger.write() as connection:
        end_run(connection, report.run, context.clock.now(), report.summary())
    return report


def choose_sources(context: Context, wanted: Sequence[str] = ()) -> list[str]:
    """The named sources, or every enabled one. Raises NotFound."""
    if unknown := [w for w in wanted if w not in context.sources]:
        raise NotFound(f"No source is called {', '.join(unknown)}", "See: iprwatch source list")
    return list(wanted) or [s.id for s in context.sources.values() if s.enabled]


def find_owed(context: Context, ids: Sequence[str]) -> list[str]:
    """Those of the sources whose bell has rung and at whose host nobody is."""
    with context.ledger.read() as connection:
        owed = find_rung(connection)
    if not owed:
        return []
    with context.ledger.write() as connection:
        free_dead_leases(connection, HOST, is_alive)
        return [i for i in leave_busy_hosts(connection, context, ids) if i in owed]


def find_stale(context: Context, ids: Sequence[str]) -> list[str]:
    """Those of the sources that are due and had no visit for a day: what no list shows, such as an edited page, is found by them."""
    now = context.clock.now()
    with context.ledger.write() as connection:
        enrol(connection, ids, now)
    with context.ledger.read() as connection:
        states = find_states(connection)
    return [i for i in ids if states[i].due <= now and now - (states[i].at or states[i].joined) >= SWEEP]


def collect(
    context: Context, ids: Sequence[str], visit: Visit, run: str, progress: Progress = silent
) -> dict[str, Outcome]:
    """Visit the sources whose lease is free; land their pages, record their outcomes."""
    now = context.clock.now()
    holder = f"{HOST}:{os.getpid()}:{run}"
    with context.ledger.write() as connection:
        enrol(connection, ids, now)
        free_dead_leases(connection, HOST, is_alive)
        ours = take_leases(connection, leave_busy_hosts(connection, context, ids), holder, now, LEASE)
        jobs = tuple(_job(connection, context.sources[i], visit, context) for i in ours)
        rings = count_rings(connection, ours)
    plan = Plan(
        run_id=run, jobs=jobs, folder=context.landing.spool, host_map=visit.host_map,
        user_agent=user_agent(context.settings), time_limit=visit.time_limit, robots_scale=visit.delay_scale,
    )  # fmt: skip
    done: list[str] = []

    def hear(news: Outcome | str) -> None:
        if isinstance(news, Outcome):
            done.append(news.source)
        progress("collect", len(done), len(jobs))

    try:
        found = run_crawl(plan, hear)
        context.landing.admit_spooled()
        with context.ledger.write() as connection:
            for outcome in found.values():
                record_outcome(connection, run, outcome, context.sources[outcome.source], context.clock.now())
            answer_bells(connection, found.values(), rings)
        log_outcomes(found.values())
    finally:
        with context.ledger.write() as connection:
            drop_leases(connection, holder)
    return found


def leave_busy_hosts(connection: sa.Connection, context: Context, ids: Sequence[str]) -> list[str]:
    """Those of the sources at whose host nobody is: two crawls at once would not keep the delay that one keeps."""
    leased = find_leased(connection, context.clock.now())
    busy = {host_group(context.sources[i].url) for i in leased if i in context.sources}
    return [i for i in ids if host_group(context.sources[i].url) not in busy]


def log_outcomes(outcomes: Iterable[Outcome]) -> None:
    """One event per visited source; a warning where it was not read as promised."""
    for o in outcomes:
        with bound(source=o.source):
            level = logging.INFO if o.status in ("ok", "unchanged") else logging.WARNING
            log.log(level, "source_visited", status=o.status, cause=o.cause, new=o.new, changed=o.changed,
                    dropped=o.dropped, http_status=o.http_status, requests=o.requests, seconds=round(o.seconds, 3))  # fmt: skip


def _job(connection: sa.Connection, source: Source, visit: Visit, context: Context) -> Job:
    return Job(
        source=source,
        seen=find_seen(connection, source.id),
        limit=visit.limit,
        rechecks=find_rechecks(connection, source, context.clock.now()),
        delay=source.delay.total_seconds() * visit.delay_scale,
        full=visit.full,
    )


def understand(context: Context, progress: Progress = silent) -> Counts:
    """Understand every landed file that is not yet understood, oldest first."""
    context.landing.admit_spooled()
    total = Counts()
    for name in pending_landings(context):
        pages = 0
        for counts in understand_pages(context, context.landing.pages(name)):
            total.add(counts)
            pages += counts.pages
            log.info("pages_understood", landing=name, **asdict(counts))
            progress("understand", total.pages, 0)
        row = {"name": name, "run": name.rsplit("/", 1)[-1], "pages": pages, "understood": context.clock.now()}
        with context.ledger.write() as connection:
            upsert(connection, landings, [row])
    return total


def pending_landings(context: Context) -> list[str]:
    """Names of landed files that are not yet understood, oldest first."""
    with context.ledger.read() as connection:
        done = set(connection.scalars(sa.select(landings.c.name).where(landings.c.understood.is_not(None))))
    return [n for n in context.landing.names() if n not in done]


def index_or_owe(context: Context, report: Report, progress: Progress = silent) -> None:
    """Give the index what it is owed. A server that is away is no reason to stop: the queue keeps what it is owed."""
    from search.index import ServerUnavailable

    try:
        report.indexed = index_queued(context, progress)
    except ServerUnavailable as error:
        report.away = str(error)
        log.warning("index_away", cause=report.away)


def index_queued(context: Context, progress: Progress = silent) -> int:
    """Give the index what it is owed; a row goes only when the index holds that version. Returns how many articles."""
    with context.ledger.read() as connection:
        owed = count_queued(connection)
    economies = {s.id: s.economy for s in context.sources.values()}
    done = 0
    while owed:
        with context.ledger.read() as connection:
            ids = find_queued(connection, INDEX_BATCH)
            documents = list(find_documents(connection, ids, context.encoder.model_id, economies))
        if not ids:
            break
        held = write_documents(context, documents)
        gone = dict.fromkeys(set(ids) - {d.id for d in documents}, 2**31 - 1)  # queued, but no longer in the record
        if gone:
            context.index.delete(gone)
        with context.ledger.write() as connection:
            acknowledge(connection, {**held, **gone})
        done += len(documents)
        log.info("articles_indexed", articles=len(documents), gone=len(gone))
        progress("index", done, owed)
    return done


def write_documents(context: Context, documents: Sequence[Document]) -> dict[str, int]:
    """Write to the index; a document it will never take is buried with the reason, so that the others go on."""
    from search.index import Rejected

    try:
        return context.index.upsert(documents)
    except Rejected as rejected:
        refused = [d for d in documents if d.id in rejected.reasons]
        with context.ledger.write() as connection:
            for each in refused:
                bury_document(connection, each, rejected.reasons[each.id], context.clock.now())
        log.warning("documents_refused", reasons=rejected.reasons)
        return {**rejected.held, **{d.id: d.row_version for d in refused}}
