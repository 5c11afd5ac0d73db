"""One way to insert or replace rows on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], keep: Sequence[str] = ()
) -> None:
    """Insert rows; where the primary key exists, replace every given column but those in `keep`."""
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    keys = [c.name for c in table.primary_key]
    changed = {c: statement.excluded[c] for c in rows[0] if c not in keys and c not in keep}
    if changed:
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), [dict(r) for r in rows])
    else:
        connection.execute(statement.on_conflict_do_nothing(index_elements=keys), [dict(r) for r in rows])
