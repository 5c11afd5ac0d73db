"""Named values that belong to the record: schema facts, the model in use, whose items it holds, when the space began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.errors import InputError
from iprwatch.ledger.tables import settings

if TYPE_CHECKING:
    from iprwatch.ledger.store import Ledger

SPACE = "space"


def find_fact(connection: sa.Connection, name: str) -> str:
    """The value, or an empty string."""
    return str(connection.scalar(sa.select(settings.c.value).where(settings.c.name == name)) or "")


def store_fact(connection: sa.Connection, name: str, value: str) -> None:
    """Set or replace a value."""
    connection.execute(sa.delete(settings).where(settings.c.name == name))
    connection.execute(sa.insert(settings).values(name=name, value=value))


def claim_space(ledger: Ledger, space: str) -> None:
    """Mark a ledger as the space's; invented and real items never mix. Raises InputError where it is the other's."""
    with ledger.read() as connection:
        held = find_fact(connection, SPACE)
    if not held:
        with ledger.write() as connection:
            held = find_fact(connection, SPACE) or space
            store_fact(connection, SPACE, held)
    refuse_other("ledger", held, space)


def refuse_other(store: str, held: str, space: str) -> None:
    """Raises InputError where a store holds another space's items than wanted."""
    if held != space:
        kinds = {"demo": "invented (demo)", "live": "real (live)"}
        raise InputError(
            f"This {store} holds {kinds.get(held, held)} items, and {kinds[space]} ones may not enter it",
            f"Give each space its own: unset IPRWATCH_{'DATABASE' if store == 'ledger' else 'LANDING'}, or use --{held}",
        )
