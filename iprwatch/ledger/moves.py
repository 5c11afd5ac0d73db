"""An article that turns out to be an older one at a new address: the two rows become one. Decides nothing.

The older id stays; the newer's text becomes its revision, the newer's addresses its aliases. Functions take a connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from iprwatch.ledger.articles import WATCHES, chunked, enqueue, find_rows, touch
from iprwatch.ledger.tables import (
    article_keys,
    article_links,
    article_urls,
    articles,
    passages,
    queue,
    revisions,
    story_aliases,
    tags,
)
from iprwatch.ledger.upsert import upsert

TAKEN = (
    "url", "title", "text", "author", "language", "media", "content_hash", "verdict", "tagger", "signature", "record_id",
)  # fmt: skip
"""Columns of the newer row that the older takes over; its dates, id, key and story are its own."""


def mark_gone(connection: sa.Connection, article: str, at: datetime) -> None:
    """Its address no longer leads to it; the first time counts."""
    connection.execute(sa.update(articles).where(articles.c.id == article, articles.c.gone.is_(None)).values(gone=at))


def clear_gone(connection: sa.Connection, ids: Iterable[str]) -> None:
    """Their addresses lead to them again."""
    for part in chunked(list(ids)):
        connection.execute(
            sa.update(articles).where(articles.c.id.in_(part), articles.c.gone.is_not(None)).values(gone=None)
        )


def absorb(connection: sa.Connection, older: str, newer: str) -> None:
    """Make the newer article the newest revision of the older one; the index is owed both."""
    rows = {r.id: r for r in find_rows(connection, [older, newer])}
    old, new = rows[older], rows[newer]
    n = _append_revisions(connection, older, newer, old.revision)
    taken = {c: getattr(new, c) for c in TAKEN}
    version = old.row_version + 1
    changed = new.last_changed if n > old.revision else old.last_changed
    connection.execute(
        sa.update(articles)
        .where(articles.c.id == older)
        .values(**taken, revision=n, row_version=version, last_changed=changed, gone=None)
    )
    for table in (article_keys, article_links, passages, tags):
        connection.execute(sa.delete(table).where(table.c.article == older))
        connection.execute(sa.update(table).where(table.c.article == newer).values(article=older))
    connection.execute(sa.update(article_urls).where(article_urls.c.article == newer).values(article=older))
    connection.execute(sa.delete(articles).where(articles.c.id == newer))
    _join_story(connection, new.story, old.story)
    connection.execute(sa.delete(queue).where(queue.c.article == newer))
    enqueue(connection, older, version)
    if n > old.revision:
        enqueue(connection, older, version, WATCHES)
    enqueue(connection, newer, new.row_version + 1)  # no longer in the record: the index drops it


def _append_revisions(connection: sa.Connection, older: str, newer: str, n: int) -> int:
    """Number the newer's revisions on from `n`, without those that say what the one before says; returns the last."""
    own = sa.select(revisions.c.content_hash).where(revisions.c.article == older, revisions.c.n == n)
    said = connection.scalar(own)
    for row in connection.execute(sa.select(revisions).where(revisions.c.article == newer).order_by(revisions.c.n)):
        if row.content_hash != said:
            n, said = n + 1, row.content_hash
            connection.execute(sa.insert(revisions).values(**row._asdict() | {"article": older, "n": n}))
    connection.execute(sa.delete(revisions).where(revisions.c.article == newer))
    return n


def _join_story(connection: sa.Connection, left: str, joined: str) -> None:
    """Whoever stood in the newer article's story stands in the older's."""
    if left == joined:
        return
    touch(connection, connection.scalars(sa.select(articles.c.id).where(articles.c.story == left)).all(), story=joined)
    upsert(connection, story_aliases, [{"alias": left, "story": joined}])
    connection.execute(sa.update(story_aliases).where(story_aliases.c.story == left).values(story=joined))
