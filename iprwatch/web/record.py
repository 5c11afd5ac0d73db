"""Ledger → what the pages show of one item, story, source, alert or digest. Reads only; the caller owns the transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from iprwatch.errors import NotFound
from iprwatch.ledger.tables import article_urls, articles, digests, outbox, passages, revisions, story_aliases, tags

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One article with all that the record says of it. Rows are those of the tables of the same name."""

    article: Row
    tags: Sequence[Row]  # best first
    revisions: Sequence[Row]  # oldest first
    members: Sequence[Row]  # the other articles of its story, oldest first
    addresses: Sequence[str]  # other addresses of the same article


@dataclass(frozen=True, slots=True)
class Alert:
    """One match of a watch, told once for all its channels. What it says was true when the watch fired."""

    watch: str
    article: str
    created: datetime
    reason: Mapping[str, Any]  # see iprwatch.alerts.match.build_reason
    channels: tuple[tuple[str, str], ...]  # name and state of each

    @property
    def about(self) -> Mapping[str, Any]:
        """Title, source, economy, language and address of the article."""
        return {"title": "", "source": "", "economy": "", "language": "und", "url": ""} | (
            self.reason.get("article") or {}
        )

    @property
    def hops(self) -> list[tuple[str, float]]:
        """Seconds from publication (where its time is known) to the first sight of it, and from there to the alert."""
        moments = {name: datetime.fromisoformat(at) for name, at in (self.reason.get("hops") or {}).items() if at}
        ways = (("seen after", "published", "seen"), ("alert after", "seen", "alerted"))
        found = [
            (word, (moments[b] - moments[a]).total_seconds()) for word, a, b in ways if a in moments and b in moments
        ]
        return [(word, seconds) for word, seconds in found if seconds >= 0]


def find_item(connection: sa.Connection, id: str) -> Item:
    """The article of this id, or of the only one that begins so. Raises NotFound."""
    article = connection.execute(sa.select(articles).where(articles.c.id == id)).one_or_none()
    if article is None:
        starts = articles.c.id.startswith(id, autoescape=True)
        begun = connection.execute(sa.select(articles).where(starts).limit(2)).all()
        if len(begun) != 1:
            raise NotFound("No item has this id", "It may have been made anew: search for its title")
        article = begun[0]
    of = article.id
    return Item(
        article,
        connection.execute(sa.select(tags).where(tags.c.article == of).order_by(tags.c.rank)).all(),
        connection.execute(sa.select(revisions).where(revisions.c.article == of).order_by(revisions.c.n)).all(),
        [row for row in find_members(connection, article.story) if row.id != of],
        [
            u
            for u in connection.scalars(sa.select(article_urls.c.url).where(article_urls.c.article == of))
            if u != article.url
        ],
    )


def find_passage(connection: sa.Connection, article: str, n: int) -> tuple[int, int] | None:
    """Where a passage stands in its article's text."""
    where = (passages.c.article == article, passages.c.n == n)
    row = connection.execute(sa.select(passages.c.start, passages.c.end).where(*where)).one_or_none()
    return (row.start, row.end) if row else None


def find_members(connection: sa.Connection, story: str) -> Sequence[Row]:
    """The articles of a story, by date."""
    return connection.execute(
        sa.select(articles).where(articles.c.story == story).order_by(articles.c.published, articles.c.id)
    ).all()


def find_story(connection: sa.Connection, id: str) -> tuple[str, Sequence[Row]]:
    """A story's id (a merged one's heir) and its articles, by date. Raises NotFound."""
    heir = connection.scalar(sa.select(story_aliases.c.story).where(story_aliases.c.alias == id)) or id
    if found := find_members(connection, heir):
        return heir, found
    raise NotFound("No story has this id", "It may have been made anew: search for its title")


def find_tags(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Row]]:
    """The tags of some articles, best first."""
    found: dict[str, list[Row]] = {}
    for row in connection.execute(sa.select(tags).where(tags.c.article.in_(ids)).order_by(tags.c.rank)):
        found.setdefault(row.article, []).append(row)
    return found


def find_alerts(connection: sa.Connection, most: int, watch: str = "") -> list[Alert]:
    """The newest alerts, the channels of one match together."""
    where = [outbox.c.kind == "alert", *([outbox.c.owner == watch] if watch else [])]
    newest = sa.select(outbox).where(*where).order_by(outbox.c.created.desc(), outbox.c.key).limit(most)
    matches: dict[tuple[str, str, int], list[Row]] = {}
    for row in connection.execute(newest):
        matches.setdefault((row.owner, row.story, row.revision), []).append(row)
    return [
        Alert(
            r[0].owner, r[0].article, r[0].created, r[0].reason or {}, tuple((each.channel, each.state) for each in r)
        )
        for r in matches.values()
    ]


def count_alerts(connection: sa.Connection) -> dict[str, tuple[int, datetime]]:
    """Stories and last moment per watch that ever fired."""
    columns = (outbox.c.owner, sa.func.count(sa.distinct(outbox.c.story)), sa.func.max(outbox.c.created))
    rows = connection.execute(sa.select(*columns).where(outbox.c.kind == "alert").group_by(outbox.c.owner))
    return {owner: (count, last) for owner, count, last in rows}


def find_digests(connection: sa.Connection, most: int) -> Sequence[Row]:
    """The newest digests."""
    return connection.execute(sa.select(digests).order_by(digests.c.cut.desc(), digests.c.id).limit(most)).all()


def find_digest(connection: sa.Connection, id: str) -> Row:
    """One digest. Raises NotFound."""
    row = connection.execute(sa.select(digests).where(digests.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("No digest has this id", "See the list of digests")
    return row


def count_articles(connection: sa.Connection) -> dict[str, tuple[int, datetime]]:
    """Articles and newest publication per source."""
    columns = (articles.c.source, sa.func.count(), sa.func.max(articles.c.published))
    return {
        source: (count, last)
        for source, count, last in connection.execute(sa.select(*columns).group_by(articles.c.source))
    }
