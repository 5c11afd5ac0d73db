"""Themes, watches and questions → vectors by name and Kibana's objects; an item or a question → a link. Needs the Elasticsearch engine.

Vectors go first, objects after: a search that names a vector which is not there fails. Raises InputError, NotFound, SearchError, ModelError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from iprwatch.engines import index_prefix, read_secret
from iprwatch.errors import InputError, NotFound
from search.elastic_rows import VECTOR
from search.kibana.objects import SavedObject, build_objects, find_differences
from search.kibana.pills import (
    DAYS,
    Names,
    build_pill,
    discover_link,
    discover_path,
    like_article,
    named_vector,
    question_id,
    theme_id,
    watch_id,
)

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.settings import Settings
    from search.elastic_index import ElasticIndex
    from search.kibana.api import Kibana
    from search.schema import Vector

LEAST = 0.4
"""Cosine from which a passage counts as near, for the default model: the edge of a watch (`iprwatch/alerts/watches.py` has its measurement), since a
pill cuts without ranking. Other models have another scale: there the nearest K count."""

Named = dict[str, dict[str, Any]]
"""Vectors by id, as `ElasticIndex.store_vectors` takes them."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation did."""

    vectors: int
    objects: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its vector, and the model that made it."""

    text: str
    vector: Vector
    model: str


def install(context: Context) -> Installed:
    """Store the vectors, put the objects in place. Running it again changes nothing."""
    vectors = build_vectors(context)
    elastic(context).store_vectors(vectors)
    objects = wanted_objects(context)
    with open_kibana(context.settings) as kibana:
        kibana.version()
        kibana.ensure_space()
        notes = kibana.install(objects)
    return Installed(len(vectors), len(objects), tuple(notes))


def check(context: Context) -> list[str]:
    """Everything that is missing or not of this version, one sentence each; empty: all is in place."""
    wanted = build_vectors(context)
    held = elastic(context).find_vectors(list(wanted))
    said = []
    for id, row in wanted.items():
        if id not in held:
            said.append(f"vector {id} is missing")
        elif (held[id]["model"], held[id]["text"]) != (row["model"], row["text"]):
            said.append(f"vector {id} is of another text or model ({held[id]['model']})")
    with open_kibana(context.settings) as kibana:
        kibana.version()
        if not kibana.has_space():
            return [*said, f"space {kibana.space} is missing, and all objects with it"]
        return said + find_differences(wanted_objects(context), kibana.export())


def link_question(context: Context, text: str, days: int = DAYS) -> str:
    """Store the question's vector, refreshed, and give the address that opens Discover with it. Raises InputError for no words."""
    text = " ".join(text.split())
    if not text:
        raise InputError("There is no question", 'Ask one: iprwatch kibana open "genetic resources disclosure"')
    vector = context.encoder.encode([text], "query")[0]
    return store_question(elastic(context), context.settings, Asked(text, vector, context.encoder.model_id), days)


def store_question(index: ElasticIndex, settings: Settings, asked: Asked, days: int = DAYS) -> str:
    """As `link_question`, for who holds index and vector already, as the page does."""
    text, id = asked.text, question_id(asked.model, asked.text)
    index.store_vectors({id: _row("query", text, text, asked.model, asked.vector, _least(settings))})
    names = Names(index_prefix(settings))
    pill = build_pill(names, f"Near in meaning: {text[:80]}", named_vector(names, id, _least(settings)))
    return discover_link(settings.kibana_url, settings.kibana_space, discover_path(names, pill, days))


def link_item(index: ElasticIndex, settings: Settings, article: str, days: int = DAYS) -> str:
    """The address that opens Discover with what is like an indexed article. Raises NotFound where it is not there or has no vector."""
    document = index.get(article)
    if document is None:
        raise NotFound(f"No indexed article has the id {article}", "See: iprwatch search --json")
    if not document.passages or document.passages[0].vector is None:
        raise NotFound(f"{article} has no vector", "Search by its words: iprwatch search")
    names = Names(index_prefix(settings))
    pill = build_pill(names, f"More like: {document.title[:80]}", like_article(names, article, _least(settings)))
    return discover_link(settings.kibana_url, settings.kibana_space, discover_path(names, pill, days))


def build_vectors(context: Context) -> Named:
    """A vector for every theme and for every enabled watch that asks in meaning."""
    from pipelines.tag.themes import load_themes

    encoder = context.encoder
    least, named = _least(context.settings), {}
    for theme in load_themes().themes.values():
        texts = [anchor.text for anchor in theme.anchors if anchor.use == "vector"] + [f"{theme.label}. {theme.gist}"]
        vector = encoder.encode(texts).mean(axis=0)
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        named[theme_id(theme.id)] = _row("theme", theme.label, "\n".join(texts), encoder.model_id, vector, least)
    watches = context.watches.refresh()
    for id, watch in watches.enabled.items():
        query = watches.query(watch)
        if query.vector is not None:
            row = _row("watch", watch.title, watch.query, encoder.model_id, query.vector, query.min_cosine)
            named[watch_id(id)] = row
    return named


def wanted_objects(context: Context) -> tuple[SavedObject, ...]:
    """The objects as they should be in Kibana."""
    from pipelines.tag.themes import load_themes

    themes: Mapping[str, str] = {theme.id: theme.label for theme in load_themes().themes.values()}
    return build_objects(Names(index_prefix(context.settings)), themes, _least(context.settings))


def open_kibana(settings: Settings) -> Kibana:
    """Kibana of the settings; nothing is sent yet. Raises InputError, ServerRefused."""
    from search.kibana.api import Kibana

    key = read_secret(settings.kibana_api_key)
    return Kibana(settings.kibana_url, api_key=key, space=settings.kibana_space, ca=settings.elasticsearch_ca)


def elastic(context: Context) -> ElasticIndex:
    """The index. Raises InputError where the engine is another one."""
    from search.elastic_index import ElasticIndex

    if context.settings.index != "elasticsearch":
        raise InputError(
            "Kibana shows what Elasticsearch holds", "Set IPRWATCH_INDEX=elasticsearch, then iprwatch reindex"
        )
    assert isinstance(context.index, ElasticIndex)
    return context.index


def _least(settings: Settings) -> float | None:
    return LEAST if settings.model == "default" else None


def _row(kind: str, label: str, text: str, model: str, vector: Vector, least: float | None) -> dict[str, Any]:
    row = {"kind": kind, "label": label[:200], "text": text, "model": model, VECTOR: vector}
    return row if least is None else {**row, "min_cosine": least}
