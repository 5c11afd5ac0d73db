"""What a source promises against what comes → its health, with the cause as a sentence for people. Decides only; never fails.

Silence is judged by the source's own habit: the usual gap between the dates of its items. A silent source whose list
answers and still matches is quiet, which is no fault; one that answers otherwise than promised is broken, however
politely it answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from spiders.source import Promise, Source

State = Literal["ok", "quiet", "broken", "blocked", "failing", "new"]
"""`new`: not visited yet. The others are told apart in `judge`."""

RED: tuple[State, ...] = ("broken", "blocked", "failing")
"""What someone has to look at."""

LEARN_FROM = 5  # days with items; fewer gaps than four tell no habit
USUAL = 0.95  # share of the gaps that are no longer than the usual one: a single long holiday is none
UNREADABLE = 3  # pages in a row without an article: one bad page is the page's fault, three are the source's
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the record holds of one source. Times are aware, UTC."""

    status: str = ""  # of the last visit; empty: none yet
    cause: str = ""
    failures: int = 0  # in a row
    at: datetime | None = None  # of the last visit
    landed: int = 0  # new and changed items of the last visit
    failed_pages: int = 0  # of the last visit
    rows: int | None = None  # in the newest list that was read; None: none was
    published: tuple[datetime, ...] = ()  # dates of its newest items, newest first
    undated: tuple[datetime, ...] = ()  # when its items without a date were first seen, newest first
    unread: int = 0  # pages without an article since its newest article came
    dead: int = 0  # links given up after several tries


@dataclass(frozen=True, slots=True)
class Health:
    """A source's health. Gaps in whole days, None where they are not known."""

    state: State
    cause: str = ""
    silent: int | None = None  # since its newest item
    usual: int | None = None  # its usual gap between items

    @property
    def is_red(self) -> bool:
        """Whether someone has to look at it."""
        return self.state in RED


def judge(facts: Facts, promise: Promise, now: datetime) -> Health:
    """The health of a source at a time."""
    usual = usual_gap(facts.published)
    newest = max((*facts.published[:1], *facts.undated[:1]), default=None)
    silent = max(0, (now - newest) // DAY) if newest else None
    state, cause = _judge_visit(facts)
    if state == "ok":
        state, cause = _judge_list(facts, promise)
    if state == "ok":
        state, cause = _judge_yield(facts, promise, now)
    if state == "ok" and usual is not None and silent is not None and silent > usual:
        state = "quiet"
        cause = f"No item in {silent} days, usual gap up to {usual}; its list answers and still matches: likely quiet."
    if state == "ok" and facts.status == "partial":
        cause = facts.cause
    return Health(state, cause, silent, usual)


def judge_all(facts: Mapping[str, Facts], sources: Iterable[Source], now: datetime) -> dict[str, Health]:
    """The health of each declared source that is enabled or was ever visited, by id."""
    return {s.id: judge(facts.get(s.id, Facts()), s.promise, now) for s in sources if s.enabled or s.id in facts}


def usual_gap(published: Sequence[datetime]) -> int | None:
    """Days that 95 of 100 gaps between days with items do not exceed, by nearest rank; None for fewer than 5 such days."""
    days = sorted({at.astimezone(UTC).date() for at in published})
    if len(days) < LEARN_FROM:
        return None
    gaps = sorted((later - earlier).days for earlier, later in pairwise(days))
    return gaps[math.ceil(USUAL * len(gaps)) - 1]


def _judge_visit(facts: Facts) -> tuple[State, str]:
    """By how the last visit ended."""
    if not facts.status:
        return "new", "Not visited yet."
    if facts.status == "blocked":
        return "blocked", facts.cause
    if facts.status == "failed":
        again = f" {facts.failures} times in a row." if facts.failures > 1 else ""
        return "failing", f"{facts.cause}{again}"
    if facts.failed_pages >= UNREADABLE and not facts.landed:
        return "broken", f"Rows come, but none of their pages can be read. {facts.cause}"
    if facts.status == "empty":
        return "broken", f"{facts.cause} Likely broken."
    return "ok", ""


def _judge_list(facts: Facts, promise: Promise) -> tuple[State, str]:
    """By what stands in its list, and whether the pages behind it can be read."""
    if facts.rows is not None and facts.rows < promise.rows:
        return "broken", f"Its list answers with {_count(facts.rows, 'row')}, at least {promise.rows} are promised."
    never_read = facts.unread and not facts.published and not facts.undated
    if facts.unread >= UNREADABLE or never_read:
        return "broken", f"Rows come, but no article can be read: {_count(facts.unread, 'page')} in a row without one."
    return "ok", ""


def _judge_yield(facts: Facts, promise: Promise, now: datetime) -> tuple[State, str]:
    """By how many items came within the promised window."""
    came = sum(at > now - promise.per for at in (*facts.published, *facts.undated))
    window = _count(max(1, round(promise.per / DAY)), "day")
    if came < promise.min:
        return "broken", f"{_count(came, 'item')} in {window}, at least {promise.min} promised: likely broken."
    if came - len(facts.undated) > promise.max:  # undated ones all came at once, with the first visit
        return (
            "broken",
            f"{_count(came, 'item')} in {window}, at most {promise.max} promised: its filter may not match.",
        )
    return "ok", ""


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
