"""Which words the last days' stories hold more often than those before. Elasticsearch alone has it: the server's significant text.

Heads of stories are counted, so twelve offices announcing one thing are one. Words stand as written, in small letters; a word in under LEAST stories is
chance. The order is the server's JLH score: the rise in percentage points times the rise as a ratio. Raises what search.client raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from search.client import translated
from search.elastic_index import ElasticIndex
from search.elastic_layout import ARTICLES
from search.elastic_query import Clause, filter_clauses
from search.schema import Filters

LEAST = 3  # stories
TEXT = "text"  # by the standard analyser: words as they are written, on every cluster
NO_NUMBERS = ".*[0-9].*"
"""Dates, amounts and document numbers rise always and say nothing."""


@dataclass(frozen=True, slots=True)
class RisingWord:
    """A word: how many stories hold it now and how many held it before, and the server's score."""

    word: str
    stories: int
    earlier: int
    score: float


@dataclass(frozen=True, slots=True)
class Rising:
    """Words, the most telling first; `stories` and `earlier` are those of all words together."""

    since: date
    until: date
    earlier_since: date
    stories: int
    earlier: int
    words: tuple[RisingWord, ...]


def find_rising(index: ElasticIndex, filters: Filters, span: tuple[date, date], earlier_days: int, most: int) -> Rising:
    """At most `most` words of the stories published in `span` (first and last day), against the `earlier_days` before it."""
    since, until = span
    before = since - timedelta(days=earlier_days)
    now = replace(filters, since=since, until=until, heads=True)
    then = replace(filters, since=before, until=since - timedelta(days=1), heads=True)
    with translated(index.client):
        answer = index.client.search(index=index.place(ARTICLES), **build_words(now, then, most))
    return read_words(answer["aggregations"]["words"], (since, until, before))


def build_words(now: Filters, then: Filters, most: int) -> Clause:
    """The request: stories of `now` against those of `then`."""
    words = {
        "field": TEXT,
        "size": most,
        "min_doc_count": LEAST,
        "exclude": NO_NUMBERS,
        "jlh": {},
        "background_filter": {"bool": {"filter": filter_clauses(then)}},
    }
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filter_clauses(now)}},
        "aggs": {"words": {"significant_text": words}},
    }


def read_words(answer: Mapping[str, Any], days: tuple[date, date, date]) -> Rising:
    """The server's answer as ours."""
    since, until, before = days
    words = tuple(RisingWord(b["key"], b["doc_count"], b["bg_count"], b["score"]) for b in answer["buckets"])
    return Rising(since, until, before, answer["doc_count"], answer["bg_count"], words)
