"""Search: hits with the passage that matched and why they are tagged; by economy; the same as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from iprwatch.web.asked import Asked, read_asked
from iprwatch.web.economies import MOST, Group, group_by_economy
from iprwatch.web.guard import READS
from iprwatch.web.names import VERDICTS, economy_name, language_name, month_text
from iprwatch.web.pages import render, site_of
from iprwatch.web.site import Site
from search.highlight import highlight_hits
from search.schema import FACETS, Answer

router = APIRouter()
SHOWN = 8  # values of a facet seen at once
MORE = 60  # and when it is unfolded: more than there are sources
FACET_TITLES = {"theme": "Theme", "economy": "Economy", "source": "Source", "language": "Language", "month": "Month"}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a facet: how many items have it, whether it is chosen, and the address that toggles it."""

    label: str
    items: int
    chosen: bool
    link: str
    below: bool  # a theme below a top theme


class Facet(NamedTuple):
    """What is seen at once, and what when unfolded."""

    first: list[Value]
    more: list[Value]


@router.api_route("/search", methods=list(READS))
def show_search(request: Request) -> Response:
    """One question, one page of its answer."""
    site, asked = site_of(request), read_asked(request.query_params.multi_items())
    grouped = asked.view == "economies"
    query = asked.query(limit=MOST) if grouped else asked.query()
    if request.query_params.get("format") == "json":
        return JSONResponse(_plain(asked, site.ask(query)))
    answer = site.ask(replace(query, highlight=not grouped))
    return render(
        request,
        "search.html",
        asked=asked,
        answer=answer,
        asked_text=asked.text,
        groups=_groups(asked, answer) if grouped else [],
        facets=[(title, _facet(site, asked, answer, name)) for name, title in FACET_TITLES.items()],
        chosen=_chosen(site, asked),
    )


def _groups(asked: Asked, answer: Answer) -> list[Group]:
    """By economy; only what is shown is highlighted, a fifth of what was found."""
    groups = group_by_economy(answer.hits, answer.facets["economy"])
    return [replace(g, hits=highlight_hits(g.hits, asked.text, answer.facets["language"])) for g in groups]


def _facet(site: Site, asked: Asked, answer: Answer, name: str) -> Facet:
    """The values of one facet: months newest first, themes in their order, else most first."""
    counts, held = answer.facets.get(name, {}), asked.values(name)
    order = sorted(counts, reverse=name == "month") if name in ("month", "theme") else list(counts)
    values = [Value(label(site, name, v), counts[v], v in held, asked.toggled(name, v).link(), "." in v) for v in order]
    if name != "theme":
        return Facet(values[:SHOWN], values[SHOWN:MORE])
    tops = {site.themes.top(v) for v in held if v in site.themes.themes}
    first = [v for v, id in zip(values, order, strict=True) if "." not in id or id[:3] in tops]
    return Facet(first, [v for v in values if v not in first])


def _chosen(site: Site, asked: Asked) -> list[tuple[str, str]]:
    """Label of each restriction, and the address without it."""
    found = [
        (label(site, name, value), asked.toggled(name, value).link())
        for name in ("theme", "economy", "source", "language", "verdict")
        for value in asked.values(name)
    ]
    for word, field in (("from", "since"), ("until", "until")):
        if day := getattr(asked.filters, field):
            pairs = [(k, v) for k, v in asked.changed().pairs() if k != field]
            found.append((f"{word} {day.day} {day:%b %Y}", read_asked(pairs).link()))
    return found


def label(site: Site, name: str, value: str) -> str:
    """A facet's value in words."""
    if name == "theme":
        return f"{value} {site.theme_label(value)}"
    if name == "source":
        return site.source_title(value)
    if name == "verdict":
        return VERDICTS.get(value, value)
    words: dict[str, Callable[[str], str]] = {"economy": economy_name, "language": language_name, "month": month_text}
    return words[name](value)


def _plain(asked: Asked, answer: Answer) -> dict[str, Any]:
    """The answer as plain JSON values; field names are those of search.schema.Hit."""
    hits = [
        {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in asdict(hit).items()}
        | {"item": f"/item/{hit.id}"}
        for hit in answer.hits
    ]
    following = asked.changed(cursor=answer.next).link(format="json") if answer.next else ""
    return {
        "total": answer.total,
        "mode": answer.mode,
        "note": answer.note,
        "next": following,
        "facets": {name: answer.facets.get(name, {}) for name in FACETS},
        "hits": hits,
    }
