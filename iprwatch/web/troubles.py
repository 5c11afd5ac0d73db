"""Record → each source's health, and which are down, since when and why, in words. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from iprwatch.health import Facts, Health, judge
from iprwatch.ledger.health import find_facts
from iprwatch.ledger.sources import GOOD
from iprwatch.ledger.tables import outcomes
from spiders.source import Source


@dataclass(frozen=True, slots=True)
class Checked:
    """A declared source with what the record holds of it and what that means."""

    source: Source
    facts: Facts
    health: Health


@dataclass(frozen=True, slots=True)
class Trouble:
    """A watched source that someone has to look at."""

    source: str
    cause: str
    since: datetime | None  # first failed visit in a row; None where its visits succeed, but bring not what is promised


def check_sources(connection: sa.Connection, sources: Mapping[str, Source], now: datetime) -> list[Checked]:
    """Every declared source with its health; those that are not visited have no facts."""
    known = find_facts(connection)
    facts = {id: known.get(id, Facts()) for id in sources}
    return [Checked(s, facts[s.id], judge(facts[s.id], s.promise, now)) for s in sources.values()]


def find_troubles(connection: sa.Connection, checked: list[Checked]) -> list[Trouble]:
    """The enabled sources that are red, the longest down first."""
    red = [c for c in checked if c.source.enabled and c.health.is_red]
    found = [Trouble(c.source.id, c.health.cause, _first_failure(connection, c.source.id)) for c in red]
    return sorted(found, key=lambda t: (t.since is None, t.since))


def _first_failure(connection: sa.Connection, source: str) -> datetime | None:
    where = outcomes.c.source == source
    good = sa.select(sa.func.max(outcomes.c.id)).where(where, outcomes.c.status.in_(GOOD)).scalar_subquery()
    failed = sa.select(outcomes.c.at).where(where, outcomes.c.id > sa.func.coalesce(good, 0))
    return connection.scalar(failed.order_by(outcomes.c.id).limit(1))
