"""Digests in the record: which stories wait for a subscription, what each was told, how the sources were read meanwhile.

Functions take a connection; the caller owns the transaction, in which a digest is claimed, composed, kept and queued.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from iprwatch.ledger.articles import INDEX, chunked
from iprwatch.ledger.outbox import INBOX
from iprwatch.ledger.sources import GOOD
from iprwatch.ledger.tables import (
    articles,
    digest_stories,
    digests,
    outbox,
    outcomes,
    queue,
    sources,
    story_aliases,
    tags,
)
from search.schema import Filters

Rows = Mapping[str, Sequence[sa.Row[Any]]]
"""Rows by the id of what they belong to."""

MEMBER = [articles.c[n] for n in ("id", "source", "url", "title", "language", "published", "published_precision",
                                  "published_origin", "first_seen", "story", "relation")]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Past:
    """A digest as the record lists it."""

    id: str
    subscription: str
    since: datetime
    cut: datetime
    created: datetime
    body: Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source that could not be read in a window, or cannot since before it."""

    source: str
    since: datetime  # first failure in a row
    until: datetime | None  # when it was read again; None: not yet
    cause: str


@dataclass(frozen=True, slots=True)
class Visits:
    """How the sources were visited up to a cut."""

    visited: int  # sources visited in the window
    last: datetime | None  # newest visit
    troubles: tuple[Trouble, ...]


def find_digests(connection: sa.Connection, subscription: str = "", most: int = 50) -> list[Past]:
    """The newest digests, of one subscription or of all."""
    statement = sa.select(digests).order_by(digests.c.cut.desc(), digests.c.id).limit(most)
    if subscription:
        statement = statement.where(digests.c.subscription == subscription)
    return [_past(r) for r in connection.execute(statement)]


def find_digest(connection: sa.Connection, id: str) -> Past | None:
    """One digest by id."""
    row = connection.execute(sa.select(digests).where(digests.c.id == id)).one_or_none()
    return _past(row) if row else None


def _past(row: sa.Row[Any]) -> Past:
    return Past(row.id, row.subscription, row.since, row.cut, row.created, row.body)


def is_made(connection: sa.Connection, id: str) -> bool:
    """Whether a digest is in the record."""
    return connection.scalar(sa.select(digests.c.id).where(digests.c.id == id)) is not None


def find_beginning(connection: sa.Connection) -> datetime | None:
    """When the first source joined; None where nothing was ever watched."""
    return connection.scalar(sa.select(sources.c.joined).order_by(sources.c.joined).limit(1))


def find_cuts(connection: sa.Connection, subscription: str) -> list[datetime]:
    """Every cut made for a subscription, oldest first."""
    statement = sa.select(digests.c.cut).where(digests.c.subscription == subscription).order_by(digests.c.cut)
    return list(connection.scalars(statement))


def find_sent(connection: sa.Connection, subscription: str) -> datetime | None:
    """When a digest of this subscription was last put in the outbox."""
    ours = (outbox.c.kind == "digest", outbox.c.owner == subscription)
    return connection.scalar(sa.select(outbox.c.created).where(*ours).order_by(outbox.c.created.desc()).limit(1))


def claim_digest(connection: sa.Connection, past: Past) -> bool:
    """Make the row of a digest; False where it exists. A second process waits here until the first is done."""
    row = {name: getattr(past, name) for name in digests.columns.keys()}  # noqa: SIM118  no dict
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(digests).values(row))
    except IntegrityError:
        return False
    return True


def keep_body(connection: sa.Connection, id: str, body: Mapping[str, Any]) -> None:
    """Keep the composed digest."""
    connection.execute(sa.update(digests).where(digests.c.id == id).values(body=dict(body)))


def take_stories(connection: sa.Connection, subscription: str, digest: str, stories: Iterable[str]) -> None:
    """These stories are in no later digest of the subscription."""
    rows = [{"subscription": subscription, "story": s, "digest": digest} for s in stories]
    if rows:
        connection.execute(sa.insert(digest_stories), rows)


def find_untaken(
    connection: sa.Connection, subscription: str, filters: Filters, cut: datetime
) -> Iterator[sa.Row[Any]]:
    """Themed articles that match the filters, were seen by the cut, are indexed, and whose story was in no digest yet.

    A story that was merged into another counts as told under either id. Columns as `MEMBER`, in no order.
    """
    owed = sa.exists().where(queue.c.index == INDEX, queue.c.article == articles.c.id)
    told = sa.select(digest_stories.c.story).where(digest_stories.c.subscription == subscription)
    merged = sa.select(story_aliases.c.story).where(story_aliases.c.alias.in_(told))
    return iter(
        connection.execute(
            sa.select(*MEMBER)
            .where(articles.c.first_seen <= cut, articles.c.relation != "variant", _tagged(filters.themes), ~owed)
            .where(articles.c.story.not_in(told), articles.c.story.not_in(merged))
            .where(*_restrictions(filters))
        )
    )


def _tagged(themes: Sequence[str]) -> sa.ColumnElement[bool]:
    tag = sa.exists().where(tags.c.article == articles.c.id)
    below = [sa.or_(tags.c.theme == t, tags.c.theme.startswith(f"{t}.", autoescape=True)) for t in themes]
    return tag.where(sa.or_(*below)) if below else tag


def _restrictions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted = ((articles.c.source, filters.sources), (articles.c.language, filters.languages))
    return [column.in_(values) for column, values in wanted if values]


def count_untagged(connection: sa.Connection, filters: Filters, since: datetime, cut: datetime) -> int:
    """Stories published and first seen in the window (a date without a time: on its first day) whose head bears on no theme."""
    statement = sa.select(sa.func.count()).select_from(articles)
    day = datetime.combine(since.astimezone(UTC).date(), time(), UTC)
    seen = (articles.c.first_seen > since, articles.c.first_seen <= cut)
    within = (*seen, articles.c.published >= day, articles.c.relation == "head")
    return connection.scalar(statement.where(*within, ~_tagged(()), *_restrictions(filters))) or 0


def find_members(connection: sa.Connection, stories: Sequence[str], cut: datetime) -> Rows:
    """The articles of each story that were seen by the cut, variants left out, by story; earliest first."""
    found: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    for part in chunked(stories):
        standing = (articles.c.relation != "variant", articles.c.first_seen <= cut)
        rows = sa.select(*MEMBER).where(articles.c.story.in_(part), *standing)
        for row in connection.execute(rows.order_by(articles.c.published, articles.c.id)):
            found[row.story].append(row)
    return found


def find_reasons(connection: sa.Connection, ids: Sequence[str]) -> Rows:
    """The tags of each article, best first, by article."""
    found: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    columns = (tags.c.article, tags.c.theme, tags.c.item_sentence, tags.c.statement_sentence)
    for part in chunked(ids):
        rows: sa.Result[Any] = connection.execute(
            sa.select(*columns).where(tags.c.article.in_(part)).order_by(tags.c.rank)
        )
        for row in rows:
            found[row.article].append(row)
    return found


def find_alerts(connection: sa.Connection, since: datetime, cut: datetime, watches: Sequence[str]) -> list[sa.Row[Any]]:
    """The inbox's alerts of a window (story, owner, reason, created), newest first."""
    at = outbox.c.created
    statement = sa.select(outbox.c.story, outbox.c.owner, outbox.c.reason, at).where(
        outbox.c.kind == "alert", outbox.c.channel == INBOX, at > since, at <= cut
    )
    if watches:
        statement = statement.where(outbox.c.owner.in_(watches))
    return list(connection.execute(statement.order_by(at.desc(), outbox.c.key)))


def find_visits(connection: sa.Connection, ids: Sequence[str], since: datetime, cut: datetime) -> Visits:
    """How these sources were read in a window; one that failed before it and was not visited since is still down."""
    at, status = outcomes.c.at, outcomes.c.status
    visited: dict[str, datetime | None] = {}  # → newest bad visit of the window
    for part in chunked(ids):
        bad = sa.func.max(sa.case((status.not_in(GOOD), at)), type_=at.type).label("bad_at")
        within = (outcomes.c.source.in_(part), at > since, at <= cut)
        statement = sa.select(outcomes.c.source, bad).where(*within).group_by(outcomes.c.source)
        visited |= {row.source: row.bad_at for row in connection.execute(statement)}
    last = sa.select(at).where(outcomes.c.source == sources.c.id, at <= cut).order_by(at.desc()).limit(1)
    newest_at, newest_status = last.scalar_subquery(), last.with_only_columns(status).scalar_subquery()
    rows = connection.execute(sa.select(sources.c.id, newest_at.label("at"), newest_status.label("status")))
    newest = [r for r in rows if r.id in ids and r.at]
    failed = {r.id: r.at for r in newest if r.status not in GOOD}
    failed |= {source: bad_at for source, bad_at in visited.items() if bad_at}
    return Visits(
        visited=len(visited),
        last=max((r.at for r in newest), default=None),
        troubles=tuple(_trouble(connection, source, bad_at, cut) for source, bad_at in sorted(failed.items())),
    )


def _trouble(connection: sa.Connection, source: str, bad_at: datetime, cut: datetime) -> Trouble:
    """The unbroken row of failures that ends at `bad_at`."""
    at = outcomes.c.at
    ours = sa.select(at).where(outcomes.c.source == source, at <= cut)
    good = ours.where(outcomes.c.status.in_(GOOD))
    before = connection.scalar(good.where(at < bad_at).order_by(at.desc()).limit(1))
    first = connection.scalar((ours.where(at > before) if before else ours).order_by(at).limit(1))
    until = connection.scalar(good.where(at > bad_at).order_by(at).limit(1))
    cause = connection.scalar(sa.select(outcomes.c.cause).where(outcomes.c.source == source, at == bad_at).limit(1))
    return Trouble(source, first or bad_at, until, cause or "")
