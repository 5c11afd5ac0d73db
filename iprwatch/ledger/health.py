"""What the record holds of each source's health: last visit, newest list, dates, pages without an article, dead links.

Functions take a connection.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa

from iprwatch.health import Facts
from iprwatch.ledger.sources import DEAD_TRIES, find_states
from iprwatch.ledger.tables import articles, dead_letters, entries, outcomes

NEWEST = 600  # items of a source that are looked at: more than any source promises in its window
READ = ("ok", "partial", "empty")
"""Outcomes of visits that read the list."""


def find_facts(connection: sa.Connection) -> dict[str, Facts]:
    """The facts of every enrolled source."""
    states = find_states(connection)
    rows, dead, unread = _find_rows(connection), _count_dead(connection), _count_unread(connection)
    dates, undated = _find_dates(connection)
    found = {}
    for id, state in states.items():
        counts = state.counts or {}
        found[id] = Facts(
            status=state.last, cause=state.cause, failures=state.failures, at=state.at,
            landed=counts.get("new", 0) + counts.get("changed", 0), failed_pages=counts.get("failed_pages", 0),
            rows=rows.get(id), published=tuple(dates[id]), undated=tuple(undated[id]), unread=unread.get(id, 0),
            dead=dead.get(id, 0),
        )  # fmt: skip
    return found


def _find_rows(connection: sa.Connection) -> dict[str, int]:
    """Rows of the newest list that was read, by source."""
    newest = sa.select(sa.func.max(outcomes.c.id)).where(outcomes.c.status.in_(READ)).group_by(outcomes.c.source)
    found = connection.execute(sa.select(outcomes.c.source, outcomes.c.counts).where(outcomes.c.id.in_(newest)))
    return {r.source: int(r.counts.get("rows", 0)) for r in found}


def _find_dates(connection: sa.Connection) -> tuple[defaultdict[str, list[datetime]], defaultdict[str, list[datetime]]]:
    """Dates of each source's newest items, newest first: those of their own, and times when undated ones were first seen."""
    columns = articles.c.source, articles.c.published, articles.c.published_origin
    place = sa.func.row_number().over(partition_by=articles.c.source, order_by=articles.c.published.desc())
    ranked = sa.select(*columns, place.label("place")).subquery()
    dated: defaultdict[str, list[datetime]] = defaultdict(list)
    undated: defaultdict[str, list[datetime]] = defaultdict(list)
    for row in connection.execute(sa.select(ranked).where(ranked.c.place <= NEWEST).order_by(ranked.c.place)):
        (undated if row.published_origin == "first_seen" else dated)[row.source].append(row.published)
    return dated, undated


def _count_unread(connection: sa.Connection) -> dict[str, int]:
    """Pages without an article that came after the newest article, by source."""
    at = sa.func.max(articles.c.last_changed).label("at")
    newest = sa.select(articles.c.source, at).group_by(articles.c.source).subquery()
    number = sa.func.count(sa.distinct(dead_letters.c.url)).label("n")  # one page may be looked at often
    rows = connection.execute(
        sa.select(dead_letters.c.source, number)
        .join_from(dead_letters, newest, newest.c.source == dead_letters.c.source, isouter=True)
        .where(sa.or_(newest.c.at.is_(None), dead_letters.c.at > newest.c.at))
        .group_by(dead_letters.c.source)
    )
    return {r.source: r.n for r in rows}


def _count_dead(connection: sa.Connection) -> dict[str, int]:
    """Links given up after several tries, by source."""
    number = sa.func.count().label("n")
    dead = sa.select(entries.c.source, number).where(entries.c.tries >= DEAD_TRIES).group_by(entries.c.source)
    return {r.source: r.n for r in connection.execute(dead)}
