"""The landing → the record again, to the same ids. Sources' states and vectors stay, so nothing is fetched or encoded twice.

Killed half-way it goes on at the next run: what is not yet understood is pending. Alerts nobody: what is replayed is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.alerts.match import match_queued
from iprwatch.flow import Progress, index_queued, silent, understand
from iprwatch.ledger import tables
from iprwatch.ledger.articles import WATCHES
from iprwatch.ledger.documents import clear_queue

if TYPE_CHECKING:
    from iprwatch.context import Context

DERIVED = (
    tables.article_keys,
    tables.article_links,
    tables.article_urls,
    tables.articles,
    tables.dead_letters,
    tables.landings,
    tables.passages,
    tables.queue,
    tables.revisions,
    tables.story_aliases,
    tables.tags,
)
"""Everything that follows from the landed pages."""

Identity = dict[str, tuple[str, str]]
"""Article id → content hash and story id."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """Articles after the replay; ids whose content hash or story differ from before, gone ones included."""

    articles: int
    changed: tuple[str, ...]


def replay(context: Context, progress: Progress = silent) -> Replayed:
    """Forget what was derived and understand every landed page again, in the order of arrival."""
    before = find_identity(context)
    match_queued(context)  # what is owed to the watches is forgotten with the queue
    with context.ledger.write() as connection:
        for table in DERIVED:
            connection.execute(sa.delete(table))
    understand(context, progress)
    after = find_identity(context)
    context.index.delete([id for id, _ in context.index.scan()])  # row versions begin anew
    index_queued(context, progress)
    with context.ledger.write() as connection:
        clear_queue(connection, WATCHES)
    return Replayed(len(after), tuple(sorted(i for i in before if before[i] != after.get(i))))


def find_identity(context: Context) -> Identity:
    """What a replay must give again."""
    columns = (tables.articles.c.id, tables.articles.c.content_hash, tables.articles.c.story)
    with context.ledger.read() as connection:
        return {r.id: (r.content_hash, r.story) for r in connection.execute(sa.select(*columns))}
