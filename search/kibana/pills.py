"""Filters in meaning, as Kibana keeps them ("pills"), and the addresses that open Discover with one. Pure.

A pill names its vector by id; the server looks it up in the vectors index when the search runs (Elasticsearch 9.4), so a pill stays short, and a new
vector under the same id changes every object that names it. A vector that is not there is an error of the search (404): store it first.

Kibana puts a pill into `bool.filter`, beside the time range: it takes the K nearest passages of all time, and only then the range. Hence a large K,
cut at a least cosine, and a time range that holds a good part of what K reaches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from search import elastic_rows as rows
from search.elastic_layout import ARTICLES, PASSAGES, VECTORS, alias
from search.elastic_query import Clause
from search.kibana.rison import write_parameter

K = 2000
"""Passages a pill reaches. A theme that gains 20 passages a day fills it in 100 days; that is longer than DAYS, so the range is not starved."""

CANDIDATES = 4000  # 2 × K, as our own search asks; the server allows 10,000
DAYS = 90  # the range of links and dashboards

COLUMNS = ("title", "text", rows.SOURCE, rows.ECONOMY, rows.ARTICLE)


@dataclass(frozen=True, slots=True)
class Names:
    """What the objects of one index are called: `prefix` begins indices, data views and dashboards."""

    prefix: str

    @property
    def articles(self) -> str:
        """The articles' alias, and the id of their data view."""
        return alias(self.prefix, ARTICLES)

    @property
    def passages(self) -> str:
        """The passages' alias, and the id of their data view."""
        return alias(self.prefix, PASSAGES)

    @property
    def vectors(self) -> str:
        """The alias of the named vectors."""
        return alias(self.prefix, VECTORS)


def theme_id(theme: str) -> str:
    """Name of a theme's vector."""
    return f"theme-{theme.lower()}"


def watch_id(watch: str) -> str:
    """Name of a watch's vector."""
    return f"watch-{watch}"


def question_id(model: str, text: str) -> str:
    """Name of a question's vector: the same words and model give the same name."""
    return "query-" + hashlib.sha256(f"{model}\0{' '.join(text.split())}".encode()).hexdigest()[:32]


def named_vector(names: Names, id: str, least: float | None) -> Clause:
    """The passages nearest to a stored vector; `least`: the cosine below which none counts."""
    return _nearest(names.vectors, id, least)


def like_article(names: Names, article: str, least: float | None) -> Clause:
    """The passages nearest to an article's first one, its own left out."""
    nearest = _nearest(names.passages, rows.row_id(article, 0), least)
    return {"bool": {"filter": [nearest], "must_not": [{"term": {rows.ARTICLE: article}}]}}


def build_pill(names: Names, label: str, query: Clause) -> dict[str, Any]:
    """A filter of Kibana's on the passages, shown as `label`."""
    return {
        "$state": {"store": "appState"},
        "meta": {
            "alias": label,
            "disabled": False,
            "index": names.passages,
            "key": "query",
            "negate": False,
            "type": "custom",
        },
        "query": query,
    }


def discover_state(names: Names, pill: dict[str, Any]) -> dict[str, Any]:
    """Discover's part of an address: our columns, newest first, one pill."""
    return {
        "columns": list(COLUMNS),
        "dataSource": {"dataViewId": names.passages, "type": "dataView"},
        "filters": [pill],
        "interval": "auto",
        "query": {"language": "kuery", "query": ""},
        "sort": [[rows.PUBLISHED, "desc"]],
    }


def discover_path(names: Names, pill: dict[str, Any], days: int = DAYS) -> str:
    """The address of Discover with a pill, from Kibana's root on; everything after `#` stays in the browser."""
    window = {"filters": [], "time": {"from": f"now-{days}d", "to": "now"}}
    return f"/app/discover#/?_g={write_parameter(window)}&_a={write_parameter(discover_state(names, pill))}"


def space_path(space: str) -> str:
    """What precedes every path of a space; the default one has none."""
    return f"/s/{quote(space, safe='')}" if space and space != "default" else ""


def discover_link(url: str, space: str, path: str) -> str:
    """The whole address, under Kibana's own."""
    return url.rstrip("/") + space_path(space) + path


def _nearest(index: str, id: str, least: float | None) -> Clause:
    knn: Clause = {
        "field": rows.VECTOR,
        "k": K,
        "num_candidates": CANDIDATES,
        "query_vector_builder": {"lookup": {"index": index, "id": id, "path": rows.VECTOR}},
    }
    return {"knn": knn if least is None else {**knn, "similarity": least}}
