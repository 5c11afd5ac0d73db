"""What the watcher saw of each list, when it looks again, and which sources are owed a visit.

A bell is a count: `rings` rises when a change is seen, `answered` when a visit that began after it has ended. So no clocks are compared, a bell
that rings during a visit stays owed, and so does that of a visit which was killed. Functions take a connection; the caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from iprwatch.ledger.tables import articles, looks, outcomes, sources
from iprwatch.ledger.upsert import upsert
from iprwatch.rhythm import Arrival
from spiders.plan import Outcome

GOOD = ("ok", "unchanged")
"""Outcomes after which nothing of the list is left to read."""

Reason = Literal["new", "changed", "failed", "back", "unread", "clock"]
"""Why a bell rings: never visited, its list changed, cannot be read, can be read again, was left unread in part, or is none (an ID walk)."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a list was when last looked at, and when it is looked at next."""

    source: str
    due: datetime
    digest: str = ""  # empty: nothing is known of it, the next good look rings
    etag: str = ""
    last_modified: str = ""
    looked: datetime | None = None
    failures: int = 0  # in a row
    retry: datetime | None = None  # from then on the next good look rings
    rings: int = 0  # so far


@dataclass(frozen=True, slots=True)
class Finding:
    """A look that ended: what was known before it, what is known now, and whether that is a reason to visit."""

    before: Look
    after: Look
    reason: Reason | None = None  # to ring; none: nothing rings


def enrol_looks(connection: sa.Connection, ids: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Make a row for each enrolled source that has none. One that was never visited is owed a visit at once; returns those.

    The others begin with what their last visit read, when their next one would have been due.
    """
    fresh = sorted(set(ids) - set(connection.scalars(sa.select(looks.c.source))))
    visited = set(connection.scalars(sa.select(outcomes.c.source).where(outcomes.c.source.in_(fresh)).distinct()))
    rows = [
        {
            "source": read.id, "due": read.due if read.id in visited else now, "failures": 0, "answered": 0, "looked": None,
            "digest": read.body_hash, "etag": read.etag, "last_modified": read.last_modified,
            "retry": read.due if read.failures else None,
            "rings": int(read.id not in visited), "rung": None if read.id in visited else now,
            "reason": "" if read.id in visited else "new",
        }
        for read in connection.execute(sa.select(sources).where(sources.c.id.in_(fresh)))
    ]  # fmt: skip
    upsert(connection, looks, rows, keep=[c.name for c in looks.columns])
    return {row["source"]: now for row in rows if row["rings"]}


def find_looks(connection: sa.Connection) -> dict[str, Look]:
    """Every row, by source."""
    columns = [looks.c[name] for name in Look.__dataclass_fields__]
    return {r[0]: Look(*r) for r in connection.execute(sa.select(*columns))}


def find_visited(connection: sa.Connection, now: datetime) -> set[str]:
    """Sources that are being visited: somebody holds their lease."""
    return set(connection.scalars(sa.select(sources.c.id).where(sources.c.lease_until > now)))


def find_arrivals(connection: sa.Connection, since: datetime) -> list[Arrival]:
    """Items first seen since then, oldest first."""
    found = connection.execute(
        sa.select(
            articles.c.source, articles.c.published, articles.c.published_precision,
            articles.c.first_seen, sources.c.joined,
        )
        .join_from(articles, sources, sources.c.id == articles.c.source)
        .where(articles.c.first_seen > since)
        .order_by(articles.c.first_seen)
    )  # fmt: skip
    return [Arrival(*row) for row in found]


def record_findings(connection: sa.Connection, findings: Iterable[Finding], now: datetime) -> dict[str, datetime]:
    """Keep what was seen and ring; returns what rang. A finding is dropped where another look or visit has changed the row under it.

    A changed list rings nothing where a visit has read it meanwhile.
    """
    rung: dict[str, datetime] = {}
    for each in findings:
        before, after, reason = each.before, each.after, each.reason
        if reason == "changed" and before.digest and after.digest:
            read = sa.select(sources.c.id).where(sources.c.id == after.source, sources.c.body_hash == after.digest)
            reason = reason if connection.scalar(read) is None else None
        values = {
            "due": after.due, "digest": after.digest, "etag": after.etag, "last_modified": after.last_modified,
            "looked": after.looked, "failures": after.failures,
        }  # fmt: skip
        bell = {"rings": looks.c.rings + 1, "rung": now, "reason": reason, "retry": None} if reason else {}
        same = sa.and_(looks.c.digest == before.digest, looks.c.rings == before.rings)
        done = connection.execute(sa.update(looks).where(looks.c.source == after.source, same).values(**values, **bell))
        if done.rowcount and reason:
            rung[after.source] = now
    return rung


def find_rung(connection: sa.Connection) -> dict[str, datetime]:
    """Sources that are owed a visit, with the time their bell last rang."""
    owed = sa.select(looks.c.source, looks.c.rung).where(looks.c.rings > looks.c.answered)
    return {r.source: r.rung for r in connection.execute(owed)}


def ring_by_hand(connection: sa.Connection, ids: Iterable[str], now: datetime) -> None:
    """Somebody else says that these sources have changed: they are owed a visit. Enrol them before."""
    bell = {"rings": looks.c.rings + 1, "rung": now, "reason": "changed", "retry": None}
    connection.execute(sa.update(looks).where(looks.c.source.in_(list(ids))).values(**bell))


def count_rings(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    """Bells rung so far: what a visit that begins now will answer."""
    rows = connection.execute(sa.select(looks.c.source, looks.c.rings).where(looks.c.source.in_(ids)))
    return {r.source: r.rings for r in rows}


def answer_bells(connection: sa.Connection, found: Iterable[Outcome], rings: Mapping[str, int]) -> None:
    """Clear the bells of visits that have ended; `rings` as counted when they began. Call it after `record_outcome`.

    After a visit that left something unread, the next good look rings once the source is due again. It rings at once, but once only, where a
    visit found no change though a look had: not all copies of a list are renewed at the same time.
    """
    for outcome in found:
        row = connection.execute(sa.select(looks).where(looks.c.source == outcome.source)).one_or_none()
        if row is None:
            continue
        good = outcome.status in GOOD
        stale = outcome.status == "unchanged" and row.reason == "changed" and row.rings > row.answered
        due = connection.scalar(sa.select(sources.c.due).where(sources.c.id == outcome.source))
        changes: dict[str, object] = {"retry": row.looked if stale else None if good else due}
        changes["answered"] = max(row.answered, rings.get(outcome.source, 0))
        if good and not row.digest:
            changes |= {"digest": outcome.body_hash, "etag": outcome.etag, "last_modified": outcome.last_modified}
        connection.execute(sa.update(looks).where(looks.c.source == outcome.source).values(**changes))
