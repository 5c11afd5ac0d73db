"""What `iprwatch serve` visits next: what rang, and now and then what no bell tells of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from office_server import declare

from iprwatch.cli import serve
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.flow import Visit
from iprwatch.ledger.looks import answer_bells, count_rings, enrol_looks
from iprwatch.ledger.sources import enrol, record_outcome
from iprwatch.settings import load_settings
from spiders.plan import Outcome

NOW = datetime(2026, 11, 3, 10, 30, tzinfo=UTC)
Bells = AsyncGenerator[Mapping[str, datetime], None]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """Two sources; one was never visited, its bell has rung."""
    with Context(load_settings(space="live", home=tmp_path, model="hash"), FrozenClock(NOW)) as context:
        context.__dict__["sources"] = {id: declare(id=id, url=f"https://{id}.example/rss") for id in ("new", "old")}
        with context.ledger.write() as connection:
            enrol(connection, context.sources, NOW)
            outcome = Outcome("old", "ok")
            record_outcome(connection, "run", outcome, context.sources["old"], NOW)
            enrol_looks(connection, context.sources, NOW)
            answer_bells(connection, [outcome], count_rings(connection, ["old"]))
        yield context


def play(monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None) -> list[float | None]:
    """A watcher that rings once; the intervals it was asked for."""
    asked: list[float | None] = []

    async def watch(context: Context, host_map: Mapping[str, str], every: float | None) -> Bells:
        asked.append(every)
        yield {"new": NOW}
        if fault:
            raise fault

    monkeypatch.setattr("iprwatch.bells.watch", watch)
    monkeypatch.setattr(serve, "LOOK_SECONDS", 0.05)
    return asked


def test_real_offices_are_watched_at_their_own_pace_and_visited_when_their_bell_rings(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = play(monkeypatch)
    assert list(islice(serve.look(context, Visit()), 2)) == [["new"], ["new"]]
    assert asked == [None]


def test_a_real_office_whose_bell_never_rings_is_visited_once_a_day(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    monkeypatch.setattr(serve, "SWEEP_SECONDS", 0.0)
    assert next(serve.look(context, Visit())) == ["new"]
    assert isinstance(context.clock, FrozenClock)
    context.clock.at += timedelta(days=2)
    assert next(serve.look(context, Visit())) == ["new", "old"]


def test_the_newsroom_is_watched_every_second_and_now_and_then_visited_whole(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = play(monkeypatch)
    visit = Visit(host_map={"*": "127.0.0.1:9"})
    assert next(serve.look(context, visit)) == ["new"]
    assert asked == [serve.LOOK_SECONDS]
    monkeypatch.setattr(serve, "WHOLE_SECONDS", 0.0)
    assert next(serve.look(context, visit)) == ["new", "old"]


def test_what_ends_the_watcher_ends_serving(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, ZeroDivisionError("the watcher's bug"))
    with pytest.raises(ZeroDivisionError):
        list(islice(serve.look(context, Visit()), 20))
