"""What is wrong with the watch itself → the operators' channels, through the same outbox as alerts. Told once per thing. Does not send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iprwatch.alerts.message import Message
from iprwatch.alerts.outbox import build_row
from iprwatch.ledger.outbox import Row, put
from iprwatch.logs import open_log

if TYPE_CHECKING:
    from iprwatch.context import Context

log = open_log(__name__)

OWNER = "operators"


def give_notice(context: Context, thing: str, subject: str, text: str) -> int:
    """Put a notice into the outbox of every operators' channel; returns on how many it was not told yet. `thing`: what it is told once about."""
    log.warning("notice", thing=thing, subject=subject)
    now, reason = context.clock.now(), {"subject": subject, "text": text}
    rows = [build_row("notice", OWNER, c, now, digest=thing, reason=reason) for c in context.settings.operators]
    with context.ledger.write() as connection:
        return put(connection, rows)


def notice_message(row: Row, space: str) -> Message:
    """The message of a notice."""
    demo = "[demo] " if space == "demo" else ""
    return Message(row.key, f"{demo}iprwatch: {row.reason['subject']}", row.reason["text"], data=dict(row.reason))
