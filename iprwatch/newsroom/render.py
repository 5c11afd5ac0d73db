"""An Office, a Route and what it shows → an Answer, with the dates as offices write them and the validators they send.

Raises jinja2.TemplateError for a template that is wrong, OSError for a file that is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel.dates import format_datetime as format_localised
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from iprwatch.newsroom.model import HTML, Answer, Office, Route

PAGE = "<!DOCTYPE html><html lang='en'><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
FILTERS = {
    "babel": lambda at, pattern, locale: format_localised(at, pattern, tzinfo=at.tzinfo, locale=locale),  # CLDR pattern
    "iso": partial(datetime.isoformat, timespec="seconds"),  # 2026-01-01T10:00:00+01:00
    "isoz": lambda at: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",  # 2026-01-01T09:00:00Z
    "rfc822": format_datetime,  # Thu, 01 Jan 2026 10:00:00 +0100
    "strf": datetime.strftime,
}


@cache
def build_environment(folder: Path) -> Environment:
    """The templates of one office. Escaping is on in `.html.j2` and `.xml.j2`."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(("html.j2", "xml.j2")),
        undefined=StrictUndefined,
    )
    environment.filters |= FILTERS
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return environment


def render(office: Office, route: Route, values: Mapping[str, Any]) -> bytes:
    """The route's file, or its template with `values` in the encoding of the office."""
    if route.file:
        return (office.folder / route.file).read_bytes()
    template = build_environment(office.folder).get_template(route.template)
    return template.render(office=office.source.model_dump(), **values).encode(route.encoding, "xmlcharrefreplace")


def build_answer(office: Office, route: Route, changed: datetime, values: Mapping[str, Any]) -> Answer:
    """A 200 with the headers this office sends."""
    body = render(office, route, values)
    headers = {"Content-Type": route.type, **office.headers}
    if office.etag:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    if office.last_modified:
        headers["Last-Modified"] = format_datetime(changed.astimezone(UTC), usegmt=True)
    return Answer(200, headers, body)


def build_page(status: int, title: str, **headers: str) -> Answer:
    """A page of the web server itself."""
    return Answer(status, {**headers, "Content-Type": HTML}, PAGE.format(title).encode())


def is_known(answer: Answer, headers: Mapping[str, str]) -> bool:
    """Whether the client has the answer already; an ETag is asked before a date, as RFC 9110 §13.2.2 has it."""
    if answer.status != 200:
        return False
    asked = {name.lower(): value for name, value in headers.items()}
    if known := asked.get("if-none-match"):
        return answer.headers.get("ETag") in [tag.strip().removeprefix("W/") for tag in known.split(",")]
    changed, since = parsedate(answer.headers.get("Last-Modified")), parsedate(asked.get("if-modified-since"))
    return bool(changed and since and changed <= since)
