"""Ledger rows → search documents, and the queue between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from iprwatch.ledger.articles import INDEX, chunked
from iprwatch.ledger.tables import articles, dead_letters, passages, queue, tags, vectors
from iprwatch.ledger.upsert import upsert
from search.schema import Document, IndexedPassage, IndexedTag


def find_queued(connection: sa.Connection, most: int, index: str = INDEX) -> list[str]:
    """Ids of articles that the index (or the watches) still owes, at most `most`."""
    return list(connection.scalars(sa.select(queue.c.article).where(queue.c.index == index).limit(most)))


def count_queued(connection: sa.Connection, index: str = INDEX) -> int:
    """How many articles the index (or the watches) still owes."""
    return connection.scalar(sa.select(sa.func.count()).select_from(queue).where(queue.c.index == index)) or 0


def acknowledge(connection: sa.Connection, held: Mapping[str, int], index: str = INDEX) -> None:
    """Drop queue rows whose version the index holds; a newer one stays queued."""
    for id, version in held.items():
        connection.execute(
            sa.delete(queue).where(queue.c.index == index, queue.c.article == id, queue.c.row_version <= version)
        )


def clear_queue(connection: sa.Connection, index: str = INDEX) -> None:
    """Forget what the index (or the watches) is owed."""
    connection.execute(sa.delete(queue).where(queue.c.index == index))


def enqueue_all(connection: sa.Connection) -> int:
    """Queue every article, for a new index; returns how many."""
    clear_queue(connection)
    rows = sa.select(sa.literal(INDEX), articles.c.id, articles.c.row_version)
    connection.execute(sa.insert(queue).from_select(["index", "article", "row_version"], rows))
    return count_queued(connection)


def bury_document(connection: sa.Connection, document: Document, reason: str, at: datetime) -> None:
    """Keep an article that the index will never take as it is, with the engine's reason."""
    row = {
        "record_id": f"index:{document.id}"[:80], "source": document.source, "url": document.url, "error": "Rejected",
        "reason": reason[:2000], "at": at,
    }  # fmt: skip
    upsert(connection, dead_letters, [row])


def find_documents(
    connection: sa.Connection, ids: Sequence[str], model: str, economies: Mapping[str, str]
) -> Iterator[Document]:
    """The documents of these articles; vectors of `model` only. `economies` maps source id to economy."""
    for part in chunked(ids):
        reasons, windows = _find_tags(connection, part), _find_passages(connection, part, model)
        for row in connection.execute(sa.select(articles).where(articles.c.id.in_(part))):
            yield build_document(row, reasons[row.id], windows[row.id], model, economies.get(row.source, "INT"))


def build_document(
    row: sa.Row[Any], reasons: Sequence[sa.Row[Any]], windows: Sequence[sa.Row[Any]], model: str, economy: str
) -> Document:
    """One document from its rows."""
    built = tuple(
        IndexedPassage(
            w.n, w.start, w.end, row.text[w.start : w.end],
            None if w.vector is None else np.frombuffer(w.vector, dtype="<f4"),
        )
        for w in windows
    )  # fmt: skip
    return Document(
        id=row.id,
        row_version=row.row_version,
        source=row.source,
        economy=economy,
        language=row.language,
        url=row.url,
        title=row.title,
        text=row.text,
        author=row.author,
        published=row.published,
        first_seen=row.first_seen,
        story=row.story,
        head=row.relation == "head",
        verdict=row.verdict,
        tags=tuple(IndexedTag(t.theme, t.probability, t.statement_sentence, t.item_sentence) for t in reasons),
        passages=built,
        model=model if any(p.vector is not None for p in built) else "",
    )


def _find_tags(connection: sa.Connection, ids: Sequence[str]) -> defaultdict[str, list[sa.Row[Any]]]:
    found: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(sa.select(tags).where(tags.c.article.in_(ids)).order_by(tags.c.rank)):
        found[row.article].append(row)
    return found


def _find_passages(connection: sa.Connection, ids: Sequence[str], model: str) -> defaultdict[str, list[sa.Row[Any]]]:
    found: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    joined = sa.and_(vectors.c.text_hash == passages.c.text_hash, vectors.c.model == model)
    statement = (
        sa.select(passages, vectors.c.vector)
        .join_from(passages, vectors, joined, isouter=True)
        .where(passages.c.article.in_(ids))
        .order_by(passages.c.n)
    )
    for row in connection.execute(statement):
        found[row.article].append(row)
    return found
