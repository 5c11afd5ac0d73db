"""What the record knows of each source: validators, known entries, outcomes, when it is due, who holds its lease.

Functions take a connection; the caller owns the transaction.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from iprwatch.ledger.tables import article_urls, articles, entries, outcomes, sources
from iprwatch.ledger.upsert import upsert
from pipelines.address import canonical_url
from pipelines.model import Entry
from spiders.plan import Outcome, Recheck, Seen
from spiders.source import Source

GOOD = ("ok", "unchanged", "partial")
"""Outcomes after which a source counts as reached."""

RECHECK_AGE = timedelta(days=14)  # offices correct a text within days; older pages are left alone
RECHECK_EVERY = timedelta(days=1)  # one conditional look a day and page
RECHECK_MOST = 3  # pages a visit, so that politeness keeps a visit short
SUSPECT_MOST = 10  # pages a visit whose text has come again elsewhere: a relaunch moves many at once
DEAD_TRIES = 3  # failed fetches after which a link is dead
TRY_APART = timedelta(hours=8)  # between tries that count, save for 404 and 410: an outage of hours kills no link
REVIVE_EVERY = timedelta(days=7)  # one more look at a dead link
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


class Read(NamedTuple):
    """Since when a source is read: when it joined, and the end of its first visit that succeeded; None: none did yet."""

    joined: datetime
    first: datetime | None


def find_reads(connection: sa.Connection) -> dict[str, Read]:
    """Since when each source is read."""
    good = sa.select(outcomes.c.at).where(outcomes.c.source == sources.c.id, outcomes.c.status.in_(GOOD))
    first = good.order_by(outcomes.c.at).limit(1).scalar_subquery().label("first")
    return {r.id: Read(r.joined, r.first) for r in connection.execute(sa.select(sources.c.id, sources.c.joined, first))}


def find_seen(connection: sa.Connection, source: str) -> Seen:
    """The validators and known entries of one source."""
    row = connection.execute(sa.select(sources).where(sources.c.id == source)).one_or_none()
    known = connection.execute(sa.select(entries.c.key, entries.c.hash).where(entries.c.source == source))
    if row is None:
        return Seen()
    landed = {r.key: r.hash for r in known if r.hash}
    return Seen(row.etag, row.last_modified, row.body_hash, landed, row.walked)


def find_rechecks(connection: sa.Connection, source: Source, now: datetime) -> tuple[Recheck, ...]:
    """Pages due for another conditional look: those whose text came again elsewhere, recent ones, then one dead link."""
    own = sa.select(entries).where(entries.c.source == source.id, entries.c.url != "")
    young = own.where(entries.c.fetched.between(now - RECHECK_AGE, now - RECHECK_EVERY), entries.c.tries < DEAD_TRIES)
    dead = own.where(entries.c.fetched < now - REVIVE_EVERY, entries.c.tries >= DEAD_TRIES)
    rows = [
        *_find_suspects(connection, source, now),
        *connection.execute(young.order_by(entries.c.fetched.desc()).limit(RECHECK_MOST)),
        *connection.execute(dead.order_by(entries.c.fetched).limit(1)),
    ]
    return tuple({r.key: Recheck(r.url, r.key, r.etag, r.last_modified, Entry(**r.entry)) for r in rows}.values())


def _find_suspects(connection: sa.Connection, source: Source, now: datetime) -> list[sa.Row[Any]]:
    """Entries of articles that another address of the source repeats and that were not asked since: they may have moved."""
    older, newer = articles.alias(), articles.alias()
    repeated = connection.execute(
        sa.select(article_urls.c.url, newer.c.first_seen)
        .join_from(newer, older, sa.and_(older.c.story == newer.c.story, older.c.source == newer.c.source))
        .join(article_urls, article_urls.c.article == older.c.id)
        .where(newer.c.source == source.id, newer.c.relation == "variant", older.c.id != newer.c.id)
        .where(newer.c.first_seen > now - RECHECK_AGE, older.c.first_seen < newer.c.first_seen)
        .where(older.c.gone.is_(None))
    )
    since = {r.url: r.first_seen for r in repeated}
    if not since:
        return []
    rows = connection.execute(
        sa.select(entries)
        .where(entries.c.source == source.id, entries.c.url != "", entries.c.fetched < max(since.values()))
        .where(entries.c.tries < DEAD_TRIES)
    )
    known = ((r, since.get(canonical_url(r.entry["url"], source.reading))) for r in rows)
    return [r for r, at in known if at and r.fetched < at][:SUSPECT_MOST]


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
    walked = max(row.walked, outcome.walked)
    changes: dict[str, Any] = {"failures": failures, "due": next_due(source, outcome, failures, now), "walked": walked}
    if outcome.status == "ok":
        changes |= {"etag": outcome.etag, "last_modified": outcome.last_modified, "body_hash": outcome.body_hash}
    connection.execute(sa.update(sources).where(sources.c.id == outcome.source).values(**changes))
    _record_entries(connection, outcome, now)
    _record_failures(connection, outcome, now)


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
                "tries": 0,
            }
        )
    upsert(connection, entries, rows)


def _record_failures(connection: sa.Connection, outcome: Outcome, now: datetime) -> None:
    """Count tries of pages that were not read; a dead link passes for known, as long as its row reads the same."""
    known = sa.select(entries).where(entries.c.source == outcome.source, entries.c.key.in_(list(outcome.failed)))
    before = {r.key: r for r in connection.execute(known)} if outcome.failed else {}
    rows = []
    for key, failed in outcome.failed.items():
        old = before.get(key)
        if old and old.tries and not failed["gone"] and now - old.fetched < TRY_APART:
            continue
        tries = (old.tries if old else 0) + 1
        held = old.hash if old else ""
        row = {"hash": failed["hash"] if tries >= DEAD_TRIES else held, "tries": tries, "fetched": now}
        rows.append({"source": outcome.source, "key": key, "url": failed["url"], "entry": failed["entry"], **row})
    upsert(connection, entries, rows)


def next_due(source: Source, outcome: Outcome, failures: int, now: datetime) -> datetime:
    """Interval with jitter; doubled for each failure in a row up to a day; never before a Retry-After."""
    interval = source.every
    if failures:
        interval = max(interval, min(BACKOFF_MOST, interval * 2 ** min(failures, 10)))
    jitter = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311  not a secret
    return now + max(interval * jitter, timedelta(seconds=outcome.retry_after or 0))


def find_leased(connection: sa.Connection, now: datetime) -> set[str]:
    """Sources that somebody visits. Until the transaction ends nobody else takes a lease."""
    rows = connection.execute(sa.select(sources.c.id, sources.c.lease_until).order_by(sources.c.id).with_for_update())
    return {r.id for r in rows if r.lease_until and r.lease_until > now}


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
