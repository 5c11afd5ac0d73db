"""Themes: all of them over time, with what was not seen; and each with its statement sentences and newest items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from iprwatch.errors import NotFound
from iprwatch.trend_forms import summarise, tell_outages
from iprwatch.trends import Asked as AskedTrend
from iprwatch.trends import Trend, Unit, find_trend
from iprwatch.web.asked import Asked
from iprwatch.web.charting import build_picture, build_script, build_specs
from iprwatch.web.guard import READS
from iprwatch.web.names import economy_name
from iprwatch.web.pages import render, site_of
from iprwatch.web.site import Site
from search.index import BadQuery
from search.schema import PERIODS, Filters, Query

router = APIRouter()
NEWEST = 10  # items of a theme: one page of its search
UNITS: tuple[Unit, ...] = get_args(Unit)
KEEP_SCRIPT = "public, max-age=86400"  # it changes with the installed version only; a day spares its 0.9 MB


@router.api_route("/themes", methods=list(READS))
def show_themes(request: Request) -> Response:
    """Themes over time. `by`, `unit`, `theme` and `economy` as in `iprwatch trend`."""
    site, asked = site_of(request), read_trend(request)
    trend = look_up(site, asked)
    return render(
        request,
        "themes.html",
        asked=asked,
        trend=trend,
        specs=build_specs(trend),
        summaries=summarise(trend),
        outages=tell_outages(trend.outages),
        periods=PERIODS,
        units=UNITS,
        link=trend_link,
        items_link=_items_link,
        picture=trend_link(asked, path="/themes/chart.svg"),
    )


@router.api_route("/themes/chart.svg", methods=list(READS))
def show_picture(request: Request) -> Response:
    """The same chart as a picture."""
    return Response(build_picture(look_up(site_of(request), read_trend(request))), media_type="image/svg+xml")


@router.api_route("/themes/chart.js", methods=list(READS))
def show_script() -> Response:
    """The script that draws the chart."""
    return Response(build_script(), media_type="text/javascript", headers={"Cache-Control": KEEP_SCRIPT})


@router.api_route("/theme/{id}", methods=list(READS))
def show_theme(request: Request, id: str) -> Response:
    """One theme: the statement's words, who speaks of it, the newest items."""
    site = site_of(request)
    if id not in site.themes.themes:
        raise NotFound("No theme has this id", "See the list of themes")
    filters = Filters(themes=(id,))
    answer = site.ask(Query(filters=filters, sort="newest", limit=NEWEST, facets=("economy", "theme"), highlight=False))
    asked = Asked(filters=filters, sort="newest")
    economies = [(economy_name(e), n, asked.toggled("economy", e).link()) for e, n in answer.facets["economy"].items()]
    return render(
        request,
        "theme.html",
        theme=site.themes.themes[id],
        children=[site.themes.themes[c] for c in site.themes.children(id)],
        statements=site.themes.statements(id),
        answer=answer,
        counts=answer.facets["theme"],
        economies=economies,
        all_link=asked.link(),
    )


def read_trend(request: Request) -> AskedTrend:
    """What the address asks for. Raises BadQuery."""
    given = request.query_params
    by, unit = given.get("by", "month"), given.get("unit", "stories")
    if by not in PERIODS or unit not in UNITS:
        raise BadQuery(f"by is one of {', '.join(PERIODS)}, unit one of {', '.join(UNITS)}")
    themes, economies = (tuple(dict.fromkeys(v for v in given.getlist(n) if v)) for n in ("theme", "economy"))
    return AskedTrend(by, unit, themes, economies)


def look_up(site: Site, asked: AskedTrend) -> Trend:
    """The trend. Raises NotFound for a theme or economy that nobody knows."""
    labels = {theme.id: theme.label for theme in site.themes.themes.values()}
    with site.index() as index:
        return find_trend(site.context, index, asked, labels)


def trend_link(asked: AskedTrend, path: str = "/themes", **changes: str) -> str:
    """The address of a trend, with other values of `by` or `unit`; defaults left out."""
    plain = {"by": asked.by, "unit": asked.unit} | changes
    pairs = [(k, v) for k, v in plain.items() if v not in ("month", "stories")]
    pairs += [("theme", t) for t in asked.themes] + [("economy", e) for e in asked.economies]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _items_link(theme: str, since: object, until: object, economies: Iterable[str]) -> str:
    pairs = [("theme", theme), *(("economy", e) for e in economies)]
    return f"/search?{urlencode([*pairs, ('since', str(since)), ('until', str(until)), ('sort', 'newest')])}"
