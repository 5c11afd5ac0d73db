"""Named values that belong to the record: schema facts, the model in use, when the space began."""

from __future__ import annotations

import sqlalchemy as sa

from iprwatch.ledger.tables import settings


def find_fact(connection: sa.Connection, name: str) -> str:
    """The value, or an empty string."""
    return str(connection.scalar(sa.select(settings.c.value).where(settings.c.name == name)) or "")


def store_fact(connection: sa.Connection, name: str, value: str) -> None:
    """Set or replace a value."""
    connection.execute(sa.delete(settings).where(settings.c.name == name))
    connection.execute(sa.insert(settings).values(name=name, value=value))
