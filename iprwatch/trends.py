"""Index and ledger → a Trend: each theme's periods, what is usual for it, and in which periods not all sources were seen.

A period is partly seen when a source was down, not visited or just joined in it, or when more than a fifth of the sources were not
known yet. Draws nothing (`iprwatch.charts`), prints nothing (`iprwatch.cli.trend`). Raises InputError, NotFound and the index's errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from iprwatch.errors import InputError, NotFound
from iprwatch.outages import Gap, describe_gaps, find_gaps, find_watched, unseen_shares
from search.schema import Filters, Period
from search.trends import (
    UNSEEN_MOST,
    Compared,
    Point,
    Unseen,
    compare_with_usual,
    earlier_windows,
    fill_periods,
    first_day,
    missed,
)

if TYPE_CHECKING:
    from iprwatch.context import Context
    from search.index import Index

Unit = Literal["stories", "articles"]

DAY = timedelta(days=1)
PERIODS_SHOWN: dict[Period, int] = {"day": 60, "week": 26, "month": 14}
"""Periods where no first day is asked for: two months of days, half a year of weeks, a year and the months it is compared with."""

PERIODS_MOST = 1500  # four years of days: a picture has no more columns
FIRST_YEAR = 1883  # the Paris Convention: nothing that an office published is older
AVERAGE_DAYS: dict[Period, float] = {"day": 1, "week": 7, "month": 30.4}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a trend is asked for. Empty: no restriction; no themes: the top ones. `until` includes the day."""

    by: Period = "month"
    unit: Unit = "stories"
    themes: tuple[str, ...] = ()
    economies: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One theme in one period. `partly_seen` says in words what was not seen; empty where all was."""

    theme: str
    label: str
    start: date
    end: date  # its last day
    articles: int
    stories: int
    whole: bool  # False: cut off by the days asked for, or not over
    partly_seen: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """One period in which not all sources were seen: the mean share that was not, and in words which and why."""

    start: date
    end: date
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Themes over time, theme by theme and oldest first. `seen` is the share of sources seen in each period."""

    asked: Asked
    since: date
    until: date
    watched_since: (
        date | None
    )  # what is older was filled in from the sources' lists; None where nothing was ever visited
    sources: int
    rows: tuple[Row, ...]
    outages: tuple[Outage, ...]
    seen: Mapping[date, float]
    compared: Mapping[str, Compared] = field(
        default_factory=dict
    )  # each theme's stories of `compared_days` with the usual
    compared_days: tuple[date, date] | None = None  # the last whole period; None where there is none
    demo: bool = False

    @property
    def themes(self) -> dict[str, str]:
        """Theme → label, in the order shown."""
        return {row.theme: row.label for row in self.rows}

    def series(self, theme: str) -> tuple[Row, ...]:
        """One theme's periods, oldest first."""
        return tuple(row for row in self.rows if row.theme == theme)

    def size(self, row: Row) -> int:
        """The number that was asked for: stories or articles."""
        return row.stories if self.asked.unit == "stories" else row.articles


@dataclass(frozen=True, slots=True)
class Watching:
    """The gaps of the sources asked about, how many sources these are, and since when they are watched."""

    gaps: tuple[Gap, ...]
    total: int
    since: date | None


def find_trend(context: Context, index: Index, asked: Asked, labels: Mapping[str, str]) -> Trend:
    """Ask the index and the ledger. `labels` names every theme there is. Raises NotFound, InputError, SearchError, StoreError."""
    today = context.clock.now().date()
    asked = replace(asked, themes=asked.themes or tuple(theme for theme in labels if "." not in theme))
    if unknown := [theme for theme in asked.themes if theme not in labels]:
        raise NotFound(f"No theme is called {unknown[0]}", "See: iprwatch themes")
    since, until = find_span(asked, today)
    filters = Filters(asked.themes, asked.sources, asked.economies, since=since, until=until)
    points = fill_periods(index.count_over_time(filters, asked.by), asked.themes, (since, until), asked.by, today)
    last = max((point for point in points if point.whole), key=lambda point: point.start, default=None)
    earliest = earlier_windows(last.start, last.end)[-1][0] if last else since
    watching = find_watching(context, asked, min(since, earliest))
    trend = build_trend(asked, points, watching, labels)
    if last:
        counts = index.count_over_time(replace(filters, since=earliest, until=last.end), "day")
        unseen = unseen_shares(watching.gaps, watching.total)
        compared = compare_with_usual(counts, last.start, last.end, unseen)
        trend = replace(trend, compared=compared, compared_days=(last.start, last.end))
    return replace(trend, demo=context.settings.current == "demo")


def find_watching(context: Context, asked: Asked, since: date) -> Watching:
    """The gaps of the enabled sources asked about."""
    every = {
        source.id: source.every
        for source in context.sources.values()
        if source.enabled
        and (not asked.sources or source.id in asked.sources)
        and (not asked.economies or source.economy in asked.economies)
    }
    with context.ledger.read() as connection:
        watched = find_watched(connection, every, since)
    began = min((each.joined.date() for each in watched), default=None)
    return Watching(find_gaps(watched, since, context.clock.now()), len(watched), began)


def build_trend(asked: Asked, points: Sequence[Point], watching: Watching, labels: Mapping[str, str]) -> Trend:
    """Join counts with what was not seen. Compares nothing."""
    unseen = unseen_shares(watching.gaps, watching.total)
    periods = sorted({(point.start, point.end) for point in points})
    found = (find_outage(watching, unseen, *period) for period in periods)
    outages = {outage.start: outage for outage in found if outage}
    rows = tuple(
        Row(
            point.group, labels[point.group], point.start, point.end, point.articles, point.stories, point.whole,
            outages[point.start].text if point.start in outages else "",
        )
        for point in points
    )  # fmt: skip
    seen = {start: 1 - missed(unseen, start, end) if watching.total else 0.0 for start, end in periods}
    return Trend(
        asked, periods[0][0], periods[-1][1], watching.since, watching.total, rows, tuple(outages.values()), seen
    )


def find_outage(watching: Watching, unseen: Unseen, start: date, end: date) -> Outage | None:
    """What was not seen in a period, None where nothing worth a mark was missed."""
    share = missed(unseen, start, end)
    touching = [gap for gap in watching.gaps if gap.since <= end and gap.until >= start]
    if share <= UNSEEN_MOST and all(gap.reason == "not known" for gap in touching):
        return None
    return Outage(start, end, share, describe_gaps(touching, start, end, watching.total))


def find_span(asked: Asked, today: date) -> tuple[date, date]:
    """First and last day to show, never after today. Raises InputError where there is none, or too many periods."""
    until = min(asked.until or today, today)
    back = timedelta(days=round((PERIODS_SHOWN[asked.by] - 1) * AVERAGE_DAYS[asked.by]))
    if until.year < FIRST_YEAR or (asked.since and asked.since.year < FIRST_YEAR):
        raise InputError(f"There is nothing to count before {FIRST_YEAR}", "Give later days")
    since = asked.since or first_day(until - back, asked.by)
    if since > until:
        raise InputError(f"The first day {since} is after the last, {until}", "Give --since a day before --until")
    if (until - since).days > PERIODS_MOST * AVERAGE_DAYS[asked.by]:
        raise InputError(
            f"From {since} to {until} are more than {PERIODS_MOST} {asked.by}s", "Count by a longer period (--by)"
        )
    return since, until
