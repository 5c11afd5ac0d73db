"""When a source's items came → when to look again. Pure; knows neither network nor ledger. Never fails.

A source's declared `every` says how many looks a week it is due at a steady pace. The watcher spends SHARE times as many, where items are likely:
the rate of items in an hour of the week is that of its weekday times that of its hour, each counted from the source's own past and
drawn towards office hours as long as little is known. Looks are then as dense as the square root of the rate, which makes the mean delay between
publication and look the smallest for that number of looks (an inhomogeneous Poisson process that is looked at every Δ hours costs a delay of
rate · Δ/2; see K. C. Sia, J. Cho, H.-K. Cho, "Efficient Monitoring Algorithm for Fast News Alerts", IEEE TKDE 19(7), 2007, and J. Cho,
H. Garcia-Molina, "Effective page refresh policies for web crawlers", ACM TODS 28(4), 2003), within the source's bounds.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from math import sqrt
from zoneinfo import ZoneInfo

from spiders.source import Source

WEEK = 168  # hours
HOUR = timedelta(hours=1)
SHARE = 2.0  # of the looks at a steady pace: dead hours take most of one, the rest goes to likely hours; see benchmarks/adaptive.py
SHORTEST = 12  # parts of `every`: no interval is shorter, however likely an item
BELIEF = 10.0  # items that the belief in office hours weighs as much as
KERNEL = (0.25, 0.5, 0.25)  # an item of ten o'clock says something of nine and eleven too
LATE = timedelta(days=2)  # an item seen later after its date was dated back: its date does not tell when it came
FIRST_VISIT = timedelta(days=1)  # what is first seen within it was there before
JITTER = 0.1  # of an interval, so that sources do not come due in step

OFFICE_DAYS = tuple(0.19 if day < 5 else 0.025 for day in range(7))
OFFICE_HOURS = tuple(0.9 / 10 if 8 <= hour < 18 else 0.1 / 14 for hour in range(24))
FLAT_DAYS, FLAT_HOURS = (1 / 7,) * 7, (1 / 24,) * 24
"""Shares of a week and of a day, assumed of an office until its own items say otherwise; flat where its zone is not known (UTC)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item's dates, as far as they tell when its office published it."""

    source: str
    published: datetime
    precision: str  # only `second` has a time
    first_seen: datetime
    joined: datetime  # of the source: what was there at its first visit came before


@dataclass(frozen=True)
class Rhythm:
    """Looks per hour, for each hour of the week in the office's zone; Monday 00:00 is the first."""

    zone: str
    density: tuple[float, ...]

    @cached_property
    def info(self) -> ZoneInfo:
        """The zone."""
        return ZoneInfo(self.zone)

    def next_look(self, now: datetime, looks: float = 1.0) -> datetime:
        """When so many looks are due after `now`: dense hours count more, so that no look sleeps through a likely hour."""
        at = now
        while True:
            local = at.astimezone(self.info)
            rest = timedelta(minutes=60 - local.minute, seconds=-local.second, microseconds=-local.microsecond)
            density = self.density[local.weekday() * 24 + local.hour]
            if looks <= density * (rest / HOUR):
                return at + HOUR * (looks / density)
            looks -= density * (rest / HOUR)
            at += rest

    def draw_next(self, now: datetime) -> datetime:
        """The same, with jitter."""
        return self.next_look(now, 1 + random.uniform(-JITTER, JITTER))  # noqa: S311  not a secret


def learn_rhythms(sources: Mapping[str, Source], arrivals: Iterable[Arrival]) -> dict[str, Rhythm]:
    """The rhythm of each source, from all items that are remembered."""
    came: defaultdict[str, list[datetime]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.source in sources and (at := find_came(arrival, ZoneInfo(sources[arrival.source].dates.timezone))):
            came[arrival.source].append(at)
    return {id: learn_rhythm(source, came[id]) for id, source in sources.items()}


def learn_rhythm(source: Source, came: Iterable[datetime]) -> Rhythm:
    """The rhythm of a source whose items came at these times."""
    zone = ZoneInfo(source.dates.timezone)
    known = source.dates.timezone != "UTC"
    days = [BELIEF * share for share in (OFFICE_DAYS if known else FLAT_DAYS)]
    hours = [BELIEF * share for share in (OFFICE_HOURS if known else FLAT_HOURS)]
    for at in came:
        local = at.astimezone(zone)
        days[local.weekday()] += 1
        for step, weight in enumerate(KERNEL, -1):
            hours[(local.hour + step) % 24] += weight
    rates = [day * hour for day in days for hour in hours]
    every, least = source.every / HOUR, max(source.delay, source.every / SHORTEST) / HOUR
    return Rhythm(source.dates.timezone, spread_looks(rates, SHARE * WEEK / every, 1 / every, 1 / least))


def spread_looks(rates: Sequence[float], total: float, low: float, high: float) -> tuple[float, ...]:
    """`total` looks over the hours, as the square root of the rates, each hour between `low` and `high` looks."""
    roots = [sqrt(rate) for rate in rates]
    under, over = 0.0, high / min(roots)
    for _ in range(50):  # halvings: exact to the last digit that matters
        scale = (under + over) / 2
        if sum(min(max(scale * root, low), high) for root in roots) < total:
            under = scale
        else:
            over = scale
    return tuple(min(max(over * root, low), high) for root in roots)


def find_came(arrival: Arrival, zone: ZoneInfo) -> datetime | None:
    """When an item came: its date where that has a time and agrees with when we saw it, else when we saw it; None if neither tells."""
    backfill = arrival.first_seen < arrival.joined + FIRST_VISIT
    timed = arrival.precision == "second" and arrival.published.astimezone(zone).time() != time.min
    if (
        timed
        and arrival.published <= arrival.first_seen
        and (backfill or arrival.first_seen - arrival.published < LATE)
    ):
        return arrival.published
    return None if backfill else arrival.first_seen
