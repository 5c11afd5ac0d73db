"""The newsroom at one moment: a host and a target → an Answer. Pure: same arguments, same bytes (save a lying ETag).

Does not listen (`server.py`) nor remember (`state.py`). An unknown host or path is a 404 page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from iprwatch.newsroom.board import Edit, build_board, date_items
from iprwatch.newsroom.faults import break_answer
from iprwatch.newsroom.load import HERE, load_scene, load_shipped
from iprwatch.newsroom.model import Answer, Item, Office, Published, Route
from iprwatch.newsroom.render import render, render_http_date
from iprwatch.newsroom.variants import build_scene

HTML = "text/html; charset=utf-8"
PAGE = "<!DOCTYPE html><html lang='en'><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def scene_data(number: int) -> Mapping[str, Any]:
    """The written scene, or beyond the last one a generated variant."""
    return load_scene(number) or build_scene(number)


@dataclass(frozen=True)
class Newsroom:
    """The offices after `scene` scenes. `starts`: when each scene began; default a day apart."""

    start: datetime
    scene: int = 0
    published: Sequence[Published] = ()
    starts: Sequence[datetime] = ()
    faults: Mapping[str, str] = field(default_factory=dict)  # by source id; win over the scene's own
    offices: Mapping[str, Office] = field(default_factory=load_shipped)

    @cached_property
    def scenes(self) -> tuple[datetime, ...]:
        """When each scene began."""
        return tuple(self.starts) or tuple(self.start + timedelta(days=n) for n in range(1, self.scene + 1))

    @cached_property
    def now(self) -> datetime:
        """The last change; templates see no later time, so that nothing alters by itself."""
        return max((self.start, *self.scenes, *(entry.at for entry in self.published)))

    @cached_property
    def scene_faults(self) -> Mapping[str, str]:
        """Faults in force: the current scene's, then those switched by hand."""
        own = scene_data(self.scene).get("faults", {}) if self.scene else {}
        return {**own, **self.faults}

    @cached_property
    def hosts(self) -> Mapping[str, tuple[Office, ...]]:
        """The offices that answer for each host."""
        found: dict[str, tuple[Office, ...]] = {}
        for office in self.offices.values():
            own = {urlsplit(office.source.url).hostname or "", *office.source.canonical.hosts}
            for host in own | {route.host for route in office.routes if route.host}:
                found[host] = (*found.get(host, ()), office)
        return found

    @cached_property
    def boards(self) -> dict[str, tuple[Item, ...]]:
        """Filled as offices are asked for."""
        return {}

    def board(self, source: str) -> tuple[Item, ...]:
        """The items of one source, newest first. Raises KeyError for a source without an office."""
        if source not in self.boards:
            office = self.offices[source]
            dated = list(date_items(office.items, self.start, self.scenes))
            edits = [
                Edit(raw["slug"], self.scenes[change["scene"] - 1], {k: v for k, v in change.items() if k != "scene"})
                for raw in office.items
                for change in raw.get("edits", ())
                if change["scene"] <= len(self.scenes)
            ]
            for number, at in enumerate(self.scenes, 1):
                data = scene_data(number)
                dated += [(raw, at) for raw in data.get("items", {}).get(source, ())]
                edits += [Edit(e["slug"], at, e["change"]) for e in data.get("edits", {}).get(source, ())]
            dated += [(entry.item, entry.at) for entry in self.published if entry.source == source]
            self.boards[source] = build_board(office, dated, edits)
        return self.boards[source]

    def answer(self, host: str, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What the office at `host` answers to a GET of `target` (path and query) with request `headers`."""
        host, parts = host.partition(":")[0].lower(), urlsplit(target)
        path, query = unquote(parts.path) or "/", dict(parse_qsl(parts.query))
        offices = self.hosts.get(host, ())
        if path == "/robots.txt" and offices:
            return Answer(200, {"Content-Type": "text/plain"}, render_robots(offices))
        for office in offices:
            found = self.find(office, path, query)
            if found:
                fault = self.scene_faults.get(office.source.id, "")
                listed = f"{path}?{parts.query}" if parts.query else path
                return conditional(break_answer(fault, found, office, listed), headers or {})
        return Answer(404, {"Content-Type": HTML}, PAGE.format("404 Page not found").encode())

    def find(self, office: Office, path: str, query: Mapping[str, str]) -> Answer | None:
        """The answer of one office, if the address is one of its own."""
        for route in (route for route in office.routes if not route.each and route.path == path):
            if route.query.items() <= query.items():
                return self.answer_list(office, route, query)
        items = self.board(office.source.id)
        routes = [route for route in office.routes if route.each]
        for item in items:
            if any(is_at(was, path, query) for was in item.was):
                return Answer(
                    301,
                    {"Location": quote(item.path, safe="/?=&%"), "Content-Type": HTML},
                    PAGE.format("Moved").encode(),
                )
            if is_at(item.path, path, query):
                return self.answer_item(office, routes[item.only], item)
        return None

    def answer_list(self, office: Office, route: Route, query: Mapping[str, str]) -> Answer:
        """One page of a list, or a file."""
        if route.file:
            return build_answer(office, route, (office.folder / route.file).read_bytes(), self.start)
        items, asked = self.board(office.source.id), query.get(route.pages, "")
        page = int(asked) - route.first if asked.isdecimal() else 0
        shown = items[max(page, 0) * route.size :][: route.size]
        values = {"items": shown, "page": page + route.first, "more": len(items) > (page + 1) * route.size}
        return build_answer(
            office, route, self.encode(office, route, values), max((i.updated for i in items), default=self.start)
        )

    def answer_item(self, office: Office, route: Route, item: Item) -> Answer:
        """One item's own page, or the file it is."""
        if item.file:
            route = replace(route, type="application/pdf")
            return build_answer(office, route, (HERE / "scenes" / item.file).read_bytes(), item.updated)
        return build_answer(office, route, self.encode(office, route, {"item": item}), item.updated)

    def encode(self, office: Office, route: Route, values: Mapping[str, Any]) -> bytes:
        """The route's template, in the office's own encoding."""
        text = render(office.folder, route.template, office=office.source.model_dump(), now=self.now, **values)
        return text.encode(route.encoding, "xmlcharrefreplace")


def is_at(address: str, path: str, query: Mapping[str, str]) -> bool:
    """Whether an item's own address (its query counts, others do not) is the one asked for."""
    own = urlsplit(address)
    return unquote(own.path) == path and dict(parse_qsl(own.query)).items() <= query.items()


def build_answer(office: Office, route: Route, body: bytes, changed: datetime) -> Answer:
    """A 200 with the headers this office sends."""
    headers = {"Content-Type": route.type, **office.headers}
    if office.etag:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    if office.last_modified:
        headers["Last-Modified"] = render_http_date(changed)
    return Answer(200, headers, body)


def render_robots(offices: Sequence[Office]) -> bytes:
    """The host's robots.txt; an empty one allows all."""
    return "\n".join(office.robots for office in offices if office.robots).encode()


def conditional(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """The answer, or a 304 where the client has it already; an ETag is asked before a date, as RFC 9110 §13.2.2 has it."""
    asked = {name.lower(): value for name, value in headers.items()}
    tag, known = answer.headers.get("ETag"), asked.get("if-none-match")
    since, changed = asked.get("if-modified-since"), answer.headers.get("Last-Modified")
    fresh = answer.status == 200 and (
        bool(tag) and tag in [part.strip().removeprefix("W/") for part in known.split(",")]
        if known
        else bool(since and changed) and is_older(str(changed), str(since))
    )
    return replace(answer, status=304, body=b"") if fresh else answer


def is_older(changed: str, since: str) -> bool:
    """Whether the first HTTP date is not after the second; an unreadable one never is."""
    try:
        return parsedate_to_datetime(changed) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False
