"""Addresses that no longer lead to their article → which articles moved, before a batch is sifted.

An article moves where its old address is gone or leads elsewhere, and its source has nearly the same text at a new one:
the older id goes on there. A redirect to another text is no move: the page there stands for itself, and the old address
counts as gone. Functions take a connection and run inside one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iprwatch.ledger.articles import find_by_url, find_rows
from iprwatch.ledger.moves import absorb, mark_gone
from iprwatch.stories import rejoin, settle_story
from pipelines.address import canonical_url
from pipelines.duplicates import is_near_duplicate
from pipelines.model import Article, Page
from spiders.answer import GONE
from spiders.entries import is_item

if TYPE_CHECKING:
    from iprwatch.context import Context


@dataclass(slots=True)
class Settled:
    """A batch's articles under the ids they go by; how many articles in the record moved."""

    articles: list[Article] = field(default_factory=list)
    moved: int = 0


def is_gone(page: Page) -> bool:
    """Whether the office says that there is no such page any more."""
    return page.status in GONE


def heed_gone(connection: sa.Connection, context: Context, pages: Sequence[Page]) -> int:
    """Mark the articles whose present address these answers call gone; how many of them went on at another."""
    asked = {_asked(context, page): page for page in pages}
    owners = find_by_url(connection, list(asked))
    rows = {r.id: r for r in find_rows(connection, list(set(owners.values())))}
    marked = [
        (owner, page)
        for url, page in asked.items()
        if (owner := owners.get(url)) and rows[owner].url == url and rows[owner].source == page.source
    ]
    for owner, page in marked:
        mark_gone(connection, owner, page.fetched_at)
    return rejoin(connection, context, [owner for owner, _ in marked])


def _asked(context: Context, page: Page) -> str:
    """The public address that was asked for, canonical."""
    source = context.sources.get(page.source)
    url = page.entry.url if page.entry and page.entry.url else page.url
    return canonical_url(url, source.reading) if source else url


def settle_addresses(connection: sa.Connection, context: Context, articles: Sequence[Article]) -> Settled:
    """Give each article the id of the one in the record that it is, by its address or the addresses passed on the way."""
    settled, names = Settled(), {}
    trails = Trails(connection, articles)
    for article in articles:
        if trails.find_older(article):
            trails = Trails(connection, articles)  # an article before it may have moved
        older = trails.find_older(article)
        if older is None:
            settled.articles.append(trails.named(article))
        elif is_near_duplicate(article.title, article.text, older.title, older.text):
            names[article.url] = _move(connection, context, older, trails.find_end(article))
            settled.articles.append(article)
            settled.moved += 1
        else:
            settled.moved += _leave(connection, context, article, older)
            if older.id != article.id and not _is_astray(context, article):
                settled.articles.append(trails.named(article))
    settled.articles = [replace(a, id=names.get(a.url, a.id)) for a in settled.articles]
    return settled


class Trails:
    """Which articles of the record the addresses and keys of a batch lead to."""

    def __init__(self, connection: sa.Connection, articles: Sequence[Article]) -> None:
        self.owners = find_by_url(connection, [u for a in articles for u in (a.url, *a.aliases)])
        found = find_rows(connection, [*{*self.owners.values(), *(a.id for a in articles)}])
        self.rows = {r.id: r for r in found}

    def find_end(self, article: Article) -> sa.Row[Any] | None:
        """The article of the same source in the record at this one's address."""
        return next(self._of_source(article, [self.owners.get(article.url, "")]), None)

    def find_older(self, article: Article) -> sa.Row[Any] | None:
        """The article of the same source whose present address leads on to this one's, where that is not its own.

        Where the record knows neither end nor key, any address passed on the way tells.
        """
        end = self.find_end(article)
        passed = list(self._of_source(article, [self.owners.get(u, "") for u in article.aliases]))
        unknown = end is None and article.id not in self.rows
        found = (r for r in passed if unknown or (r.url in article.aliases and (end is None or r.id != end.id)))
        return next(found, None)

    def named(self, article: Article) -> Article:
        """The article under its own id where the record has it, else under that of the one at its address."""
        end = None if article.id in self.rows else self.find_end(article)
        return replace(article, id=end.id) if end else article

    def _of_source(self, article: Article, ids: Iterable[str]) -> Iterator[sa.Row[Any]]:
        return (r for i in ids if (r := self.rows.get(i)) and r.source == article.source)


def _move(connection: sa.Connection, context: Context, older: sa.Row[Any], end: sa.Row[Any] | None) -> str:
    """The id that goes on at the new address; what the record has there becomes one with the older article."""
    if end is None:
        return str(older.id)
    first, second = sorted((older, end), key=lambda r: (r.first_seen, r.id))
    absorb(connection, first.id, second.id)
    settle_story(connection, context, first.story)
    return str(first.id)


def _leave(connection: sa.Connection, context: Context, article: Article, older: sa.Row[Any]) -> int:
    """The older article's address leads to another text: it is gone; 1 where it went on elsewhere, else 0."""
    if older.url not in article.aliases:
        return 0
    mark_gone(connection, older.id, article.first_seen)
    return rejoin(connection, context, [older.id])


def _is_astray(context: Context, article: Article) -> bool:
    """Whether a redirect ended at what is none of the source's items: its list, its home page, an address of another shape."""
    source = context.sources.get(article.source)
    if source is None:
        return False
    known = {canonical_url(u, source.reading) for u in (source.homepage, source.url)}
    return article.url in known or not is_item(source, article.url)
