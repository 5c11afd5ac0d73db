"""Landed pages → articles with reasons in the ledger. The middle of the flow; `iprwatch/flow.py` says what comes around it.

A batch is read, sifted (unchanged articles cost nothing more), embedded and tagged without a transaction, then written in
one short one. Any batch may run twice: ids and hashes decide. A page that cannot be understood is kept as a dead letter.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iprwatch.ledger.articles import (
    Known,
    Understood,
    bury,
    find_known,
    find_vectors,
    store_aliases,
    store_vectors,
    touch,
    write_article,
)
from iprwatch.ledger.moves import absorb, clear_gone
from iprwatch.logs import bound, open_log
from iprwatch.moves import heed_gone, is_gone, settle_addresses
from iprwatch.stories import Seat, find_seat, office_links, settle_story
from pipelines.duplicates import bands, signature
from pipelines.errors import ExtractError
from pipelines.extract import extract
from pipelines.identifiers import identifiers
from pipelines.model import Article, Page, Passage, Reading
from pipelines.passages import split_passages
from pipelines.stories import rare_names

if TYPE_CHECKING:
    import sqlalchemy as sa

    from iprwatch.context import Context
    from pipelines.model import Tagging

log = open_log(__name__)

BATCH = 48  # pages: enough to fill the encoder's batches, few enough that a kill costs seconds
NAME_PAIRS = 10  # pairs of rare names in a title that lead to stories; more would only find the same candidates

Vectors = dict[str, NDArray[np.float32]]


@dataclass(slots=True)
class Counts:
    """What understanding did, in articles (encoded: in passages)."""

    pages: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    buried: int = 0
    moved: int = 0
    encoded: int = 0

    def add(self, other: Counts) -> None:
        """Sum up."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))


@dataclass(frozen=True, slots=True)
class Sifted:
    """An article that is new (known is None) or changed."""

    article: Article
    known: Known | None


@dataclass(frozen=True, slots=True)
class Split:
    """An article with its passages and the hashes of what is encoded."""

    sifted: Sifted
    passages: tuple[Passage, ...]
    hashes: tuple[str, ...]


def understand_pages(context: Context, pages: Iterable[Page]) -> Iterator[Counts]:
    """Understand pages batch by batch; the counts of each batch as it is written."""
    remaining = iter(pages)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield understand_batch(context, batch)


def understand_batch(context: Context, pages: Sequence[Page]) -> Counts:
    """Understand one batch and write it. Raises StoreError; then nothing of the batch is written."""
    counts = Counts(pages=len(pages))
    articles, failures = read_articles(context, [p for p in pages if not is_gone(p)])
    counts.buried = len(failures)
    with context.ledger.write() as connection:
        for page, error in failures:
            bury(connection, page, error, page.fetched_at)
        counts.moved = heed_gone(connection, context, [p for p in pages if is_gone(p)])
        settled = settle_addresses(connection, context, articles)
        counts.moved += settled.moved
        sifted, counts.unchanged = sift(connection, settled.articles)
    split = [split_article(s) for s in sifted]
    vectors, counts.encoded = fill_vectors(context, split)
    tagged = [(s, tag_split(context, s, vectors)) for s in split]
    with context.ledger.write() as connection:
        for each, tagging in tagged:
            moved = write(connection, context, each, tagging, vectors)
            counts.moved += moved
            counts.revised += each.sifted.known is not None
            counts.new += each.sifted.known is None and not moved
    return counts


def reading_of(context: Context, source: str) -> Reading:
    """How a source's pages are read; what was added by hand has no declaration: it is taken however short it is, and a query
    may name it."""
    declared = context.sources.get(source)
    return declared.reading if declared else Reading(min_chars=1, strip_query=False)


def read_articles(context: Context, pages: Sequence[Page]) -> tuple[list[Article], list[tuple[Page, ExtractError]]]:
    """The articles on these pages, and the pages without one, each with its error."""
    articles: list[Article] = []
    failures: list[tuple[Page, ExtractError]] = []
    for page in pages:
        with bound(source=page.source):
            try:
                article = extract(page, reading_of(context, page.source))
                articles.append(replace(article, record_id=page.record_id, links=office_links(context, article)))
            except ExtractError as error:
                log.info("page_buried", url=page.url, reason=f"{type(error).__name__}: {error}")
                failures.append((page, error))
    return articles, failures


def sift(connection: sa.Connection, articles: Sequence[Article]) -> tuple[list[Sifted], int]:
    """New and changed articles, the last state of each; how many were unchanged. Keeps new addresses of known ones."""
    latest = {article.id: article for article in articles}
    known = find_known(connection, list(latest))
    clear_gone(connection, list(known))
    changed = [Sifted(a, known.get(a.id)) for a in latest.values() if not _is_same(a, known.get(a.id))]
    for id in known:
        article = latest[id]
        store_aliases(connection, id, (article.url, *article.aliases))
        leads_on = known[id].url in article.aliases
        if leads_on and _is_same(article, known[id]):  # else the address is written with the text
            touch(connection, [id], url=article.url)
    return changed, len(articles) - len(changed)


def _is_same(article: Article, known: Known | None) -> bool:
    return known is not None and known.content_hash == article.content_hash


def split_article(sifted: Sifted) -> Split:
    """Cut into passages and hash what is encoded of each."""
    article = sifted.article
    passages = split_passages(article.title, article.text, article.language)
    hashes = tuple(hashlib.sha256(p.encoded(article.title).encode()).hexdigest() for p in passages)
    return Split(sifted, passages, hashes)


def fill_vectors(context: Context, split: Sequence[Split]) -> tuple[Vectors, int]:
    """The vectors of all passages in the model's languages, by text hash; how many had to be encoded."""
    encoder = context.encoder
    texts = {
        h: p.encoded(s.sifted.article.title)
        for s in split
        if encoder.can_encode(s.sifted.article.language)
        for h, p in zip(s.hashes, s.passages, strict=True)
    }
    if not texts:
        return {}, 0
    with context.ledger.read() as connection:
        vectors = find_vectors(connection, list(texts), encoder.model_id)
    missing = [h for h in texts if h not in vectors]
    if missing:
        made = dict(zip(missing, encoder.encode([texts[h] for h in missing]), strict=True))
        with context.ledger.write() as connection:
            store_vectors(connection, made, encoder.model_id, encoder.runtime)
        vectors |= made
    return vectors, len(missing)


def tag_split(context: Context, split: Split, vectors: Vectors) -> Tagging:
    """The tagger's word on one article; by words only where the model does not know its language."""
    article = split.sifted.article
    rows = [vectors[h] for h in split.hashes if h in vectors]
    matrix = np.stack(rows) if rows and len(rows) == len(split.hashes) else None
    return context.tagger.tag(article.title, article.text, article.language, split.passages, matrix)


def keys_of(article: Article, digest: bytes) -> tuple[str, ...]:
    """What an article can be found by as a candidate: near-duplicate bands, identifiers, pairs of rare names in its title."""
    names = sorted(rare_names(article.title))[:8]
    pairs = [f"n:{a}|{b}"[:80] for a, b in itertools.combinations(names, 2)][:NAME_PAIRS]
    return (
        *(f"b:{band}"[:80] for band in bands(digest)),
        *sorted(f"i:{name}"[:80] for name in identifiers(f"{article.title}\n{article.text}"))[:NAME_PAIRS],
        *pairs,
    )


def write(connection: sa.Connection, context: Context, split: Split, tagging: Tagging, vectors: Vectors) -> bool:
    """Write one article with its place among the stories; then settle the story it joined. Whether it is a known one, moved."""
    article, known = split.sifted.article, split.sifted.known
    digest = signature(article.text)
    keys = keys_of(article, digest)
    lead = vectors.get(split.hashes[0]) if split.hashes else None
    seat = Seat(known.story, "") if known else find_seat(connection, context, article, keys, lead)
    item = Understood(article, split.passages, split.hashes, tagging, digest, keys, seat.story, seat.relation or "head")
    write_article(connection, item, known, article.first_seen)
    if seat.moved_from:
        absorb(connection, seat.moved_from, article.id)
    if known or seat.relation == "member" or seat.moved_from:
        settle_story(connection, context, seat.story)
    return bool(seat.moved_from)
