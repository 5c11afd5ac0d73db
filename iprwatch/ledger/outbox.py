"""The outbox in the record: what is to be sent, by whom it is being sent, what became of it.

A row's key is unique, so nothing is put here twice; a row is claimed by one process at a time, and its end is written down once.
Functions take a connection; the caller owns the transaction. Does not send.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from iprwatch.ledger.articles import chunked
from iprwatch.ledger.tables import outbox, story_aliases
from iprwatch.ledger.upsert import upsert

Row = sa.Row[Any]
"""A row of the outbox; its columns are explained in docs/fields.md."""

INBOX = "inbox"  # the channel that needs no sending: its rows are what `iprwatch alerts`, the page and the feed show
WAITING, SENDING, SENT, FAILED = "waiting", "sending", "sent", "failed"


@dataclass(frozen=True, slots=True)
class Told:
    """What a watch was already told of a story, under any id the story ever had."""

    story: str
    watch: str
    channel: str
    article: str
    revision: int


def put(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Put rows into the outbox; those whose key is there already are left alone. Returns how many are new."""
    given = [dict(r) for r in rows]
    held = {k for part in chunked([r["key"] for r in given]) for k in _find_keys(connection, part)}
    new = {r["key"]: r for r in given if r["key"] not in held}
    upsert(connection, outbox, list(new.values()), keep=outbox.columns.keys())
    return len(new)


def _find_keys(connection: sa.Connection, keys: Sequence[str]) -> Sequence[str]:
    return connection.scalars(sa.select(outbox.c.key).where(outbox.c.key.in_(keys))).all()


def find_told(connection: sa.Connection, stories: Sequence[str]) -> dict[str, list[Told]]:
    """What the watches were told of these stories, by the id each has now; a story merged into one of them counts for it."""
    names = {story: story for story in stories}
    for part in chunked(stories):
        merged = sa.select(story_aliases.c.alias, story_aliases.c.story).where(story_aliases.c.story.in_(part))
        names |= {r.alias: r.story for r in connection.execute(merged)}
    found: defaultdict[str, list[Told]] = defaultdict(list)
    columns = (outbox.c.story, outbox.c.owner, outbox.c.channel, outbox.c.article, outbox.c.revision)
    for part in chunked(list(names)):
        for row in connection.execute(sa.select(*columns).where(outbox.c.kind == "alert", outbox.c.story.in_(part))):
            found[names[row.story]].append(Told(*row))
    return found


def find_due_channels(connection: sa.Connection, now: datetime) -> list[str]:
    """Channels with something to send now, taken-over claims included."""
    return list(connection.scalars(sa.select(outbox.c.channel).where(_due(now)).distinct().order_by(outbox.c.channel)))


def _due(now: datetime) -> sa.ColumnElement[bool]:
    waiting = sa.and_(outbox.c.state == WAITING, outbox.c.due <= now)
    return sa.or_(waiting, sa.and_(outbox.c.state == SENDING, outbox.c.claimed_until < now))


def claim(connection: sa.Connection, channel: str, holder: str, now: datetime, until: datetime) -> Row | None:
    """Take the next row of a channel, or None. What was tried least goes first, so that one bad message holds up no other."""
    chosen = connection.scalar(
        sa.select(outbox.c.key)
        .where(outbox.c.channel == channel, _due(now))
        .order_by(outbox.c.attempts, outbox.c.created, outbox.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if chosen is None:
        return None
    taken = {"state": SENDING, "claimed_by": holder, "claimed_until": until}
    connection.execute(sa.update(outbox).where(outbox.c.key == chosen).values(**taken))
    return connection.execute(sa.select(outbox).where(outbox.c.key == chosen)).one()


def settle_sent(connection: sa.Connection, key: str, now: datetime, receipt: str) -> None:
    """The receiver has it: whoever holds the claim now, it is sent."""
    _settle(connection, [outbox.c.key == key], state=SENT, sent=now, receipt=receipt, error="")


def settle_failed(connection: sa.Connection, key: str, holder: str, error: str) -> None:
    """It cannot be sent."""
    _settle(connection, _held(key, holder), state=FAILED, error=error)


def put_back(connection: sa.Connection, key: str, holder: str, due: datetime, error: str) -> None:
    """It was not accepted now and waits until `due`."""
    _settle(connection, _held(key, holder), state=WAITING, due=due, error=error)


def pause(connection: sa.Connection, channel: str, now: datetime, until: datetime) -> None:
    """What is due on a channel that takes nothing waits too, untried."""
    due = (outbox.c.channel == channel, outbox.c.state == WAITING, outbox.c.due <= now)
    connection.execute(sa.update(outbox).where(*due).values(due=until))


def _held(key: str, holder: str) -> list[sa.ColumnElement[bool]]:
    return [outbox.c.key == key, outbox.c.state == SENDING, outbox.c.claimed_by == holder]


def _settle(connection: sa.Connection, where: Sequence[sa.ColumnElement[bool]], **values: Any) -> None:
    free = {"attempts": outbox.c.attempts + 1, "claimed_by": "", "claimed_until": None}
    connection.execute(sa.update(outbox).where(*where).values(**free, **values))


def find_holders(connection: sa.Connection) -> list[str]:
    """Who is sending now, or was when it was killed."""
    return list(connection.scalars(sa.select(outbox.c.claimed_by).where(outbox.c.state == SENDING).distinct()))


def free_claims(connection: sa.Connection, holders: Sequence[str]) -> int:
    """Give back what these held; returns how many rows."""
    back = {"state": WAITING, "claimed_by": "", "claimed_until": None}
    where = (outbox.c.state == SENDING, outbox.c.claimed_by.in_(holders))
    return connection.execute(sa.update(outbox).where(*where).values(**back)).rowcount


def find_unsent(connection: sa.Connection, kind: str, before: datetime) -> list[str]:
    """Ids of digests (or things of notices) that were put here before a time and are not sent."""
    rows = sa.select(outbox.c.digest).where(outbox.c.kind == kind, outbox.c.state != SENT, outbox.c.created < before)
    return list(connection.scalars(rows.distinct().order_by(outbox.c.digest)))


def retry(connection: sa.Connection, now: datetime) -> int:
    """Let what failed be tried once more, from the beginning; returns how many."""
    again = {"state": WAITING, "due": now, "attempts": 0, "created": now}
    return connection.execute(sa.update(outbox).where(outbox.c.state == FAILED).values(**again)).rowcount


def find_alerts(connection: sa.Connection, most: int, watch: str = "", since: datetime | None = None) -> list[Row]:
    """The newest alerts of the inbox, one a watch and story (and revision)."""
    statement = sa.select(outbox).where(outbox.c.kind == "alert", outbox.c.channel == INBOX)
    if watch:
        statement = statement.where(outbox.c.owner == watch)
    if since:
        statement = statement.where(outbox.c.created >= since)
    return list(connection.execute(statement.order_by(outbox.c.created.desc(), outbox.c.key).limit(most)))


def find_deliveries(connection: sa.Connection, stories: Sequence[str]) -> list[Row]:
    """Every row of these stories, of all channels but the inbox."""
    return [
        r
        for part in chunked(stories)
        for r in connection.execute(sa.select(outbox).where(outbox.c.story.in_(part), outbox.c.channel != INBOX))
    ]


def count_states(connection: sa.Connection) -> dict[str, int]:
    """Rows of each state, over all channels but the inbox."""
    counted = (
        sa.select(outbox.c.state, sa.func.count().label("n")).where(outbox.c.channel != INBOX).group_by(outbox.c.state)
    )
    return {r.state: r.n for r in connection.execute(counted)}


def count_alerts(connection: sa.Connection) -> dict[str, int]:
    """Alerts of each watch, by its id."""
    told = (outbox.c.kind == "alert", outbox.c.channel == INBOX)
    counted = sa.select(outbox.c.owner, sa.func.count().label("n")).where(*told).group_by(outbox.c.owner)
    return {r.owner: r.n for r in connection.execute(counted)}
