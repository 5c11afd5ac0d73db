"""Which story a new article joins, and who heads it: `pipelines.stories` decides, the ledger finds and keeps.

Grouping never deletes. A story's id is that of its earliest article; when that changes, the old id stays as an alias.
Functions take a connection and run inside the write transaction of the article.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from iprwatch.ledger.articles import find_by_keys, find_by_url, find_rows, touch
from iprwatch.ledger.moves import absorb
from iprwatch.ledger.tables import article_keys, article_links, article_urls, articles, passages, story_aliases, vectors
from iprwatch.ledger.upsert import upsert
from pipelines.address import canonical_url, host_group
from pipelines.identifiers import identifiers
from pipelines.model import Article
from pipelines.stories import Candidate, head, relate, story_id
from spiders.entries import is_item

if TYPE_CHECKING:
    from iprwatch.context import Context

CANDIDATES = 40  # articles per shared key: a key that more articles share (a standing phrase) tells nothing


@dataclass(frozen=True, slots=True)
class Seat:
    """A new article's story and its relation to it; `relation` is empty where it keeps the one it has.

    `moved_from`: id of the older article that it is, at a new address; else empty.
    """

    story: str
    relation: str
    moved_from: str = ""


def find_seat(
    connection: sa.Connection,
    context: Context,
    article: Article,
    keys: Sequence[str],
    lead: NDArray[np.float32] | None,
) -> Seat:
    """Where a new article belongs: its own story, or one in the record. `lead` is the vector of its first passage."""
    linked = set(find_by_url(connection, article.links).values())
    near = find_by_keys(connection, keys, CANDIDATES)
    rows = find_rows(connection, [*{*near, *linked, *_find_linking(connection, article)}])
    if not rows:
        return Seat(article.id, "head")
    new = Candidate(
        id=article.id, source=article.source, url=article.url, title=article.title, text=article.text,
        language=article.language, published=article.published.at, first_seen=article.first_seen,
        identifiers=identifiers(f"{article.title}\n{article.text}"),
        links=frozenset((*article.links, *(r.url for r in rows if r.id in linked))),
        organisation=_organisation(context, article.source), vector=lead,
    )  # fmt: skip
    decision = relate(new, _candidates(connection, context, rows, named=bool(new.identifiers)))
    if decision.link == "none":
        return Seat(article.id, "head")
    if decision.link == "moved":
        return Seat(decision.story, "variant", decision.other)
    return Seat(decision.story, "variant" if decision.link == "variant" else "member")


def rejoin(connection: sa.Connection, context: Context, ids: Sequence[str]) -> int:
    """Let each of these articles, whose addresses are gone, go on as the one that came again in its source; how many did."""
    found = 0
    for row in find_rows(connection, ids):
        keys = connection.scalars(sa.select(article_keys.c.key).where(article_keys.c.article == row.id)).all()
        later = [
            r
            for r in find_rows(connection, find_by_keys(connection, keys, CANDIDATES))
            if r.source == row.source and r.first_seen > row.first_seen and r.gone is None
        ]
        (older,) = _candidates(connection, context, [row])
        for newer in sorted(_candidates(connection, context, later), key=lambda c: c.first_seen):
            if relate(newer, [older]).link == "moved":
                absorb(connection, older.id, newer.id)
                settle_story(connection, context, row.story)
                found += 1
                break
    return found


def office_links(context: Context, article: Article) -> tuple[str, ...]:
    """Canonical addresses at other declared sources that an article links to."""
    found: dict[str, None] = {}
    for link in article.links:
        for source in context.offices.get(host_group(link), ()):
            if source.id != article.source and is_item(source, link):
                found[canonical_url(link, source.reading)] = None
    return tuple(found)


def _find_linking(connection: sa.Connection, article: Article) -> Sequence[str]:
    """Ids of articles that link to the new one."""
    own = (article.url, *article.aliases)
    return connection.scalars(
        sa.select(article_links.c.article).where(article_links.c.url.in_(own)).limit(CANDIDATES)
    ).all()


def settle_story(connection: sa.Connection, context: Context, story: str) -> None:
    """Recompute a story's id and head from its members; write only what changed."""
    rows = list(connection.execute(sa.select(articles).where(articles.c.story == story)))
    standing = _candidates(connection, context, [r for r in rows if r.relation != "variant"], named=False)
    if not standing:
        return
    name, first = story_id(standing), head(standing)
    if name != story:
        upsert(connection, story_aliases, [{"alias": story, "story": name}])
        connection.execute(sa.update(story_aliases).where(story_aliases.c.story == story).values(story=name))
    for row in rows:
        relation = "variant" if row.relation == "variant" else "head" if row.id == first else "member"
        if (row.story, row.relation) != (name, relation):
            touch(connection, [row.id], story=name, relation=relation)


def _candidates(
    connection: sa.Connection, context: Context, rows: Sequence[sa.Row[Any]], named: bool = True
) -> list[Candidate]:
    """`named` False: without identifiers, which take longest to find, where nothing is compared by them."""
    leads = _find_leads(connection, [r.id for r in rows], context.encoder.model_id)
    links = _find_links(connection, [r.id for r in rows])
    return [
        Candidate(
            id=r.id, source=r.source, url=r.url, title=r.title, text=r.text, language=r.language,
            published=r.published, first_seen=r.first_seen, story=r.story,
            identifiers=identifiers(f"{r.title}\n{r.text}") if named else frozenset(), links=frozenset(links[r.id]),
            organisation=_organisation(context, r.source), vector=leads.get(r.id), gone=r.gone is not None,
        )
        for r in rows
    ]  # fmt: skip


def _find_links(connection: sa.Connection, ids: Sequence[str]) -> defaultdict[str, set[str]]:
    """What articles link to at other offices, each also as the present address of the article it leads to."""
    rows = connection.execute(
        sa.select(article_links.c.article, article_links.c.url, articles.c.url.label("now"))
        .join_from(article_links, article_urls, article_urls.c.url == article_links.c.url, isouter=True)
        .join(articles, articles.c.id == article_urls.c.article, isouter=True)
        .where(article_links.c.article.in_(ids))
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row.article] |= {row.url, row.now or row.url}
    return found


def _find_leads(connection: sa.Connection, ids: Sequence[str], model: str) -> dict[str, NDArray[np.float32]]:
    joined = sa.and_(vectors.c.text_hash == passages.c.text_hash, vectors.c.model == model)
    rows = connection.execute(
        sa.select(passages.c.article, vectors.c.vector)
        .join_from(passages, vectors, joined)
        .where(passages.c.n == 0, passages.c.article.in_(ids))
    )
    return {r.article: np.frombuffer(r.vector, dtype="<f4") for r in rows}


def _organisation(context: Context, source: str) -> str:
    declared = context.sources.get(source)
    return declared.organisation if declared else ""
