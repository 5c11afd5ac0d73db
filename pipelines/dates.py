"""Hints → publication date with its pedigree. Chooses among origins and refuses the impossible; the written forms are date_text's.

Never fails: without a plausible date the item bears the time of first sight, marked as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pipelines.date_text import Moment, find_written, parse_date
from pipelines.model import DateOrigin, Reading, Stamp

Hint = tuple[DateOrigin, str]

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # no office published on the web before
AHEAD = timedelta(
    hours=48
)  # clocks and zones err by a day at most; what lies further ahead is an event, not a publication
OPENING = 300  # characters of the text in which a dateline stands
DATELINE = 70  # characters of a line that is a dateline rather than prose


def find_date(hints: Iterable[Hint], opening: str, fetched_at: datetime, reading: Reading) -> Stamp:
    """The first plausible date: the hints in order, then a dateline at the start of the text."""
    for origin, raw in hints:
        if raw.strip() and (stamp := _stamp(parse_date(raw, reading), origin, raw.strip(), fetched_at)):
            return stamp
    for line in opening[:OPENING].splitlines():
        if len(line) <= DATELINE and (stamp := _stamp(find_written(line, reading), "text", line.strip(), fetched_at)):
            return stamp
    return Stamp(fetched_at, "second", "first_seen")


def date_in_url(url: str, reading: Reading) -> str:
    """What the declared pattern finds in an address: the text of group `date`, or `y-m-d`; empty without a match."""
    match = re.search(reading.date_in_url, url) if reading.date_in_url else None
    if not match:
        return ""
    found = match.groupdict()
    if found.get("date"):
        return str(found["date"])
    parts = [str(found[name]) for name in ("y", "m", "d") if found.get(name)]
    if parts and len(parts[0]) == 2:
        parts[0] = f"20{parts[0]}"
    return "-".join(parts)


def _stamp(moment: Moment | None, origin: DateOrigin, raw: str, fetched_at: datetime) -> Stamp | None:
    """The date if it is plausible."""
    if moment is None or not EARLIEST <= moment[0] <= fetched_at + AHEAD:
        return None
    return Stamp(moment[0], moment[1], origin, raw[:200])
