"""Office + the scenes so far → the items that stand on its board, newest first. Pure; changes nothing it is given.

An edit whose `slug` differs moves the item: its former path is kept in `was`, so that the newsroom can redirect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from iprwatch.newsroom.model import Item, Office, Raw


@dataclass(frozen=True)
class Edit:
    """A change of the item `slug` at a time."""

    slug: str
    at: datetime
    change: Raw


@dataclass(frozen=True)
class Entry:
    """A raw item with its time, before it is numbered and addressed."""

    raw: dict[str, Any]
    date: datetime
    updated: datetime
    slugs: tuple[str, ...]  # former ones


def apply_edits(raw: Raw, date: datetime, edits: Iterable[Edit]) -> Entry:
    """The item as it reads after its edits, in their order."""
    now, updated, former = dict(raw), date, []
    for edit in edits:
        if edit.slug not in ("*", raw["slug"], now["slug"]):  # a watched page has one item, whatever it is called
            continue
        if edit.change.get("slug", now["slug"]) != now["slug"]:
            former.append(now["slug"])
        now |= {**edit.change, "extra": {**now.get("extra", {}), **edit.change.get("extra", {})}}
        updated = edit.at
    return Entry(now, date, updated, tuple(former))


def build_item(office: Office, entry: Entry, number: int) -> Item:
    """One entry with its number, its path and its public address. Raises KeyError for a path field it lacks."""
    raw = entry.raw
    item = Item(
        slug=raw["slug"],
        title=raw["title"],
        url="",
        date=entry.date,
        updated=entry.updated,
        language=raw.get("language", office.source.languages[0]),
        summary=raw.get("summary", ""),
        author=raw.get("author", ""),
        body=tuple(raw.get("body", ())),
        n=number,
        key=str(raw.get("key", raw["slug"])),
        extra=raw.get("extra", {}),
        only=raw.get("only", [0])[0],
        file=raw.get("file", ""),
    )
    routes = [route for route in office.routes if route.each]
    if not routes:
        return replace(item, url=item.address(office.link or f"{office.source.url}#{{slug}}"))
    route = routes[item.only]
    path = raw.get("path") or item.address(route.path)
    url = (
        item.address(office.link)
        if office.link
        else f"https://{route.host or urlsplit(office.source.url).netloc}{path}"
    )
    was = tuple(replace(item, slug=slug).address(route.path) for slug in entry.slugs)
    return replace(item, path=path, url=url, was=was)


def build_board(office: Office, dated: Iterable[tuple[Raw, datetime]], edits: Sequence[Edit]) -> tuple[Item, ...]:
    """All items of an office, newest first, numbered within their year."""
    zone = ZoneInfo(office.source.dates.timezone)
    entries = [apply_edits(raw, at.astimezone(zone), edits) for raw, at in dated]
    numbers: Counter[int] = Counter()
    items = []
    for entry in sorted(entries, key=lambda entry: entry.date):
        numbers[entry.date.year] += 1
        localised = replace(entry, updated=entry.updated.astimezone(zone))
        items.append(build_item(office, localised, numbers[entry.date.year]))
    return tuple(reversed(items))


def date_items(items: Iterable[Raw], start: datetime, scenes: Sequence[datetime]) -> Iterable[tuple[Raw, datetime]]:
    """Items that have appeared, with their dates: `days` before the start, or the start of their scene."""
    for raw in items:
        scene = raw.get("scene", 0)
        if scene == 0:
            yield raw, start - timedelta(days=raw.get("days", 0))
        elif scene <= len(scenes):
            yield raw, scenes[scene - 1]
