"""Template and values → HTML answer. Every value is escaped; an undefined name is an error. No query is made here."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import cast

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from iprwatch import __version__
from iprwatch.settings import Settings
from iprwatch.web import marks, names
from iprwatch.web.economies import telling_sentence, told
from iprwatch.web.site import Site

FOLDER = Path(__file__).parent
NAVIGATION = (
    ("/", "Today"),
    ("/search", "Search"),
    ("/themes", "Themes"),
    ("/sources", "Sources"),
    ("/alerts", "Alerts"),
    ("/digests", "Digests"),
)


def site_of(request: Request) -> Site:
    """The site that the application was made for."""
    return cast(Site, request.app.state.site)


def offers_kibana(settings: Settings) -> bool:
    """Whether pages lead to Kibana."""
    return settings.index == "elasticsearch" and bool(settings.kibana_url)


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """One page. `values` are the template's; site, navigation and labels are there for all."""
    site = site_of(request)
    common = {
        "here": request.url.path,
        "navigation": NAVIGATION,
        "space": site.context.settings.current,
        "theme_label": site.theme_label,
        "source_title": site.source_title,
        "asked_text": "",
        "kibana": offers_kibana(site.context.settings),
    }
    return HTMLResponse(environment().get_template(template).render({**common, **values}), status)


@cache
def environment() -> Environment:
    """The templates and what they may call."""
    found = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    found.filters.update(
        day=names.day_text,
        moment=names.moment_text,
        seconds=names.seconds_text,
        economy=names.economy_name,
        language=names.language_name,
        ordinal=names.ordinal,
        web=names.web_address,
        visible=marks.visible,
        shortened=marks.shortened,
    )
    found.globals.update(
        highlighted=marks.highlighted,
        title_marked=lambda text, spans: marks.highlighted(text, spans, marks.TITLE_MOST),
        telling_sentence=telling_sentence,
        told=told,
        origins=names.ORIGINS,
        relations=names.RELATIONS,
        verdicts=names.VERDICTS,
        version=__version__,
        assets=_assets(),
    )
    return found


def _assets() -> dict[str, str]:
    """Address of each static file, with a mark that changes when it does."""
    return {p.name: f"/static/{p.name}?{sha256(p.read_bytes()).hexdigest()[:8]}" for p in (FOLDER / "static").iterdir()}
