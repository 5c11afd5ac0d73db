"""Documents ↔ rows of Elasticsearch: the layout of its indices, how a document is taken apart and put together. Pure.

`iprwatch-articles` holds whole articles (charts count here); `iprwatch-passages` one row a passage with its vector, its terms and the fields that are
filtered by (search and Kibana's semantic view look here). Terms come from `pipelines.analyse`, as in the embedded index; native analysers serve Kibana.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from pipelines.analyse import ANALYSER_VERSION, terms
from search.client import packed
from search.columns import with_parents
from search.schema import SCHEMA_VERSION, Document, IndexedPassage, IndexedTag

ARTICLE, STORY, SOURCE, ECONOMY, LANGUAGE, VERDICT, THEMES = (
    "article",
    "story",
    "source",
    "economy",
    "language",
    "verdict",
    "themes",
)
PUBLISHED, FIRST_SEEN, HEAD, TIE, ROW = "published", "first_seen", "head", "tie", "row"
TITLE_TERMS, BODY_TERMS, VECTOR = "title_terms", "body_terms", "vector"

NATIVE = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
    "ja": "cjk",
    "ko": "cjk",
    "zh": "cjk",
}
"""Language → the server's own analyser, for people who type into Kibana; each is used where the cluster has it."""

KEYWORDS = (ARTICLE, STORY, SOURCE, ECONOMY, LANGUAGE, VERDICT, THEMES, TIE)
SHARED: dict[str, Any] = {
    **{name: {"type": "keyword"} for name in KEYWORDS},
    PUBLISHED: {"type": "date"},
    FIRST_SEEN: {"type": "date"},
    HEAD: {"type": "boolean"},
    "url": {"type": "keyword", "ignore_above": 1024},
    "row_version": {"type": "long"},
}
"""Fields of both indices."""

OVERSAMPLE = {"int8_hnsw": 2.0, "bbq_hnsw": 3.0}
"""Graph → so many times the neighbours asked for are measured again with the true vectors, so that cosines are exact and few neighbours are missed. One byte
a number does up to some five million articles; one bit a number (`bbq_hnsw`) needs a twentieth of the memory of the true vectors. Both are free."""

STORED = {"type": "object", "enabled": False}
"""Kept and given back, not searched."""


def native_text(analysers: Iterable[str]) -> dict[str, Any]:
    """A text field for Kibana: split at Unicode words, and by each analyser the cluster has as a sub-field."""
    return {"type": "text", "fields": {name: {"type": "text", "analyzer": name} for name in sorted(set(analysers))}}


def articles_body(analysers: Iterable[str]) -> dict[str, Any]:
    """Settings and mappings of an articles index."""
    text = native_text(analysers)
    properties = {
        **SHARED,
        "title": text,
        "text": text,
        "author": {"type": "keyword", "ignore_above": 1024},
        "tags": STORED,
        "passages": STORED,
        "exact": STORED,
        "rows": {"type": "integer"},
    }
    return _body(properties, {})


def passages_body(dims: int, analysers: Iterable[str], graph: str = "int8_hnsw") -> dict[str, Any]:
    """Settings and mappings of a passages index, whose vectors have `dims` numbers and are searched in a graph of OVERSAMPLE."""
    words = {"type": "text", "analyzer": "whitespace"}
    vector = {
        "type": "dense_vector",
        "dims": dims,
        "index": True,
        "similarity": "dot_product",  # of unit vectors: the cosine, and the numbers come back as they went in
        "index_options": {
            "type": graph,
            "m": 16,
            "ef_construction": 100,
        },  # never the default: it drifts, and may need a licence
    }
    properties = {
        **SHARED,
        "title": native_text(analysers),
        "text": native_text(analysers),
        TITLE_TERMS: words,
        BODY_TERMS: words,
        VECTOR: vector,
        "model": {"type": "keyword"},
        ROW: {"type": "integer"},
        "n": {"type": "integer"},
        "start": {"type": "integer", "index": False},
        "end": {"type": "integer", "index": False},
    }
    return _body(properties, {"dims": dims, "oversample": OVERSAMPLE[graph]})


def vectors_body(dims: int) -> dict[str, Any]:
    """The index of named vectors (themes, watches, questions) that Kibana's filters look up."""
    properties = {
        **{name: {"type": "keyword"} for name in ("kind", "label", "model")},
        "text": {"type": "text"},
        "min_cosine": {"type": "float"},
        "created": {"type": "date"},
        VECTOR: {
            "type": "dense_vector",
            "dims": dims,
            "index": True,
            "similarity": "dot_product",
            "index_options": {"type": "flat"},
        },
    }
    return _body(properties, {"dims": dims})


def _body(properties: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "settings": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "refresh_interval": "1s",
        },  # a copy where there is a second node
        "mappings": {
            "dynamic": "strict",
            "_meta": {"schema": SCHEMA_VERSION, "analyser": ANALYSER_VERSION, **meta},
            "properties": dict(properties),
        },
    }


def article_source(d: Document) -> dict[str, Any]:
    """The row of an article. `exact` holds what the typed fields round or leave out."""
    return {
        **_shared(d),
        "title": clean(d.title),
        "text": clean(d.text),
        "author": clean(d.author),
        "tags": [{"theme": t.theme, "probability": t.probability, "statement_sentence": t.statement_sentence, "item_sentence": clean(t.item_sentence)} for t in d.tags],
        "passages": [{"n": p.n, "start": p.start, "end": p.end} for p in d.passages],
        "exact": {"model": d.model},
        "rows": rows_of(d),
    }  # fmt: skip


def rows_of(d: Document) -> int:
    """How many passage rows a document has: at least one, so that an article without passages is found by its text."""
    return max(1, len(d.passages))


def passage_sources(d: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """(row id, row) of every passage."""
    shared, title = _shared(d), terms(clean(d.title), d.language)
    for row, p in enumerate(d.passages or (IndexedPassage(0, 0, len(d.text), d.text),)):
        source = {
            **shared,
            "title": clean(d.title),
            "text": clean(p.text),
            TITLE_TERMS: title,
            BODY_TERMS: terms(clean(p.text), d.language),
            ROW: row,
            "n": p.n,
            "start": p.start,
            "end": p.end,
        }
        if p.vector is not None:
            source |= {VECTOR: packed(np.ascontiguousarray(p.vector, np.float32)), "model": d.model}
        yield row_id(d.id, row), source


def row_id(article: str, row: int) -> str:
    """The id of a passage's row."""
    return f"{article}:{row}"


def read_article(source: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Document but for its passages."""
    return {
        "id": source[ARTICLE],
        **{
            name: source[name]
            for name in (
                "row_version",
                SOURCE,
                ECONOMY,
                LANGUAGE,
                "url",
                "title",
                "text",
                "author",
                STORY,
                HEAD,
                VERDICT,
            )
        },
        PUBLISHED: datetime.fromisoformat(source[PUBLISHED]),
        FIRST_SEEN: datetime.fromisoformat(source[FIRST_SEEN]),
        "tags": tuple(IndexedTag(**tag) for tag in source["tags"]),
        "model": source["exact"]["model"],
    }


def read_document(source: Mapping[str, Any], vectors: Mapping[int, Any]) -> Document:
    """A whole document from its row and its passages' vectors (by row; None where there is none)."""
    fields = read_article(source)
    passages = tuple(
        IndexedPassage(
            p["n"],
            p["start"],
            p["end"],
            fields["text"][p["start"] : p["end"]],
            None if vectors.get(row) is None else np.array(vectors[row], np.float32),
        )
        for row, p in enumerate(source["passages"])
    )
    return Document(**fields, passages=passages)


def clean(text: str) -> str:
    """Text as JSON over UTF-8 can carry it: half of a surrogate pair becomes the replacement character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _shared(d: Document) -> dict[str, Any]:
    return {
        ARTICLE: d.id,
        STORY: d.story,
        SOURCE: d.source,
        ECONOMY: d.economy,
        LANGUAGE: d.language,
        VERDICT: d.verdict,
        THEMES: sorted({each for tag in d.tags for each in with_parents(tag.theme)}),
        TIE: hashlib.blake2b(d.id.encode(), digest_size=8).hexdigest(),
        PUBLISHED: d.published.astimezone(UTC).isoformat(),
        FIRST_SEEN: d.first_seen.astimezone(UTC).isoformat(),
        HEAD: d.head,
        "url": d.url,
        "row_version": d.row_version,
    }
