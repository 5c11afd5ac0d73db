"""Alerts that fired, the watches that fire them, and the alerts as Atom."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from iprwatch.alerts.watches import Watch, Watches
from iprwatch.web.asked import Asked
from iprwatch.web.guard import READS
from iprwatch.web.pages import environment, render, site_of
from iprwatch.web.record import count_alerts, find_alerts
from search.schema import Filters

router = APIRouter()
MOST = 100  # alerts on the page and in the feed: a week of a busy desk
ATOM = "application/atom+xml; charset=utf-8"


@router.api_route("/alerts", methods=list(READS))
def show_alerts(request: Request) -> Response:
    """The newest alerts, of one watch where `watch` names it."""
    site, watch = site_of(request), request.query_params.get("watch", "")
    with site.reading() as connection:
        alerts = find_alerts(connection, MOST, watch)
    return render(request, "alerts.html", alerts=alerts, watch=watch)


@router.api_route("/feed/alerts.xml", methods=list(READS))
def show_alert_feed(request: Request) -> Response:
    """The newest alerts as an Atom feed (RFC 4287); addresses are those of this page."""
    site, watch = site_of(request), request.query_params.get("watch", "")
    with site.reading() as connection:
        alerts = find_alerts(connection, MOST, watch)
    template = environment().get_template("alerts.xml")
    base = str(request.base_url).rstrip("/")
    updated = alerts[0].created if alerts else site.context.clock.now()
    body = template.render(alerts=alerts, base=base, updated=updated, space=site.context.settings.current, watch=watch)
    return Response(body, media_type=ATOM)


@router.api_route("/watches", methods=list(READS))
def show_watches(request: Request) -> Response:
    """The standing questions, how often each fired, and the search that asks the same now."""
    site = site_of(request)
    found = Watches(
        site.context.settings.config_folder, lambda text: site.context.encoder.encode([text], "query")[0]
    ).refresh()
    with site.reading() as connection:
        fired = count_alerts(connection)
    watches = [(id, watch, search_of(watch).link()) for id, watch in found.by_id.items()]
    return render(request, "watches.html", watches=watches, faults=found.faults, fired=fired)


def search_of(watch: Watch) -> Asked:
    """The search that a watch stands for, newest first."""
    return Asked(
        text=watch.query, mode=watch.mode, sort="newest", filters=Filters(**watch.filters.model_dump()),
        near=watch.min_cosine if watch.query and watch.mode != "keyword" else None,
    )  # fmt: skip
