"""Ledger → a new index, while the old one goes on being read and written. Never encodes: vectors come from the ledger.

Embedded: the file is made anew in place. Elasticsearch: a new generation is filled beside the live one, compared with the ledger, asked sample
questions, and only then takes its place in one step; the old one stays until it is dropped. Raises StoreError, SearchError.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.engines import connect_elasticsearch, index_prefix, open_elasticsearch
from iprwatch.errors import StoreError
from iprwatch.flow import INDEX_BATCH, Progress, index_queued, silent
from iprwatch.ledger.documents import enqueue_all, find_documents
from iprwatch.ledger.tables import articles
from search.client import check_server
from search.elastic_layout import count_live, drop, find_generations, swap
from search.query import parse_query
from search.schema import Document, Filters, Query

if TYPE_CHECKING:
    from iprwatch.context import Context
    from search.index import Index

LEAST_SHARE = 0.9
"""A new index with fewer articles than this share of the old one's is not put in its place: something is wrong with the ledger."""

SAMPLES = 20
"""Articles whose titles are asked for before the swap."""

WORD = re.compile(r"\w+")
ROUNDS = 10
"""How often what was written meanwhile is taken over before the swap; each round is shorter than the last."""


def reindex(context: Context, progress: Progress = silent, *, force: bool = False, drop_old: bool = False) -> int:
    """Make the index again; returns how many articles it holds. `force`: even where many articles would vanish."""
    if context.settings.index == "sqlite":
        return rebuild_embedded(context, progress)
    return build_generation(context, progress, force=force, drop_old=drop_old)


def rebuild_embedded(context: Context, progress: Progress) -> int:
    """Erase the embedded index and fill it again through its queue."""
    from search.sqlite_rows import erase_index

    erase_index(context.settings.index_folder)
    with context.ledger.write() as connection:
        enqueue_all(connection)
    return index_queued(context, progress)


def build_generation(context: Context, progress: Progress, *, force: bool, drop_old: bool) -> int:
    """Fill a new generation on Elasticsearch and put the aliases on it. The live one is counted, not opened: it may be of another layout."""
    client, prefix = connect_elasticsearch(context.settings), index_prefix(context.settings)
    check_server(client)
    generations, current = find_generations(client, prefix)
    for abandoned in (g for g in generations if g > current):  # of a reindex that was killed
        drop(client, prefix, abandoned)
    number = current + 1
    fresh = open_elasticsearch(
        context.settings, dims=context.encoder.dims, model=context.encoder.model_id, generation=number
    )
    try:
        for _ in range(ROUNDS):
            if not take_over(context, fresh, progress):
                break
        check(context, fresh, count_live(client, prefix), force=force)
    except BaseException:
        drop(client, prefix, number)
        raise
    fresh.copy_vectors()
    swap(client, prefix, number)
    take_over(context, fresh, progress)  # what was written to the old one between the last round and the swap
    if drop_old:
        for old in generations:
            drop(client, prefix, old)
    held = fresh.count()
    fresh.close()
    client.close()
    return held


def take_over(context: Context, index: Index, progress: Progress = silent) -> int:
    """Write to the index what it lacks of the ledger, delete what the ledger has not; returns how many articles differed."""
    with context.ledger.read() as connection:
        wanted = {
            row.id: row.row_version for row in connection.execute(sa.select(articles.c.id, articles.c.row_version))
        }
    held = dict(index.scan())
    missing = [id for id, version in wanted.items() if held.get(id, 0) < version]
    surplus = [id for id in held if id not in wanted]
    index.upsert(_documents(context, missing, progress))
    if surplus:
        index.delete(surplus)
    return len(missing) + len(surplus)


def check(context: Context, fresh: Index, before: int, *, force: bool) -> None:
    """Raises StoreError where the new index lacks articles that the old one has, or does not find what it holds."""
    after = fresh.count()
    if after < LEAST_SHARE * before and not force:
        raise StoreError(
            f"The new index would hold {after} articles, the old one holds {before}: too many would vanish, nothing was changed",
            "Check the ledger (iprwatch status); if it is right: iprwatch reindex --force",
        )
    with context.ledger.read() as connection:
        titled = connection.execute(
            sa.select(articles.c.id, articles.c.title, articles.c.language)
            .order_by(articles.c.content_hash)
            .limit(SAMPLES)
        ).all()
    for id, title, language in titled:
        words = " ".join(WORD.findall(title))  # no mark of a title may be read as syntax
        asked = Query(words, mode="keyword", filters=Filters(ids=(id,)))
        if parse_query(words, [language]).units and fresh.find(asked).total == 0:
            raise StoreError(
                f"The new index does not find {id} by its title; nothing was changed", "Report this as a bug"
            )


def _documents(context: Context, ids: Sequence[str], progress: Progress) -> Iterator[Document]:
    economies = {s.id: s.economy for s in context.sources.values()}
    done = 0
    remaining = iter(ids)
    while part := list(itertools.islice(remaining, INDEX_BATCH)):
        with context.ledger.read() as connection:
            yield from list(find_documents(connection, part, context.encoder.model_id, economies))
        done += len(part)
        progress("index", done, len(ids))
