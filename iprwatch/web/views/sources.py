"""Sources: what each is, whether it is well and why not, when it was last visited, what it promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from iprwatch.web.guard import READS
from iprwatch.web.pages import render, site_of
from iprwatch.web.record import count_articles
from iprwatch.web.troubles import Checked, check_sources

router = APIRouter()
TIERS = {"tier1": "G7 members, the EU, EPO and WIPO", "tier2": "APEC and its IPEG", "tier3": "Other APEC economies"}


@router.api_route("/sources", methods=list(READS))
def show_sources(request: Request) -> Response:
    """Every declared source by tier, those in trouble first."""
    site = site_of(request)
    with site.reading() as connection:
        checked = check_sources(connection, site.context.sources, site.context.clock.now())
        counts: Mapping[str, tuple[int, datetime]] = count_articles(connection)
    watched = [c for c in checked if c.source.enabled]
    return render(
        request,
        "sources.html",
        tiers=[
            (TIERS.get(tier, tier), _ordered(c for c in checked if c.source.tier == tier)) for tier in _tiers(checked)
        ],
        counts=counts,
        watched=len(watched),
        troubled=sum(c.health.is_red for c in watched),
    )


def _tiers(checked: Iterable[Checked]) -> list[str]:
    """Ours in their order, then those of own declarations."""
    found = {c.source.tier for c in checked}
    return [*(t for t in TIERS if t in found), *sorted(found - TIERS.keys())]


def _ordered(checked: Iterable[Checked]) -> list[Checked]:
    return sorted(checked, key=lambda c: (not c.source.enabled, not (c.source.enabled and c.health.is_red)))
