"""What we put into Kibana, as saved objects: two data views, a search in meaning per theme, the dashboards. Pure; same input, same objects.

Written for the lowest Kibana we support, whose import newer ones accept. Each object carries a mark (our version and a digest of its content) in its
description, a data view in its name, by which `find_differences` tells ours from older or edited ones without comparing what Kibana migrates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search import elastic_rows as rows
from search.kibana.dashboards import dashboard_body
from search.kibana.lens import dashboard_attributes, dashboard_references
from search.kibana.panels import Dashboard, build_dashboards
from search.kibana.pills import (
    COLUMNS,
    DAYS,
    Names,
    build_pill,
    discover_path,
    like_article,
    named_vector,
    theme_id,
)

VERSION = 1
"""Of our objects; rises when what they mean changes."""

CORE_MIGRATION = "8.8.0"
MIGRATIONS = {"index-pattern": "8.0.0", "search": "10.5.0", "dashboard": "10.3.0"}
"""Type versions as exports up to Kibana 9.0 carry them; a newer Kibana migrates them on import."""

SEARCH_SOURCE = "kibanaSavedObjectMeta.searchSourceJSON"

Key = tuple[str, str]
"""Type and id of a saved object."""


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One object. `references`: id, name and type of the objects it names. `body`: of the Dashboards API; None for other types."""

    type: str
    id: str
    attributes: Mapping[str, Any]
    references: tuple[Mapping[str, str], ...] = ()
    body: Mapping[str, Any] | None = None

    @property
    def key(self) -> Key:
        """By which Kibana knows it."""
        return self.type, self.id


def build_objects(names: Names, themes: Mapping[str, str], least: float | None) -> tuple[SavedObject, ...]:
    """Everything. `themes`: label by id; `least`: cosine from which a passage counts as near (None: the nearest K)."""
    dashboards = build_dashboards(themes)
    return (
        _data_view(names.articles, "IP articles", {}),
        _data_view(names.passages, "IP passages", _formats(names, least)),
        *(_theme_search(names, id, label, least) for id, label in themes.items()),
        *(_dashboard(names, each) for each in dashboards),
    )


def render_ndjson(objects: Iterable[SavedObject]) -> str:
    """Objects as Kibana imports them, one a line."""
    return "".join(json.dumps(_line(each), ensure_ascii=False, sort_keys=True) + "\n" for each in objects)


def find_differences(wanted: Iterable[SavedObject], found: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is missing, and what carries another mark than ours. `found`: objects as Kibana exports them."""
    held = {(each["type"], each["id"]): each["attributes"] for each in found if "attributes" in each}
    said = []
    for each in wanted:
        there = held.get(each.key)
        if there is None:
            said.append(f"{each.type} {each.id} is missing")
        elif read_mark(there) != read_mark(each.attributes):
            said.append(f"{each.type} {each.id} is of another version ({read_mark(there) or 'not marked as ours'})")
    return said


def read_mark(attributes: Mapping[str, Any]) -> str:
    """Our mark in an object's description or name; empty where there is none."""
    for text in (attributes.get("description"), attributes.get("name")):
        _, bracket, mark = str(text or "").rpartition("[iprwatch ")
        if bracket:
            return mark.partition("]")[0]
    return ""


def _mark(content: object) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    return f"[iprwatch {VERSION}.{digest}]"


def _line(each: SavedObject) -> dict[str, Any]:
    return {
        "type": each.type,
        "id": each.id,
        "attributes": dict(each.attributes),
        "references": [dict(r) for r in each.references],
        "coreMigrationVersion": CORE_MIGRATION,
        "typeMigrationVersion": MIGRATIONS[each.type],
    }


def _data_view(alias: str, name: str, formats: Mapping[str, Any]) -> SavedObject:
    attributes = {
        "title": alias,
        "timeFieldName": rows.PUBLISHED,
        "allowNoIndex": True,
        "fieldFormatMap": json.dumps(formats),
    }
    return SavedObject("index-pattern", alias, {**attributes, "name": f"{name} {_mark(attributes)}"})


def _formats(names: Names, least: float | None) -> dict[str, Any]:
    """An address becomes a link; an article's id one to more like it."""
    pill = build_pill(names, "More like this", like_article(names, "ARTICLE", least))
    like = discover_path(names, pill).replace("ARTICLE", "{{value}}")
    return {
        "url": {"id": "url", "params": {}},
        rows.ARTICLE: {"id": "url", "params": {"urlTemplate": like, "labelTemplate": "more like this"}},
    }


def _theme_search(names: Names, theme: str, label: str, least: float | None) -> SavedObject:
    pill = build_pill(names, f"Near in meaning: {label}", named_vector(names, theme_id(theme), least))
    view = f"{SEARCH_SOURCE}.index"
    of_pill = f"{SEARCH_SOURCE}.filter[0].meta.index"
    pill["meta"] = {**{k: v for k, v in pill["meta"].items() if k != "index"}, "indexRefName": of_pill}
    source = {
        "highlightAll": True,
        "version": True,
        "query": {"query": "", "language": "kuery"},
        "filter": [pill],
        "indexRefName": view,
    }
    attributes = {
        "title": f"IP theme {theme}: {label}",
        "columns": list(COLUMNS),
        "sort": [[rows.PUBLISHED, "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": True,
        "timeRange": {"from": f"now-{DAYS}d", "to": "now"},
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source, sort_keys=True)},
    }
    references = tuple({"type": "index-pattern", "id": names.passages, "name": name} for name in (view, of_pill))
    described = f"Passages near the statement's words on {label}. {_mark([attributes, references])}"
    id = f"{names.prefix}-{theme_id(theme)}"
    return SavedObject("search", id, {**attributes, "description": described}, references)


def _dashboard(names: Names, each: Dashboard) -> SavedObject:
    plain = [dashboard_attributes(each, ""), dashboard_body(each, names.articles, "")]
    described = f"{each.description} {_mark(plain)}"
    return SavedObject(
        "dashboard",
        f"{names.prefix}-{each.name}",
        dashboard_attributes(each, described),
        tuple(dashboard_references(each, names.articles)),
        dashboard_body(each, names.articles, described),
    )
