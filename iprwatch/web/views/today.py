"""What is new, by theme; which alerts fired; which sources are down; the newest digest. And whether the page is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from iprwatch.alerts.digest import load_digest
from iprwatch.errors import IprwatchError
from iprwatch.web.asked import Asked
from iprwatch.web.guard import READS
from iprwatch.web.pages import render, site_of
from iprwatch.web.record import find_alerts, find_digests
from iprwatch.web.site import Site
from iprwatch.web.troubles import check_sources, find_troubles
from search.index import SearchError
from search.schema import Answer, Filters, Hit, Query

router = APIRouter()
WINDOWS = (1, 7, 30)  # days to choose from
USUAL = 7  # days: offices publish a few items a week, so that a single day is often empty
EACH = 3  # items told of one theme
STORIES_MOST = 300  # looked at for the themes; more in a month would be a page nobody reads
ALERTS_MOST = 6


@dataclass(frozen=True, slots=True)
class Theme:
    """One top theme: its newest stories, how many articles bear on it, and the search that has them all."""

    id: str
    hits: tuple[Hit, ...]
    articles: int
    link: str


@router.api_route("/", methods=list(READS))
def show_today(request: Request) -> Response:
    """The front page."""
    site = site_of(request)
    asked = request.query_params.get("days", "")
    days = int(asked) if asked in map(str, WINDOWS) else USUAL
    now = site.context.clock.now()
    since = now - timedelta(days=days)
    filters = Filters(since=since.date(), verdicts=("themed",))
    answer = site.ask(Query(filters=filters, sort="newest", limit=STORIES_MOST, facets=("theme",), highlight=False))
    outside = site.ask(Query(filters=Filters(since=since.date(), verdicts=("outside",)), limit=0))
    with site.reading() as connection:
        alerts, digests = find_alerts(connection, ALERTS_MOST), find_digests(connection, 1)
        troubles = find_troubles(connection, check_sources(connection, site.context.sources, now))
    return render(
        request,
        "today.html",
        days=days,
        windows=WINDOWS,
        since=since,
        fresh=now - timedelta(days=1),
        themes=group_by_theme(site, answer, filters),
        total=answer.total,
        outside=outside.total,
        outside_link=Asked(filters=Filters(since=since.date(), verdicts=("outside",)), sort="newest").link(),
        alerts=alerts,
        digest=load_digest(digests[0].body) if digests else None,
        troubles=troubles,
        watched=sum(s.enabled for s in site.context.sources.values()),
    )


def group_by_theme(site: Site, answer: Answer, filters: Filters) -> list[Theme]:
    """Each story under the top theme of its best tag, themes in the statement's order."""
    found: dict[str, list[Hit]] = {}
    for hit in answer.hits:
        if hit.tags and hit.tags[0].theme in site.themes.themes:
            found.setdefault(site.themes.top(hit.tags[0].theme), []).append(hit)
    counts = answer.facets["theme"]
    return [
        Theme(
            theme, tuple(found[theme][:EACH]), counts.get(theme, len(found[theme])),
            Asked(filters=Filters(themes=(theme,), since=filters.since), sort="newest").link(),
        )
        for theme in sorted(found)
    ]  # fmt: skip


@router.api_route("/healthz", methods=list(READS))
def show_health(request: Request) -> Response:
    """For a supervisor: 200 where index and record can be read, else 503 with the cause."""
    site = site_of(request)
    try:
        count = site.count()
        with site.reading():
            pass
    except (SearchError, IprwatchError) as error:
        return JSONResponse({"status": "down", "cause": str(error)}, 503)
    return JSONResponse({"status": "ok", "space": site.context.settings.current, "items": count})
