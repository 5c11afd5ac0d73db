"""What the record knows of each source: validators, known entries, outcomes, when it is due, who holds its lease.

Functions take a connection; the caller owns the transaction.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from iprwatch.ledger.tables import entries, outcomes, sources
from iprwatch.ledger.upsert import upsert
from pipelines.model import Entry
from spiders.plan import Outcome, Recheck, Seen
from spiders.source import Source

GOOD = ("ok", "unchanged", "partial")
"""Outcomes after which a source counts as reached."""

RECHECK_AGE = timedelta(days=14)  # offices correct a text within days; older pages are left alone
RECHECK_EVERY = timedelta(days=1)  # one conditional look a day and page
RECHECK_MOST = 3  # pages a visit, so that politeness keeps a visit short
BACKOFF_MOST = timedelta(hours=24)  # a failing source is slowed, never given up
JITTER = 0.1  # of the interval, so that sources do not come due in step


@dataclass(frozen=True, slots=True)
class State:
    """A source as last seen."""

    id: str
    due: datetime
    failures: int
    joined: datetime
    last: str = ""  # status of the last outcome
    cause: str = ""
    at: datetime | None = None
    counts: Mapping[str, Any] | None = None


def enrol(connection: sa.Connection, ids: Iterable[str], now: datetime) -> None:
    """Make a row for each source that has none; it is due at once."""
    upsert(connection, sources, [_blank(i, now) for i in sorted(ids)], keep=("due", "joined"))


def _blank(source: str, now: datetime) -> dict[str, Any]:
    return {"id": source, "joined": now, "due": now}


def find_states(connection: sa.Connection) -> dict[str, State]:
    """Every enrolled source with its last outcome."""
    newest = sa.select(sa.func.max(outcomes.c.id).label("id")).group_by(outcomes.c.source).subquery()
    last = sa.select(outcomes).join(newest, newest.c.id == outcomes.c.id).subquery()
    rows = connection.execute(
        sa.select(
            sources.c.id, sources.c.due, sources.c.failures, sources.c.joined,
            last.c.status, last.c.cause, last.c.at, last.c.counts,
        ).join_from(sources, last, last.c.source == sources.c.id, isouter=True)
    )  # fmt: skip
    return {r.id: State(r.id, r.due, r.failures, r.joined, r.status or "", r.cause or "", r.at, r.counts) for r in rows}


def find_seen(connection: sa.Connection, source: str) -> Seen:
    """The validators and known entries of one source."""
    row = connection.execute(sa.select(sources).where(sources.c.id == source)).one_or_none()
    known = connection.execute(sa.select(entries.c.key, entries.c.hash).where(entries.c.source == source))
    if row is None:
        return Seen()
    return Seen(row.etag, row.last_modified, row.body_hash, {r.key: r.hash for r in known})


def find_rechecks(connection: sa.Connection, source: str, now: datetime) -> tuple[Recheck, ...]:
    """Pages due for another conditional look, newest first."""
    rows = connection.execute(
        sa.select(entries)
        .where(entries.c.source == source, entries.c.url != "", entries.c.fetched < now - RECHECK_EVERY)
        .where(entries.c.fetched > now - RECHECK_AGE)
        .order_by(entries.c.fetched.desc())
        .limit(RECHECK_MOST)
    )
    return tuple(Recheck(r.url, r.key, r.etag, r.last_modified, Entry(**r.entry)) for r in rows)


def record_outcome(connection: sa.Connection, run: str, outcome: Outcome, source: Source, now: datetime) -> None:
    """Keep what a visit gave: the outcome, new validators, known entries, and when the source is due again."""
    counts = {k: v for k, v in asdict(outcome).items() if isinstance(v, int | float) and not isinstance(v, bool)}
    connection.execute(
        sa.insert(outcomes).values(
            run=run, source=outcome.source, at=now, status=outcome.status, cause=outcome.cause, counts=counts
        )
    )
    row = connection.execute(sa.select(sources).where(sources.c.id == outcome.source)).one()
    good = outcome.status in GOOD
    failures = row.failures if outcome.status == "unchanged" else 0 if good else row.failures + 1
    changes: dict[str, Any] = {"failures": failures, "due": next_due(source, outcome, failures, now)}
    if outcome.status == "ok":
        changes |= {"etag": outcome.etag, "last_modified": outcome.last_modified, "body_hash": outcome.body_hash}
    connection.execute(sa.update(sources).where(sources.c.id == outcome.source).values(**changes))
    _record_entries(connection, outcome, now)


def _record_entries(connection: sa.Connection, outcome: Outcome, now: datetime) -> None:
    rows = []
    for key, digest in outcome.entries.items():
        fetched = outcome.fetched.get(key, {})
        rows.append(
            {
                "source": outcome.source,
                "key": key,
                "hash": digest,
                "url": fetched.get("url", ""),
                "etag": fetched.get("etag", ""),
                "last_modified": fetched.get("last_modified", ""),
                "fetched": now,
                "entry": fetched.get("entry", {}),
            }
        )
    upsert(connection, entries, rows)


def next_due(source: Source, outcome: Outcome, failures: int, now: datetime) -> datetime:
    """Interval with jitter; doubled for each failure in a row up to a day; never before a Retry-After."""
    interval = source.every
    if failures:
        interval = max(interval, min(BACKOFF_MOST, interval * 2 ** min(failures, 10)))
    jitter = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311  not a secret
    return now + max(interval * jitter, timedelta(seconds=outcome.retry_after or 0))


def take_leases(
    connection: sa.Connection, ids: Sequence[str], holder: str, now: datetime, length: timedelta
) -> list[str]:
    """Take the lease of each source that nobody holds; returns those that are ours now."""
    free = sa.or_(sources.c.lease_until.is_(None), sources.c.lease_until < now, sources.c.lease_holder == holder)
    connection.execute(
        sa.update(sources).where(sources.c.id.in_(ids), free).values(lease_holder=holder, lease_until=now + length)
    )
    ours = connection.scalars(sa.select(sources.c.id).where(sources.c.id.in_(ids), sources.c.lease_holder == holder))
    held = set(ours)
    return [i for i in ids if i in held]


def free_dead_leases(connection: sa.Connection, host: str, is_alive: Callable[[int], bool]) -> None:
    """Give back the leases of this machine's processes that were killed (holders are `host:pid:run`)."""
    found = connection.scalars(
        sa.select(sources.c.lease_holder)
        .where(sources.c.lease_holder.startswith(f"{host}:", autoescape=True))
        .distinct()
    ).all()
    for holder in found:
        if not is_alive(int(holder.split(":")[1])):
            drop_leases(connection, holder)


def drop_leases(connection: sa.Connection, holder: str) -> None:
    """Give back every lease of this holder."""
    connection.execute(
        sa.update(sources).where(sources.c.lease_holder == holder).values(lease_holder="", lease_until=None)
    )
