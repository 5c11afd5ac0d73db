"""Runs in the record: when each began and ended, and what it did. A run without an end was killed, or is at work.

Functions take a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from iprwatch.ledger.tables import runs
from iprwatch.ledger.upsert import upsert

KEPT = 2000  # runs: weeks of hourly ones; under `serve` a pass may follow every few seconds


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `ended` is None where it was killed or is at work; `counts` as `docs/fields.md` says."""

    id: str
    started: datetime
    ended: datetime | None
    counts: Mapping[str, Any]


def begin_run(connection: sa.Connection, id: str, now: datetime) -> None:
    """Note that a run has begun; forgets all but the newest before it."""
    upsert(connection, runs, [{"id": id, "started": now, "ended": None, "counts": {}}])
    oldest = connection.scalar(sa.select(runs.c.id).order_by(runs.c.id.desc()).offset(KEPT).limit(1))
    if oldest is not None:
        connection.execute(sa.delete(runs).where(runs.c.id <= oldest))


def end_run(connection: sa.Connection, id: str, now: datetime, counts: Mapping[str, Any]) -> None:
    """Note that a run has ended, and what it did."""
    connection.execute(sa.update(runs).where(runs.c.id == id).values(ended=now, counts=dict(counts)))


def find_last_run(connection: sa.Connection) -> Run | None:
    """The run that began last."""
    row = connection.execute(sa.select(runs).order_by(runs.c.id.desc()).limit(1)).one_or_none()
    return Run(row.id, row.started, row.ended, row.counts) if row else None
