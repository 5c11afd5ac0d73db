"""Blocks of the closing screen about what stands ready: the alert that fired, the digest, the page. Reads the record, writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from rich.text import Text

from iprwatch.cli.screen import ROOM, fold, labelled
from iprwatch.ledger.tables import outbox

if TYPE_CHECKING:
    from iprwatch.cli.closing import Closing

NEWEST = 20  # alerts looked at for that of the item followed: a run fires few


def fired(closing: Closing) -> list[Text]:
    """The alert of the item that was followed, and how many others this run fired."""
    from iprwatch.alerts.alert import build_alert

    with closing.context.ledger.read() as connection:
        rows = connection.execute(
            sa.select(outbox)
            .where(outbox.c.kind == "alert", outbox.c.channel == "inbox")
            .order_by(outbox.c.created.desc())
            .limit(NEWEST)
        ).all()
    number = closing.report.matched.alerts + (closing.followed.report.matched.alerts if closing.followed else 0)
    title = closing.followed.title if closing.followed else ""
    own = (r for r in rows if r.reason["article"]["title"] == title)
    row = next(iter(sorted(own, key=lambda r: not r.reason["query"])), None)  # a question says more than a bare filter
    if row is None:
        return labelled("alerts", [Text(f"{number} fired: iprwatch alerts")]) if number else []
    assert closing.followed is not None
    alert = build_alert(row, closing.context.settings.current)
    said = Text.assemble(
        (f"after {closing.followed.seconds:.1f} s", "green"), ": watch ", (alert.watch, "bold"),
        (f"; {number} fired in all" if number > 1 else "", "dim"),
    )  # fmt: skip
    return labelled("alert", [*fold(said, ROOM), *fold(Text(alert.why.rstrip(":"), style="dim"), ROOM, 1)])


def digest(closing: Closing) -> list[Text]:
    """The digest's subject and where its page lies; the address may be longer than a line."""
    if closing.digest is None:
        return []
    return labelled("digest", [*fold(closing.digest.subject, ROOM, 1), Text(closing.digest.address, style="dim")])


def page(closing: Closing) -> list[Text]:
    """Where the page is, or how to start it."""
    return labelled("page", [Text(closing.page or "iprwatch web", style="bold" if closing.page else "")])
