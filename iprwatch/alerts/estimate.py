"""What a watch would have fired: the same question asked of the index, over the past. Counts stories, as alerts do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from iprwatch.alerts.watches import Watch
from search.schema import Hit

if TYPE_CHECKING:
    from iprwatch.context import Context

DAYS = 90  # long enough for the quiet weeks of a year to weigh little
SHOWN = 20  # hits: enough to judge by
TOO_MANY = 30  # alerts a day that nobody reads; above it CourtListener's users give up too (its issue 1227)
PAGE = 1000  # hits a time; the index gives no more
WEEK = 7


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a watch would have fired in the last `days` days."""

    days: int
    total: int
    by_week: Mapping[date, int]  # Monday → alerts, oldest first, quiet weeks included
    newest: tuple[Hit, ...]
    last_week: int  # in the last seven days

    @property
    def a_day(self) -> float:
        """Alerts a day, of the whole time or of the last week, whichever is more."""
        return max(self.total / self.days, self.last_week / WEEK)

    @property
    def too_many(self) -> bool:
        """Whether nobody would read them."""
        return self.a_day > TOO_MANY


def estimate(context: Context, watch: Watch, days: int = DAYS) -> Estimate:
    """What a watch would have fired. Raises ModelError, SearchError."""
    today = context.clock.now().date()
    since = today - timedelta(days=days - 1)
    query = replace(context.watches.query(watch, since=since), sort="newest", limit=PAGE, highlight=False)
    hits: list[Hit] = []
    while True:
        answer = context.index.find(query)
        hits += answer.hits
        if not answer.next:
            break
        query = replace(query, cursor=answer.next)
    counts = Counter(monday(hit.published.date()) for hit in hits)
    weeks = [monday(since) + timedelta(days=n) for n in range(0, (today - monday(since)).days + 1, WEEK)]
    recent = sum(hit.published.date() > today - timedelta(days=WEEK) for hit in hits)
    return Estimate(days, len(hits), {week: counts[week] for week in weeks}, tuple(hits[:SHOWN]), recent)


def monday(day: date) -> date:
    """The first day of a day's week."""
    return day - timedelta(days=day.weekday())
