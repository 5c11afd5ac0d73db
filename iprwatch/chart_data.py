"""Trend → the numbers its chart is drawn from: bars, hatching, share of sources seen. Pure; knows no drawing library.

Times are milliseconds since 1970, as charts want them; heights are counts. Never fails on any Trend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from iprwatch.outages import spell_days
from iprwatch.trends import Row, Trend

HATCH = 6.0  # pixels between hatch lines: seen as hatching at 1:1, and still at half the size
HEADROOM = 1.3  # above the highest bar, for its number
GAP = 0.1  # of a period's width stays free on each side of its bar
ALL_SEEN = "no, nearly all sources were seen"
OUTAGES, DIAGONALS, SEEN = "outages", "diagonals", "seen"  # data sets; each theme has one more, by its id
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plane:
    """A theme's plot: from `begin` to `end` in milliseconds and up to `top` counts, over so many pixels."""

    begin: float
    end: float
    top: float
    width: int
    height: int

    def pixel(self, at: float) -> float:
        """Horizontal pixel of a time."""
        return (at - self.begin) / (self.end - self.begin) * self.width

    def time(self, pixel: float) -> float:
        """Time at a horizontal pixel."""
        return self.begin + pixel / self.width * (self.end - self.begin)


def plane_of(trend: Trend, width: int, height: int) -> Plane:
    """The plane all themes of a trend share, so that they are compared by eye."""
    top = HEADROOM * max([1, *(trend.size(row) for row in trend.rows)])
    return Plane(moment(trend.since), moment(trend.until + DAY), top, width, height)


def build_data(trend: Trend, plane: Plane, link: str | None) -> dict[str, list[dict[str, Any]]]:
    """Every data set of the chart by name. `link` as in iprwatch.charts.theme_chart."""
    spans = [(moment(each.start), moment(each.end + DAY)) for each in trend.outages]
    points = [point for span in spans for point in hatch(plane, *span)]
    return {
        OUTAGES: [{"start": first, "end": last} for first, last in spans],
        DIAGONALS: [{"n": n, "at": at, "size": size} for n, (at, size) in enumerate(points)],
        SEEN: build_seen(trend),
        **{theme: [build_bar(trend, row, link) for row in trend.series(theme)] for theme in trend.themes},
    }


def build_bar(trend: Trend, row: Row, link: str | None) -> dict[str, Any]:
    """One period of one theme: its edges, its bar's edges and middle, its number, and what is said of it."""
    first, last = moment(row.start), moment(row.end + DAY)
    period = spell_days(row.start, row.end)
    bar = {
        "start": first,
        "end": last,
        "from": first + GAP * (last - first),
        "to": last - GAP * (last - first),
        "mid": (first + last) / 2,
        "size": trend.size(row),
        "whole": row.whole,
        "Theme": f"{row.theme} {row.label}",
        "Period": period if row.whole else f"{period} (not whole)",
        "Stories": row.stories,
        "Articles": row.articles,
        "Partly seen": row.partly_seen or ALL_SEEN,
        "said": f"{row.theme}, {period}: {row.stories} stories, {row.articles} articles",
    }
    if link:
        bar["href"] = link.format(theme=quote(row.theme), since=row.start, until=row.end)
    return bar


def build_seen(trend: Trend) -> list[dict[str, Any]]:
    """The share of sources seen in each period, and in words."""
    notes = {each.start: each.text for each in trend.outages}
    ends = {row.start: row.end for row in trend.rows}
    return [
        {
            "start": moment(start),
            "end": moment(ends[start] + DAY),
            "share": share,
            "Period": spell_days(start, ends[start]),
            "Sources seen": f"{share:.0%} of {trend.sources}",
            "Partly seen": notes.get(start, ALL_SEEN),
        }
        for start, share in trend.seen.items()
    ]


def hatch(plane: Plane, first: float, last: float) -> Iterator[tuple[float, float | None]]:
    """Diagonals at 45°, cut at the period's edges, as points (time, count) of one line that breaks where the count is None.

    One line, because a mark for each diagonal would make most of the file; one grid, so that neighbours join.
    """
    left, right = plane.pixel(first), plane.pixel(last)
    foot = (left - plane.height) // HATCH * HATCH  # of the first diagonal that can reach the period
    while foot < right:
        start, end = max(foot, left), min(foot + plane.height, right)
        if start < end:
            for at in (start, end):
                yield round(plane.time(at)), round((at - foot) / plane.height * plane.top, 3)
            yield round(plane.time(end)), None
        foot += HATCH


def moment(day: date) -> float:
    """The beginning of a UTC day in milliseconds since 1970."""
    return datetime.combine(day, time(), UTC).timestamp() * 1000
