"""Template + Items → text, with the dates as offices write them. Raises jinja2.TemplateError for a template that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_datetime as format_localised
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def render_rfc822(at: datetime) -> str:
    """`Thu, 01 Jan 2026 10:00:00 +0100`."""
    return format_datetime(at)


def render_http_date(at: datetime) -> str:
    """`Thu, 01 Jan 2026 09:00:00 GMT`, as HTTP headers want it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)


def render_iso(at: datetime) -> str:
    """`2026-01-01T10:00:00+01:00`."""
    return at.isoformat(timespec="seconds")


def render_isoz(at: datetime) -> str:
    """`2026-01-01T09:00:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def render_localised(at: datetime, pattern: str, locale: str) -> str:
    """By a CLDR pattern, with the month names of `locale`."""
    return format_localised(at, pattern, tzinfo=at.tzinfo, locale=locale)


@cache
def build_environment(folder: Path) -> Environment:
    """The templates of one office. Escaping is on in `.html.j2` and `.xml.j2`."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(("html.j2", "xml.j2")),
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "babel": render_localised,
        "iso": render_iso,
        "isoz": render_isoz,
        "rfc822": render_rfc822,
        "strf": datetime.strftime,
    }
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return environment


def render(folder: Path, template: str, **values: Any) -> str:
    """One template of an office's folder with its values."""
    return build_environment(folder).get_template(template).render(**values)
