"""What the digests of one morning share, read once: offices, first readings, visits, and what is usual. Reads only."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from iprwatch.alerts.compose import Office
from iprwatch.alerts.subscriptions import Subscription
from iprwatch.ledger.digests import Visits, find_visits
from iprwatch.ledger.sources import Read, find_reads
from iprwatch.outages import unseen_shares
from iprwatch.trends import Asked, find_watching
from search.schema import Filters
from search.trends import Compared, Unseen, compare_with_usual, earlier_windows

if TYPE_CHECKING:
    from iprwatch.context import Context

DAY = timedelta(days=1)
NOBODY = ("",)  # a source that does not exist: filters that exclude each other match nothing


class Desk:
    """Answers for any subscription; what does not depend on it is asked once. Raises StoreError and the index's errors."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._visits: dict[tuple[datetime, datetime], Visits] = {}
        self._unseen: dict[Asked, Unseen] = {}

    @cached_property
    def offices(self) -> dict[str, Office]:
        """What a digest says of every declared source."""
        return {
            s.id: Office(s.title, s.organisation, s.economy, ZoneInfo(s.dates.timezone), s.enabled)
            for s in self._context.sources.values()
        }

    @cached_property
    def reads(self) -> dict[str, Read]:
        """Of each source: when it joined, and when it was first read."""
        with self._context.ledger.read() as connection:
            return find_reads(connection)

    def visits(self, since: datetime, cut: datetime) -> Visits:
        """How the sources that are watched were read in a window."""
        if (since, cut) not in self._visits:
            watched = sorted(id for id, office in self.offices.items() if office.watched)
            with self._context.ledger.read() as connection:
                self._visits[since, cut] = find_visits(connection, watched, since, cut)
        return self._visits[since, cut]

    def filters(self, subscription: Subscription) -> Filters:
        """The subscription's filters as the ledger can apply them: economies become sources."""
        sources = subscription.sources
        if subscription.economies:
            inside = [s.id for s in self._context.sources.values() if s.economy in subscription.economies]
            sources = tuple(i for i in inside if not sources or i in sources) or NOBODY
        return Filters(themes=subscription.themes, sources=sources, languages=subscription.languages)

    def usual(self, subscription: Subscription, days: tuple[date, date]) -> dict[str, Compared]:
        """Each theme's stories on these days against the usual, as the trend command counts them."""
        earliest = earlier_windows(*days)[-1][0]
        filters = self.filters(subscription)
        within = Filters(filters.themes, filters.sources, languages=filters.languages, since=earliest, until=days[1])
        asked = Asked(economies=subscription.economies, sources=subscription.sources, since=earliest)
        if asked not in self._unseen:
            watching = find_watching(self._context, asked, earliest)
            self._unseen[asked] = unseen_shares(watching.gaps, watching.total)
        return compare_with_usual(self._context.index.count_over_time(within, "day"), *days, self._unseen[asked])


def whole_days(since: datetime, cut: datetime) -> tuple[date, date]:
    """First and last UTC day of a window that is over at the cut, so that both can be compared with earlier days."""
    last = cut.astimezone(UTC).date() - DAY
    return min(since.astimezone(UTC).date(), last), last
