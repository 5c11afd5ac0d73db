"""Visits of a source → the days on which it was not seen: down, not visited, not yet known, or just joined.

Pure but for `find_watched`, which reads the ledger. Days are UTC days. A failure mended on the same day is no gap. What an office
published while it could not be read is often found afterwards, but never surely: the days stay marked. Raises StoreError.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import sqlalchemy as sa

from iprwatch.ledger.sources import GOOD
from iprwatch.ledger.tables import articles, outcomes, sources
from search.trends import days_of

Reason = Literal["down", "not visited", "not known", "joined"]

DAY = timedelta(days=1)
SILENCE_LEAST = timedelta(
    days=2
)  # a source that was slowed down is still visited once a day, and a night off is no outage
LOOK_BACK = timedelta(days=31)  # visits before the first day shown: whoever was down then may still be
NAMED_MOST = 2  # sources with the same gap that are named; more are counted


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit: when, whether the source was reached, and if not, why."""

    at: datetime
    good: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """A source, since when it is watched, how often, the day of its oldest item, and its visits in order."""

    source: str
    joined: datetime
    every: timedelta
    oldest: date | None = None
    visits: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Days (both included) on which a source was not seen; `joined` marks the day it came to a watch that already ran."""

    source: str
    reason: Reason
    since: date
    until: date
    cause: str = ""


def find_gaps(watched: Iterable[Watched], since: date, now: datetime) -> tuple[Gap, ...]:
    """The gaps of all sources from `since` to now, by day."""
    everything = list(watched)
    began = min((each.joined.date() for each in everything), default=since)
    gaps = [gap for each in everything for gap in _gaps_of(each, began, since, now)]
    clipped = (replace(gap, since=max(gap.since, since)) for gap in gaps if gap.until >= since)
    return tuple(sorted(clipped, key=lambda gap: (gap.since, gap.until, gap.source)))


def _gaps_of(watched: Watched, began: date, since: date, now: datetime) -> Iterable[Gap]:
    source, joined = watched.source, watched.joined.date()
    known = min(joined, watched.oldest or joined)
    if known > since:
        yield Gap(source, "not known", since, known - DAY)
    if joined > began:
        yield Gap(source, "joined", joined, joined)
    last, failed = watched.joined, None
    for visit in watched.visits:
        if failed is None:
            yield from _silence(watched, last, visit.at, visit.at.date() - DAY)
        if visit.good and failed is not None:
            if failed.at.date() < visit.at.date():
                yield Gap(source, "down", failed.at.date(), visit.at.date(), failed.cause)
            failed = None
        elif not visit.good:
            failed = failed or visit
        last = visit.at
    if failed is not None:
        yield Gap(source, "down", failed.at.date(), now.date(), failed.cause)
    else:
        yield from _silence(watched, last, now, now.date())


def _silence(watched: Watched, last: datetime, following: datetime, until: date) -> Iterable[Gap]:
    """The days without any visit, from the one after `last` to `until`, where the next visit came too late."""
    first = last.date() + DAY
    if following - last > max(SILENCE_LEAST, 2 * watched.every) and first <= until:
        yield Gap(watched.source, "not visited", first, until)


def unseen_shares(gaps: Iterable[Gap], total: int) -> dict[date, float]:
    """Share of `total` sources that were not seen, for each day on which any was not."""
    missing: dict[date, set[str]] = defaultdict(set)
    for gap in gaps:
        if gap.reason != "joined":
            for day in days_of(gap.since, gap.until):
                missing[day].add(gap.source)
    return {day: len(names) / total for day, names in missing.items()}


def describe_gaps(gaps: Iterable[Gap], since: date, until: date, total: int) -> str:
    """What was not seen from `since` to `until`, in words: `epo-news down 12–14 Nov 2026 (HTTP 503)`; empty where all was."""
    alike: dict[tuple[str, str], list[Gap]] = defaultdict(list)
    for gap in gaps:
        if gap.since <= until and gap.until >= since:
            alike[_what(gap), gap.cause].append(gap)
    return "; ".join(
        f"{_who(same, total)} {what}{f' ({cause})' if cause else ''}" for (what, cause), same in alike.items()
    )


def _what(gap: Gap) -> str:
    if gap.reason == "not known":
        return "not known yet at its start"  # such a gap goes back to the first day looked at
    return f"{gap.reason} {spell_days(gap.since, gap.until)}"


def _who(gaps: Sequence[Gap], total: int) -> str:
    if len(gaps) > NAMED_MOST:
        return f"{len(gaps)} of {total} sources"
    return " and ".join(gap.source for gap in gaps)


def spell_days(since: date, until: date) -> str:
    """`14 Nov 2026`, `12–14 Nov 2026`, `30 Oct – 2 Nov 2026`."""
    last = f"{until.day} {until:%b %Y}"
    if since == until:
        return last
    if (since.year, since.month) == (until.year, until.month):
        return f"{since.day}–{last}"
    return f"{since.day} {since:%b}{f' {since.year}' if since.year != until.year else ''} – {last}"


def find_watched(connection: sa.Connection, every: Mapping[str, timedelta], since: date) -> tuple[Watched, ...]:
    """The sources named in `every` that were enrolled, with what tells gaps from a month before `since` on.

    Of the good visits, only the first and the last of each day are read: a year of half-hourly visits stays a small answer.
    """
    start = datetime.combine(since, time(), UTC) - LOOK_BACK if since > date.min + LOOK_BACK else None
    recent = [outcomes.c.at >= start] if start else []
    at, day = outcomes.c.at, _day(connection)
    good = sa.select(outcomes.c.source, sa.func.min(at), sa.func.max(at)).where(outcomes.c.status.in_(GOOD), *recent)
    bad = sa.select(outcomes.c.source, at, outcomes.c.cause).where(outcomes.c.status.not_in(GOOD), *recent)
    visits: dict[str, set[Visit]] = defaultdict(set)
    for source, first, last in connection.execute(good.group_by(outcomes.c.source, day)):
        visits[source] |= {Visit(first, True), Visit(last, True)}
    for source, moment, cause in connection.execute(bad):
        visits[source].add(Visit(moment, False, cause))
    published = sa.select(articles.c.source, sa.func.min(articles.c.published)).group_by(articles.c.source)
    oldest = {source: moment.date() for source, moment in connection.execute(published)}
    enrolled = connection.execute(sa.select(sources.c.id, sources.c.joined).order_by(sources.c.id))
    return tuple(
        Watched(id, joined, every[id], oldest.get(id), tuple(sorted(visits[id], key=lambda visit: visit.at)))
        for id, joined in enrolled
        if id in every
    )


def _day(connection: sa.Connection) -> sa.ColumnElement[str]:
    """The UTC day of a visit as text."""
    at: sa.ColumnElement[datetime] = outcomes.c.at
    if connection.dialect.name == "postgresql":
        at = sa.func.timezone("UTC", at)
    return sa.func.substr(sa.cast(at, sa.String), 1, 10)
