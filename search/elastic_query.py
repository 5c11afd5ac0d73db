"""Questions → request bodies of Elasticsearch. Pure: values in, dictionaries out; knows no client.

A unit is one thing asked for in its alternative spellings (search.query). Single terms are ranked over title and text together, as BM25 with a
weighted field does (Robertson and Zaragoza, 2009), which is also what the embedded index computes; phrases field by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from search import elastic_rows as f
from search.find import TITLE_WEIGHT
from search.query import Spelling, Unit, required
from search.schema import Filters, Period, Vector

Clause = dict[str, Any]

FACET_FIELDS = {"theme": f.THEMES, "source": f.SOURCE, "economy": f.ECONOMY, "language": f.LANGUAGE}
FACET_VALUES = 2000  # more distinct values than any of the fields has
EXACT_UP_TO = 40_000  # the server counts distinct values exactly up to here, and within a few percent beyond


def filter_clauses(filters: Filters) -> list[Clause]:
    """All restrictions, to be put into `bool.filter`."""
    values = {
        f.THEMES: filters.themes, f.SOURCE: filters.sources, f.ECONOMY: filters.economies, f.LANGUAGE: filters.languages,
        f.VERDICT: filters.verdicts, f.STORY: filters.stories, f.ARTICLE: filters.ids,
    }  # fmt: skip
    clauses: list[Clause] = [{"terms": {name: list(wanted)}} for name, wanted in values.items() if wanted]
    if filters.since is not None:
        clauses.append({"range": {f.PUBLISHED: {"gte": stamp(filters.since)}}})
    if filters.until is not None:
        clauses.append({"range": {f.PUBLISHED: {"lt": stamp(filters.until, after=True)}}})
    if filters.seen_since is not None:
        clauses.append({"range": {f.FIRST_SEEN: {"gte": stamp(filters.seen_since)}}})
    if filters.heads:
        clauses.append({"term": {f.HEAD: True}})
    return clauses


def stamp(at: date | datetime, *, after: bool = False) -> str:
    """A bound as the server reads it; a date's end where `after`."""
    if isinstance(at, datetime):
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    day = min(at, date.max - timedelta(days=1)) + timedelta(days=1) if after else at
    return f"{day.isoformat()}T00:00:00+00:00"


def words_clause(units: tuple[Unit, ...]) -> Clause:
    """Any group of `required` units within one passage and its title; ranked by all units."""
    groups = required(units)
    scored = [unit_clause(unit) for unit in units]
    if len(groups) == 1:
        return {"bool": {"must": scored}}
    if all(len(group) == 1 for group in groups):
        return {"bool": {"should": scored, "minimum_should_match": 1}}
    return {"bool": {"should": scored, "minimum_should_match": len(units) - 1}}


def unit_clause(unit: Unit) -> Clause:
    """One unit: any of its spellings will do, and each that is there counts."""
    return {"bool": {"should": [spelling_clause(spelling) for spelling in unit], "minimum_should_match": 1}}


def spelling_clause(spelling: Spelling) -> Clause:
    """Terms one after the other, in the title or in the text."""
    text = " ".join(spelling.terms)
    if spelling.prefix:
        return {
            "bool": {
                "should": [
                    {"prefix": {f.TITLE_TERMS: {"value": text, "boost": TITLE_WEIGHT}}},
                    {"prefix": {f.BODY_TERMS: {"value": text}}},
                ]
            }
        }
    if len(spelling.terms) == 1:
        return {
            "combined_fields": {
                "query": text,
                "fields": [f"{f.TITLE_TERMS}^{TITLE_WEIGHT:g}", f.BODY_TERMS],
                "operator": "and",
            }
        }
    return {
        "bool": {
            "should": [
                {"match_phrase": {f.TITLE_TERMS: {"query": text, "boost": TITLE_WEIGHT}}},
                {"match_phrase": {f.BODY_TERMS: text}},
            ]
        }
    }


def keyword_search(units: tuple[Unit, ...], filters: Sequence[Clause], size: int) -> Clause:
    """Articles by their best passage, best first; ties newer first."""
    return {
        "size": size,
        "_source": False,
        "docvalue_fields": [f.ARTICLE, f.STORY, f.ROW],
        "track_total_hits": False,
        "query": {"bool": {"must": [words_clause(units)], "filter": list(filters)}},
        "sort": [{"_score": "desc"}, {f.PUBLISHED: "desc"}, {f.TIE: "asc"}],
        "track_scores": True,
        "collapse": {"field": f.ARTICLE},
    }


def nearest_search(
    vector: Vector,
    filters: Sequence[Clause],
    k: int,
    min_cosine: float | None,
    oversample: float = f.OVERSAMPLE["int8_hnsw"],
) -> Clause:
    """The k nearest passages, nearest first; the filter holds before the search, not after."""
    knn: Clause = {
        "field": f.VECTOR,
        "query_vector": vector.tolist(),
        "k": k,
        "num_candidates": min(10_000, 2 * k),
        "filter": list(filters),
        "rescore_vector": {"oversample": oversample},
    }
    if min_cosine is not None:
        knn["similarity"] = min_cosine
    return {
        "size": k,
        "_source": False,
        "docvalue_fields": [f.ARTICLE, f.STORY, f.ROW],
        "track_total_hits": False,
        "knn": knn,
        "sort": [{"_score": "desc"}, {f.PUBLISHED: "desc"}, {f.TIE: "asc"}, {f.ROW: "asc"}],
    }


def browse_search(filters: Sequence[Clause], size: int, newest_first: bool = True) -> Clause:
    """All articles that pass, by date."""
    return {
        "size": size,
        "_source": False,
        "docvalue_fields": [f.ARTICLE, f.STORY, f.ROW],
        "collapse": {"field": f.ARTICLE},
        "track_total_hits": False,
        "query": {"bool": {"filter": list(filters)}},
        "sort": [{f.PUBLISHED: "desc" if newest_first else "asc"}, {f.TIE: "asc"}],
    }


def counting(query: Clause, facets: Sequence[str], stories: Sequence[str], collapse: bool) -> Clause:
    """How many articles (stories) match, per value of the facets, and per story that is shown."""
    each = {"articles": {"cardinality": {"field": f.ARTICLE, "precision_threshold": EXACT_UP_TO}}}
    aggs: Clause = {
        "total": {"cardinality": {"field": f.STORY if collapse else f.ARTICLE, "precision_threshold": EXACT_UP_TO}}
    }
    for name in facets:
        aggs[f"facet_{name}"] = {**_facet(name), "aggs": each}
    if stories:
        aggs["folded"] = {"terms": {"field": f.STORY, "include": list(stories), "size": len(stories)}, "aggs": each}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggs}


def over_time(filters: Filters, by: Period, group: str) -> Clause:
    """Articles and stories per period and value of a facet."""
    grouped = {
        **_facet(group),
        "aggs": {"stories": {"cardinality": {"field": f.STORY, "precision_threshold": EXACT_UP_TO}}},
    }
    period = {
        "field": f.PUBLISHED,
        "calendar_interval": by,
        "time_zone": "UTC",
        "min_doc_count": 1,
        "format": "yyyy-MM-dd",
    }
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filter_clauses(filters)}},
        "aggs": {"periods": {"date_histogram": period, "aggs": {"groups": grouped}}},
    }


def read_facet(name: str, answer: Mapping[str, Any]) -> dict[str, int]:
    """Value → articles, most first."""
    counts = {_key(name, bucket): int(bucket["articles"]["value"]) for bucket in answer["buckets"]}
    return dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda item: (-item[1], item[0])))


def _facet(name: str) -> Clause:
    if name == "month":
        return {
            "date_histogram": {
                "field": f.PUBLISHED,
                "calendar_interval": "month",
                "time_zone": "UTC",
                "min_doc_count": 1,
                "format": "yyyy-MM",
            }
        }
    return {"terms": {"field": FACET_FIELDS[name], "size": FACET_VALUES}}


def _key(name: str, bucket: Mapping[str, Any]) -> str:
    return str(bucket["key_as_string"] if name == "month" else bucket["key"])
