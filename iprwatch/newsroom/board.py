"""Office + what happened so far → the items that stand on its board, newest first. Pure; changes nothing it is given.

News are raw items with their times; edits are `{slug, change}` with theirs. An edit whose change has another `slug` moves the
item: its former path is kept in `was`, so that the newsroom can redirect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from iprwatch.newsroom.model import Item, Office, Raw

Dated = tuple[datetime, Raw]


def apply_edits(first: Dated, edits: Iterable[Dated]) -> tuple[Dated, list[str]]:
    """The item as it reads after its edits, in their order, with the time of the last; and the slugs it had before."""
    updated, raw = first
    now, former = dict(raw), []
    for at, edit in edits:
        if edit["slug"] not in ("*", raw["slug"], now["slug"]):  # a watched page has one item, whatever it is called
            continue
        change = edit["change"]
        if change.get("slug", now["slug"]) != now["slug"]:
            former.append(now["slug"])
        now |= {**change, "extra": {**now.get("extra", {}), **change.get("extra", {})}}
        updated = at
    return (updated, now), former


def place_item(office: Office, item: Item, former: Iterable[str]) -> Item:
    """The item with its path, the paths it had as `former` slugs, and its public address. Raises KeyError for a field it lacks."""
    routes = office.routes_for("item")
    if not routes:
        return replace(item, url=item.address(office.link or f"{office.source.url}#{{slug}}"))
    route = routes[item.only[0]]
    was = tuple(replace(item, slug=slug).address(route.path) for slug in former)
    placed = replace(item, path=item.path or item.address(route.path), was=was)
    host = route.host or urlsplit(office.source.url).netloc
    return replace(placed, url=placed.address(office.link or f"https://{host}{{path}}"))


def build_board(office: Office, news: Iterable[Dated], edits: Sequence[Dated]) -> tuple[Item, ...]:
    """All items of an office, newest first, numbered within their year. Raises TypeError for a key that no item has."""
    source, zone = office.source, ZoneInfo(office.source.dates.timezone)
    numbers: Counter[int] = Counter()
    items = []
    for first in sorted(news, key=lambda dated: dated[0]):
        (updated, raw), former = apply_edits(first, edits)
        date = first[0].astimezone(zone)
        numbers[date.year] += 1
        fields = {"key": raw["slug"], "language": source.languages[0], **raw}
        fields |= {"source": source.id, "date": date, "updated": updated.astimezone(zone), "n": numbers[date.year]}
        items.append(place_item(office, Item(**fields), former))
    return tuple(reversed(items))
