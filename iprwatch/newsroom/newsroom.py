"""The newsroom at one moment: a host and a target → an Answer. Pure: same arguments, same bytes (save a lying ETag).

Does not listen (`server.py`) nor remember (`state.py`). An unknown host or path is a 404 page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from iprwatch.newsroom.board import build_board
from iprwatch.newsroom.faults import break_answer
from iprwatch.newsroom.generate import build_scene
from iprwatch.newsroom.load import load_data, load_shipped
from iprwatch.newsroom.model import Answer, Item, Office, Published, Raw, Route
from iprwatch.newsroom.render import build_answer, build_page, is_known


@dataclass(frozen=True)
class Newsroom:
    """The offices after `scene` scenes. `starts`: when each scene began; default a day apart."""

    start: datetime
    scene: int = 0
    published: Sequence[Published] = ()
    starts: Sequence[datetime] = ()
    faults: Mapping[str, str] = field(default_factory=dict)  # by source id; win over the scene's own
    offices: Mapping[str, Office] = field(default_factory=load_shipped)
    boards: dict[str, tuple[Item, ...]] = field(default_factory=dict, init=False)  # filled as offices are asked for

    @cached_property
    def scenes(self) -> list[tuple[datetime, Raw]]:
        """When each scene began and what it brings; beyond the last written one, generated variants."""
        starts = self.starts or [self.start + timedelta(days=n) for n in range(1, self.scene + 1)]
        return [(at, load_data(f"scenes/{number}") or build_scene(number)) for number, at in enumerate(starts, 1)]

    @cached_property
    def now(self) -> datetime:
        """The last change; templates see no later time, so that nothing alters by itself."""
        return max((self.start, *(at for at, _ in self.scenes), *(entry.at for entry in self.published)))

    @cached_property
    def hosts(self) -> Mapping[str, tuple[Office, ...]]:
        """The offices that answer for each host."""
        found: dict[str, tuple[Office, ...]] = {}
        for office in self.offices.values():
            own = {urlsplit(office.source.url).hostname or "", *office.source.canonical.hosts}
            for host in own | {route.host for route in office.routes if route.host}:
                found[host] = (*found.get(host, ()), office)
        return found

    def board(self, source: str) -> tuple[Item, ...]:
        """The items of one source, newest first. Raises KeyError for a source without an office."""
        if source not in self.boards:
            office = self.offices[source]
            news = [(self.start - timedelta(days=raw.get("days", 0)), raw) for raw in office.items]
            news += [(at, raw) for at, scene in self.scenes for raw in scene.get("items", {}).get(source, ())]
            news += [(entry.at, entry.item) for entry in self.published if entry.source == source]
            edits = [(at, edit) for at, scene in self.scenes for edit in scene.get("edits", {}).get(source, ())]
            self.boards[source] = build_board(office, news, edits)
        return self.boards[source]

    def answer(self, host: str, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What the office at `host` answers to a GET of `target` (path and query) with request `headers`."""
        parts = urlsplit(target)
        path, query = unquote(parts.path) or "/", dict(parse_qsl(parts.query))
        offices = self.hosts.get(host.partition(":")[0].lower(), ())
        if path == "/robots.txt" and offices:
            robots = "\n".join(office.robots for office in offices if office.robots)  # an empty one allows all
            return Answer(200, {"Content-Type": "text/plain"}, robots.encode())
        faults = {**(self.scenes[-1][1].get("faults", {}) if self.scenes else {}), **self.faults}
        for office in offices:
            if found := self.find(office, path, query):
                broken = break_answer(faults.get(office.source.id, ""), found, office, target)
                return replace(broken, status=304, body=b"") if is_known(broken, headers or {}) else broken
        return build_page(404, "404 Page not found")

    def find(self, office: Office, path: str, query: Mapping[str, str]) -> Answer | None:
        """The answer of one office, if the address is one of its own."""
        for route in office.routes_for(""):
            if route.path == path and route.query.items() <= query.items():
                return self.answer_list(office, route, query)
        for item in self.board(office.source.id):
            if any(is_at(was, path, query) for was in item.was):
                return build_page(301, "Moved", Location=quote(item.path, safe="/?=&%"))
            if is_at(item.path, path, query):
                route = office.routes_for("item")[item.only[0]]
                return build_answer(office, route, item.updated, {"item": item, "now": self.now})
        return None

    def answer_list(self, office: Office, route: Route, query: Mapping[str, str]) -> Answer:
        """One page of a list, or a file."""
        items, asked = self.board(office.source.id), query.get(route.pages, "")
        page = int(asked) - route.first if asked.isdecimal() else 0
        shown = items[max(page, 0) * route.size :][: route.size]
        more = len(items) > (page + 1) * route.size
        values = {"items": shown, "page": page + route.first, "more": more, "now": self.now}
        return build_answer(office, route, max((item.updated for item in items), default=self.start), values)


def is_at(address: str, path: str, query: Mapping[str, str]) -> bool:
    """Whether an item's own address (its query counts, others do not) is the one asked for."""
    own = urlsplit(address)
    return unquote(own.path) == path and dict(parse_qsl(own.query)).items() <= query.items()
