"""What the newsroom is made of: an Office with Routes, the Items on its board, and an Answer. Frozen; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from spiders.source import Source

Raw = Mapping[str, Any]
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `delay` in seconds; `hang_up` closes the connection without a word."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    hang_up: bool = False


@dataclass(frozen=True)
class Route:
    """One kind of address of an office: a list, an item (`each: item`) or a file."""

    path: str
    type: str = HTML
    template: str = ""
    file: str = ""
    each: str = ""
    encoding: str = "utf-8"
    size: int = 20  # items on a page: most offices show ten to thirty
    pages: str = ""  # query parameter that turns the page
    first: int = 0  # number of the first page in it
    query: Mapping[str, str] = field(default_factory=dict)  # must be in the address
    host: str = ""  # where not the source's own


@dataclass(frozen=True)
class Office:
    """A declared source with what it serves. `items` are raw rows of `items.yaml`."""

    source: Source
    folder: Path
    routes: tuple[Route, ...]
    items: tuple[Raw, ...] = ()
    robots: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: bool = True
    last_modified: bool = False
    link: str = ""

    def routes_for(self, each: str) -> list[Route]:
        """Its item routes (`each` is "item") or its lists and files (``)."""
        return [route for route in self.routes if route.each == each]


@dataclass(frozen=True)
class Published:
    """An item put on a board by hand, outside the scenes. `at` is aware."""

    source: str
    at: datetime
    item: Raw


@dataclass(frozen=True)
class Item:
    """What a template sees of one item. `date` and `updated` are aware, in the source's time zone."""

    source: str
    slug: str
    title: str
    date: datetime
    updated: datetime
    language: str
    n: int  # number within its year, oldest first
    key: str
    summary: str = ""
    author: str = ""
    body: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    only: Sequence[int] = (0,)  # which item route serves it
    days: float = 0.0  # its age at the newsroom's first start
    path: str = ""
    url: str = ""
    was: tuple[str, ...] = ()  # paths it had before it moved

    @property
    def html(self) -> Markup:
        """The paragraphs as escaped `<p>` elements."""
        return Markup("\n").join(Markup("<p>{}</p>").format(escape(text)) for text in self.body)

    def address(self, template: str) -> str:
        """`template` with this item's fields, as `{slug}` or `{date:%Y}`. Raises KeyError for a field it does not have."""
        return template.format(**{**self.extra, **vars(self)})
