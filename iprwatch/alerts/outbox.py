"""What the outbox decides: a row's key, its first state, and when to try again. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from iprwatch.ledger.outbox import INBOX, SENT, WAITING

DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180))
"""Before the 2nd, 3rd, … try; the last one from then on. Greylisting ends within minutes, a restart within an hour."""

GIVE_UP = timedelta(hours=24)
"""An alert that no channel took for a day is no alert any more; it stays in the inbox, and says that it failed."""

JITTER = 0.2  # of a delay, so that what failed together does not come back together


def build_key(kind: str, owner: str, thing: str, revision: int, channel: str) -> str:
    """The key that makes a delivery unique. `thing`: the story, or a digest's id."""
    return hashlib.sha256("\n".join((kind, owner, thing, str(revision), channel)).encode()).hexdigest()


def build_row(kind: str, owner: str, channel: str, now: datetime, **more: Any) -> Mapping[str, Any]:
    """A row for the outbox. `more`: story, article, revision, digest, reason. The inbox needs no sending."""
    told: dict[str, Any] = {"story": "", "article": "", "revision": 0, "digest": "", "reason": {}} | more
    key = build_key(kind, owner, told["story"] or told["digest"], told["revision"], channel)
    sent = {"state": SENT, "sent": now, "receipt": INBOX} if channel == INBOX else {"state": WAITING, "sent": None}
    return {
        "key": key, "kind": kind, "owner": owner, "channel": channel, "created": now, "due": now, **told,
        "attempts": 0, "claimed_by": "", "claimed_until": None, "receipt": "", "error": "", **sent,
    }  # fmt: skip


def next_try(attempts: int, created: datetime, now: datetime, chance: float) -> datetime | None:
    """When to try again after so many failed tries; None: give up. `chance` is in 0…1."""
    delay = DELAYS[min(attempts, len(DELAYS)) - 1]
    due = now + delay * (1 + JITTER * (2 * chance - 1))
    return due if due < created + GIVE_UP else None
