"""Which story a new article joins, and who heads it: `pipelines.stories` decides, the ledger finds and keeps.

Grouping never deletes. A story's id is that of its earliest article; when that changes, the old id stays as an alias.
Functions take a connection and run inside the write transaction of the article.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from iprwatch.ledger.articles import find_by_keys, find_rows, touch
from iprwatch.ledger.tables import articles, passages, story_aliases, vectors
from iprwatch.ledger.upsert import upsert
from pipelines.identifiers import identifiers
from pipelines.model import Article
from pipelines.stories import Candidate, head, relate, story_id

if TYPE_CHECKING:
    from iprwatch.context import Context

CANDIDATES = 40  # articles per shared key: a key that more articles share (a standing phrase) tells nothing


@dataclass(frozen=True, slots=True)
class Seat:
    """A new article's story and its relation to it; `relation` is empty where it keeps the one it has."""

    story: str
    relation: str


def find_seat(
    connection: sa.Connection,
    context: Context,
    article: Article,
    keys: Sequence[str],
    lead: NDArray[np.float32] | None,
) -> Seat:
    """Where a new article belongs: its own story, or one in the record. `lead` is the vector of its first passage."""
    rows = find_rows(connection, find_by_keys(connection, keys, CANDIDATES))
    if not rows:
        return Seat(article.id, "head")
    new = Candidate(
        id=article.id, source=article.source, url=article.url, title=article.title, text=article.text,
        language=article.language, published=article.published.at, first_seen=article.first_seen,
        identifiers=identifiers(f"{article.title}\n{article.text}"),
        organisation=_organisation(context, article.source), vector=lead,
    )  # fmt: skip
    decision = relate(new, _candidates(connection, context, rows))
    if decision.link == "none":
        return Seat(article.id, "head")
    return Seat(decision.story, "variant" if decision.link in ("variant", "moved") else "member")


def settle_story(connection: sa.Connection, context: Context, story: str) -> None:
    """Recompute a story's id and head from its members; write only what changed."""
    rows = list(connection.execute(sa.select(articles).where(articles.c.story == story)))
    standing = _candidates(connection, context, [r for r in rows if r.relation != "variant"])
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


def _candidates(connection: sa.Connection, context: Context, rows: Sequence[sa.Row[Any]]) -> list[Candidate]:
    leads = _find_leads(connection, [r.id for r in rows], context.encoder.model_id)
    return [
        Candidate(
            id=r.id, source=r.source, url=r.url, title=r.title, text=r.text, language=r.language,
            published=r.published, first_seen=r.first_seen, story=r.story,
            identifiers=identifiers(f"{r.title}\n{r.text}"),
            organisation=_organisation(context, r.source), vector=leads.get(r.id),
        )
        for r in rows
    ]  # fmt: skip


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
