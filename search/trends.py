"""Counts over time → whole series, and a word for how they compare with the usual. Pure; knows no index and no clock.

Days are UTC days of publication, weeks begin on Monday. A day on which sources were not seen is handed in as the share that was
not: such days never make a "less", and a window that misses too much is no measure for another. Never fails.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from search.schema import Count, Period

Word = Literal["more than usual", "as usual", "less than usual", "too few to say"]

WEEK = timedelta(days=7)
SHORT_WINDOWS = 8  # earlier windows of less than a week: eight weeks, so that a season does not count as usual
LONG_WINDOWS = 12  # earlier weeks or months: a quarter, or a year
WINDOWS_LEAST = 4  # fewer earlier windows have no range worth the name
STORIES_LEAST = 3  # where neither now nor earlier so many were published, a comparison says nothing
UNSEEN_MOST = 0.2  # share of sources: a window that missed more than a fifth counted other sources than today's
SPREAD = 2.0  # standard deviations of a Poisson count of the usual size: a range of eight alone is left by chance once in nine

Unseen = Mapping[date, float]
"""Share (0…1) of the sources asked about that were not seen on a day; a day that is not named was seen whole."""


class Usual(NamedTuple):
    """What earlier windows counted: the smallest, the middle and the largest number."""

    low: int
    median: float
    high: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A window's stories against earlier windows. `partly_seen`: sources were not seen in it, so a low count is not called less."""

    count: int
    usual_low: int
    usual: float
    usual_high: int
    word: Word
    partly_seen: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One period of one group, zero included. `end` is its last day; `whole` is False where it was cut off or is not over."""

    start: date
    end: date
    group: str
    articles: int
    stories: int
    whole: bool


def first_day(day: date, by: Period) -> date:
    """First day of the period that holds a day."""
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day


def next_first(first: date, by: Period) -> date:
    """First day of the following period."""
    if by == "month":
        return (first.replace(day=1) + timedelta(days=31)).replace(day=1)
    return first + (WEEK if by == "week" else timedelta(days=1))


def days_of(since: date, until: date) -> Iterator[date]:
    """Every day from `since` to `until`, both included."""
    return (since + timedelta(days=n) for n in range((until - since).days + 1))


def fill_periods(
    counts: Iterable[Count], groups: Collection[str], span: tuple[date, date], by: Period, today: date
) -> tuple[Point, ...]:
    """Every period that touches the span (first and last day) for every group, in the groups' order; zero where nothing was counted."""
    since, until = span
    found = {(count.start, count.group): count for count in counts}
    firsts = [first_day(since, by)]
    while firsts[-1] <= until:
        firsts.append(next_first(firsts[-1], by))
    points = []
    for group in groups:
        for first, following in pairwise(firsts):
            count = found.get((first, group), Count(first, group, 0, 0))
            end = following - timedelta(days=1)
            whole = since <= first and end <= until and end < today
            points.append(Point(first, end, group, count.articles, count.stories, whole))
    return tuple(points)


def earlier_windows(since: date, until: date) -> tuple[tuple[date, date], ...]:
    """The windows that a window is measured by, latest first.

    A day: the same weekday of the last 8 weeks (so the days just before, which belong to the same event, never count). A whole
    calendar month: the 12 months before. Anything else: windows of the same length and weekdays, 8 if shorter than a week, else 12.
    """
    if since.day == 1 and next_first(since, "month") == until + timedelta(days=1):
        firsts = [since]
        for _ in range(LONG_WINDOWS):
            firsts.append(first_day(firsts[-1] - timedelta(days=1), "month"))
        return tuple((first, later - timedelta(days=1)) for later, first in pairwise(firsts))
    length = (until - since).days + 1
    step = WEEK * -(-length // WEEK.days)
    windows = SHORT_WINDOWS if length < WEEK.days else LONG_WINDOWS
    return tuple((since - step * n, until - step * n) for n in range(1, windows + 1))


def usual(counts: Sequence[int]) -> Usual:
    """Smallest, middle and largest of earlier counts; all zero where there are none."""
    return Usual(min(counts), statistics.median(counts), max(counts)) if counts else Usual(0, 0.0, 0)


def compare(count: int, earlier: Sequence[int], partly_seen: bool = False) -> Compared:
    """One count against those of earlier windows: outside their range, and by more than chance would take it there."""
    low, median, high = usual(earlier)
    spread = SPREAD * max(median, 1.0) ** 0.5
    word: Word = "as usual"
    if len(earlier) < WINDOWS_LEAST or max(count, high) < STORIES_LEAST:
        word = "too few to say"
    elif count > high and count > median + spread:
        word = "more than usual"
    elif count < low and count < median - spread:
        word = "too few to say" if partly_seen else "less than usual"
    return Compared(count, low, median, high, word, partly_seen)


def compare_with_usual(
    counts: Sequence[Count], since: date, until: date, unseen: Unseen | None = None
) -> dict[str, Compared]:
    """Each group's stories from `since` to `until` (both included, and over) against what is usual for it.

    `counts` are by day and reach back to the first of `earlier_windows`; of those, windows before the first count of all, and
    windows on which too many sources were not seen, are left out. A story that was published on two days counts on both.
    """
    unseen = unseen or {}
    began = min((count.start for count in counts), default=until)
    windows = [w for w in earlier_windows(since, until) if w[0] >= began and missed(unseen, *w) <= UNSEEN_MOST]
    partly_seen = missed(unseen, since, until) > 0
    by_day: dict[str, dict[date, int]] = defaultdict(dict)
    for count in counts:
        by_day[count.group][count.start] = count.stories

    def total(group: str, first: date, last: date) -> int:
        return sum(stories for day, stories in by_day[group].items() if first <= day <= last)

    return {
        group: compare(total(group, since, until), [total(group, *window) for window in windows], partly_seen)
        for group in sorted(by_day)
    }


def missed(unseen: Unseen, since: date, until: date) -> float:
    """Mean share of sources that were not seen over the days of a window."""
    return sum(unseen.get(day, 0.0) for day in days_of(since, until)) / ((until - since).days + 1)
