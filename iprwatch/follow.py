"""What becomes of an item published in the newsroom, hop by hop, from what the ledger says. Reads only; raises StoreError."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.ledger.articles import INDEX, WATCHES
from iprwatch.ledger.tables import articles, looks, outbox, outcomes, queue
from iprwatch.newsroom.state import open_newsroom, read_state

if TYPE_CHECKING:
    from iprwatch.context import Context

HOPS = ("seen", "visited", "understood", "indexed", "matched")
GIVE_UP = timedelta(minutes=5)


@dataclass
class Followed:
    """A published item and when each hop was reached."""

    source: str
    title: str
    at: datetime
    hops: dict[str, datetime] = field(default_factory=dict)
    alerted: tuple[str, ...] = ()  # watches that fired

    @property
    def done(self) -> bool:
        """Whether nothing more is to come."""
        return "matched" in self.hops

    def told(self) -> dict[str, object]:
        """Plain values: seconds since it was published, hop by hop, and which watches fired."""
        seconds = {hop: round((at - self.at).total_seconds(), 2) for hop, at in self.hops.items()}
        return {"source": self.source, "title": self.title, "seconds": seconds, "alerts": list(self.alerted)}

    def describe(self) -> str:
        """The same for people."""
        told = [f"{hop} {(at - self.at).total_seconds():.1f}" for hop, at in self.hops.items()]
        end = f"alert of {', '.join(self.alerted)}" if self.alerted else "no watch fired"
        return f"{self.source}: {self.title}\n  seconds: {' · '.join(told)} · {end}"


class Follower:
    """Follows every item that is published after it was made."""

    def __init__(self, context: Context) -> None:
        self._context, self._folder = context, context.settings.folder / "newsroom"
        state = read_state(self._folder)
        self._known = len(state.published) if state else 0
        self._open: list[Followed] = []

    def look(self) -> Iterator[tuple[str, dict[str, object]]]:
        """What to say of each item that was published, and of each whose last hop was reached: for people, and as plain values."""
        state = read_state(self._folder)
        fresh = state.published[self._known :] if state else ()
        if fresh:
            newsroom = open_newsroom(self._folder)
            for each in fresh:
                shown = next((i for i in newsroom.board(each.source) if i.slug == each.item["slug"]), None)
                self._open.append(Followed(each.source, shown.title if shown else each.item["slug"], each.at))
                yield f"published at {each.source}", {"published": each.source, "at": each.at.isoformat()}
            self._known += len(fresh)
        for item in self._open:
            self._trace(item)
            late = self._context.clock.now() - item.at > GIVE_UP
            if item.done:
                yield item.describe(), item.told()
            elif late:
                yield f"{item.source}: {item.title} has not arrived within five minutes", {"late": item.source}
        self._open = [i for i in self._open if not i.done and self._context.clock.now() - i.at <= GIVE_UP]

    def _trace(self, item: Followed) -> None:
        """Note the hops that were reached since."""
        now = self._context.clock.now()
        with self._context.ledger.read() as connection:
            rung = connection.scalar(
                sa.select(looks.c.rung).where(looks.c.source == item.source, looks.c.rung > item.at)
            )
            visits = sa.select(sa.func.min(outcomes.c.at)).where(
                outcomes.c.source == item.source, outcomes.c.at > (rung or item.at)
            )
            visited = connection.scalar(visits)
            wanted = (articles.c.source == item.source, articles.c.title == item.title)
            row = connection.execute(sa.select(articles.c.id, articles.c.story).where(*wanted)).first()
            owed = set(connection.scalars(sa.select(queue.c.index).where(queue.c.article == row.id))) if row else set()
            told = sa.select(outbox.c.owner, outbox.c.created).where(
                outbox.c.kind == "alert", outbox.c.article == (row.id if row else "")
            )
            fired = connection.execute(told.order_by(outbox.c.created)).all()
        reached = {"seen": rung, "visited": visited, "understood": now if row else None}
        reached["indexed"] = now if row and INDEX not in owed else None
        reached["matched"] = fired[0].created if fired else now if row and WATCHES not in owed else None
        for hop in HOPS:
            at = reached[hop]
            if at and hop not in item.hops:
                item.hops[hop] = at
        item.alerted = tuple(sorted({r.owner for r in fired}))
