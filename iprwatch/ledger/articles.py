"""Articles in the record: find them by id, address or shared key; write one with its reasons in one transaction.

Every write bumps `row_version` and queues the article for the index, one with a new text also for the watches. Functions take a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from iprwatch.ledger.tables import (
    article_keys,
    article_links,
    article_urls,
    articles,
    dead_letters,
    passages,
    queue,
    revisions,
    tags,
    vectors,
)
from iprwatch.ledger.upsert import upsert
from pipelines.model import Article, Page, Passage, Tagging

INDEX = "search"  # name of the index whose queue is filled
WATCHES = "watches"  # name under which what was written waits for the watches

IN_MOST = 500  # values in one IN list: below every database's parameter limit


@dataclass(frozen=True, slots=True)
class Known:
    """What deciding about an incoming article needs to know of the one in the record."""

    id: str
    source: str
    url: str
    content_hash: str
    revision: int
    row_version: int
    story: str


def chunked(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """Slices short enough for one IN list."""
    return (values[i : i + IN_MOST] for i in range(0, len(values), IN_MOST))


def find_known(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Known]:
    """The articles with these ids that are in the record."""
    columns = [articles.c[n] for n in ("id", "source", "url", "content_hash", "revision", "row_version", "story")]
    found: dict[str, Known] = {}
    for part in chunked(ids):
        rows = connection.execute(sa.select(*columns).where(articles.c.id.in_(part)))
        found |= {r.id: Known(*r) for r in rows}
    return found


def find_by_url(connection: sa.Connection, urls: Sequence[str]) -> dict[str, str]:
    """Article id by address, aliases included."""
    found: dict[str, str] = {}
    for part in chunked(urls):
        found |= {
            r.url: r.article for r in connection.execute(sa.select(article_urls).where(article_urls.c.url.in_(part)))
        }
    return found


def is_outdated(connection: sa.Connection, urls: Sequence[str], at: datetime) -> bool:
    """Whether the record has, of the article at one of these addresses, a text that came after `at`."""
    joined = sa.select(articles.c.id).join(article_urls, article_urls.c.article == articles.c.id)
    return bool(connection.scalar(joined.where(article_urls.c.url.in_(urls), articles.c.last_changed > at).limit(1)))


def find_by_keys(connection: sa.Connection, keys: Sequence[str], most: int) -> list[str]:
    """Ids of articles that share one of these keys (near-duplicate bands, identifiers), at most `most` per key."""
    statement = sa.select(article_keys.c.article).where(article_keys.c.key == sa.bindparam("key")).limit(most)
    found: dict[str, None] = {}
    for key in keys:
        found |= dict.fromkeys(connection.scalars(statement, {"key": key}))
    return list(found)


def find_rows(connection: sa.Connection, ids: Sequence[str]) -> list[sa.Row[Any]]:
    """Whole article rows, in no order."""
    return [r for part in chunked(ids) for r in connection.execute(sa.select(articles).where(articles.c.id.in_(part)))]


def find_vectors(connection: sa.Connection, hashes: Sequence[str], model: str) -> dict[str, NDArray[np.float32]]:
    """Known vectors by text hash, each of shape (dims,)."""
    found: dict[str, NDArray[np.float32]] = {}
    for part in chunked(hashes):
        rows = connection.execute(
            sa.select(vectors.c.text_hash, vectors.c.vector).where(
                vectors.c.model == model, vectors.c.text_hash.in_(part)
            )
        )
        found |= {r.text_hash: np.frombuffer(r.vector, dtype="<f4") for r in rows}
    return found


def store_vectors(
    connection: sa.Connection, found: Mapping[str, NDArray[np.float32]], model: str, runtime: str
) -> None:
    """Keep vectors, so that the same text is never encoded again."""
    rows = [
        {"text_hash": h, "model": model, "runtime": runtime, "vector": v.astype("<f4").tobytes()}
        for h, v in found.items()
    ]
    upsert(connection, vectors, rows)


@dataclass(frozen=True, slots=True)
class Understood:
    """An article with all that was made of it, ready to be written."""

    article: Article
    passages: tuple[Passage, ...]
    text_hashes: tuple[str, ...]  # of the encoded text, per passage
    tagging: Tagging
    signature: bytes
    keys: tuple[str, ...]
    story: str
    relation: str


def write_article(connection: sa.Connection, item: Understood, known: Known | None, now: datetime) -> int:
    """Write a new article or a revision of a known one; returns its row_version."""
    article = item.article
    revision = known.revision + 1 if known else 1
    version = known.row_version + 1 if known else 1
    row = {
        "id": article.id, "source": article.source, "key": article.key, "url": article.url, "title": article.title,
        "text": article.text, "author": article.author, "published": article.published.at,
        "published_precision": article.published.precision, "published_origin": article.published.origin,
        "published_raw": article.published.raw, "language": article.language, "media": article.media,
        "content_hash": article.content_hash, "first_seen": article.first_seen, "last_changed": now,
        "revision": revision, "story": item.story, "relation": item.relation, "verdict": item.tagging.verdict,
        "tagger": item.tagging.tagger, "signature": item.signature, "record_id": article.record_id, "row_version": version,
        "gone": None,
    }  # fmt: skip
    upsert(connection, articles, [row], keep=("key", "first_seen", "story", "relation"))
    revision_row = {
        "article": article.id, "n": revision, "content_hash": article.content_hash, "title": article.title,
        "text": article.text, "seen": now, "record_id": article.record_id,
    }  # fmt: skip
    upsert(connection, revisions, [revision_row])
    store_aliases(connection, article.id, (article.url, *article.aliases))
    _replace(connection, article_keys, article.id, [{"key": k, "article": article.id} for k in sorted(set(item.keys))])
    links = sorted(set(article.links))
    _replace(connection, article_links, article.id, [{"article": article.id, "url": u} for u in links])
    _replace(connection, passages, article.id, _passage_rows(item))
    write_tags(connection, article.id, item.tagging)
    enqueue(connection, article.id, version)
    enqueue(connection, article.id, version, WATCHES)
    return version


def write_tags(connection: sa.Connection, article: str, tagging: Tagging) -> None:
    """Replace an article's tags, each with its reason."""
    rows = [
        {
            "article": article, "rank": n, "theme": t.theme, "probability": t.probability, "score": t.score,
            "anchor": t.anchor, "statement_sentence": t.statement_sentence, "item_sentence": t.item_sentence,
            "field": t.field, "start": t.start, "end": t.end, "runner_up": t.runner_up, "matched": list(t.matched),
            "cosine": t.cosine,
        }
        for n, t in enumerate(tagging.tags)
    ]  # fmt: skip
    _replace(connection, tags, article, rows)


def _passage_rows(item: Understood) -> list[dict[str, Any]]:
    return [
        {"article": item.article.id, "n": p.n, "start": p.start, "end": p.end, "text_hash": h}
        for p, h in zip(item.passages, item.text_hashes, strict=True)
    ]


def _replace(connection: sa.Connection, table: sa.Table, article: str, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(sa.delete(table).where(table.c.article == article))
    if rows:
        connection.execute(sa.insert(table), [dict(r) for r in rows])


def store_aliases(connection: sa.Connection, article: str, urls: Iterable[str]) -> None:
    """Remember that these addresses lead to the article; an address keeps its first owner."""
    upsert(
        connection, article_urls, [{"url": u, "article": article} for u in dict.fromkeys(urls) if u], keep=("article",)
    )


def enqueue(connection: sa.Connection, article: str, row_version: int, index: str = INDEX) -> None:
    """The index (or the watches) owes this version of the article."""
    upsert(connection, queue, [{"index": index, "article": article, "row_version": row_version}])


def touch(connection: sa.Connection, ids: Iterable[str], **changes: object) -> None:
    """Change articles in place (story, relation), bump their row_version and queue them."""
    for id in ids:
        connection.execute(
            sa.update(articles).where(articles.c.id == id).values(row_version=articles.c.row_version + 1, **changes)
        )
        version = connection.scalar(sa.select(articles.c.row_version).where(articles.c.id == id))
        if version is not None:
            enqueue(connection, id, version)


def bury(connection: sa.Connection, page: Page, error: Exception, now: datetime) -> None:
    """Keep a page that could not be understood, with the reason."""
    row = {
        "record_id": page.record_id, "source": page.source, "url": page.url, "error": type(error).__name__,
        "reason": str(error)[:2000], "at": now,
    }  # fmt: skip
    upsert(connection, dead_letters, [row])
