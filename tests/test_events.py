"""What the scheduler's tasks and triggers do, without a scheduler: real crawls of the newsroom on loopback, a model of hashes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from iprwatch import events, upkeep
from iprwatch.alerts.match import mute
from iprwatch.cli.newsroom import announced
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.cuts import USUAL, find_cuts
from iprwatch.errors import Busy, InputError, StoreError
from iprwatch.flow import HOST, understand
from iprwatch.ledger.looks import enrol_looks, find_rung
from iprwatch.ledger.sources import enrol, take_leases
from iprwatch.ledger.tables import articles, looks, outbox, outcomes
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import publish, set_fault, start_scene
from iprwatch.settings import Settings, load_settings
from search.index import ServerUnavailable

QUICK = ("epo-news", "uspto-news")
WATCH = "title: Everything\nfilters:\n  verdicts: [themed, outside, not_ip]\n"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in {"SPACE": "demo", "MODEL": "hash", "OPERATORS": '["desk"]'}.items():
        monkeypatch.setenv(f"IPRWATCH_{name}", value)
    settings = load_settings().prepared()
    (settings.folder / "channels.yaml").write_text("desk: {kind: webhook, url: 'http://127.0.0.1:9/'}\n")
    (settings.folder / "watches").mkdir()
    (settings.folder / "watches" / "everything.yaml").write_text(WATCH)
    return settings


@pytest.fixture
def newsroom(settings: Settings) -> Iterator[Path]:
    folder = settings.folder / "newsroom"
    start_scene(folder)
    with Server(folder) as server, announced(folder, server.port):
        yield folder


def ring(*sources: str) -> None:
    """Let the bells of these sources ring."""
    with Context(load_settings()) as context, context.ledger.write() as connection:
        now = context.clock.now()
        enrol(connection, context.sources, now)
        enrol_looks(connection, list(context.sources), now)
        bells = {"rings": looks.c.rings + 1, "rung": now}
        connection.execute(sa.update(looks).values(answered=looks.c.rings))
        connection.execute(sa.update(looks).where(looks.c.source.in_(sources)).values(**bells))


@contextmanager
def ledger() -> Iterator[sa.Connection]:
    with Context(load_settings()) as context, context.ledger.write() as connection:
        yield connection


def count(table: sa.Table) -> int:
    with ledger() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.mark.usefixtures("newsroom")
def test_what_is_owed_is_visited_once_then_understood_then_nothing_is_owed() -> None:
    ring(*QUICK)
    visited = events.visit_owed()
    assert visited["sources"] == dict.fromkeys(sorted(QUICK), "ok")
    assert visited["new"] > 5
    assert visited["cases"] == []
    assert events.visit_owed()["sources"] == {}
    done = events.enrich()
    assert done["new"] == done["indexed"] == visited["new"] == count(articles)
    assert events.enrich() == {}


def test_what_is_published_alerts_and_goes_to_its_channel(newsroom: Path) -> None:
    ring("uspto-news")
    events.visit_owed()
    events.enrich()
    assert count(outbox) == 0, "what was there before the watch began is no news"
    (newsroom.parent / "watches" / "everything.yaml").write_text(f"{WATCH}channels: [desk]\n")
    item = publish(newsroom, "uspto-news")
    ring("uspto-news")
    events.visit_owed()
    done = events.enrich()
    assert (done["new"], done["alerts"], done["channels"]) == (1, 1, ["desk"])
    with ledger() as connection:
        assert {r.reason["article"]["title"] for r in connection.execute(sa.select(outbox))} == {item.title}
    assert events.deliver("desk") == {"put back": 1}, "nobody listens on that port"


def test_a_source_that_fails_is_named_with_its_health_and_holds_up_no_other(newsroom: Path) -> None:
    set_fault(newsroom, "uspto-news", "down")
    ring(*QUICK)
    visited = events.visit_owed()
    assert visited["sources"]["epo-news"] == "ok"
    (case,) = visited["cases"]
    assert case["source"] == "uspto-news"
    assert "500" in case["cause"]
    assert case["health"] == "http://localhost:8642/sources#uspto-news"


@pytest.mark.usefixtures("newsroom")
def test_a_source_that_was_slow_goes_alone() -> None:
    ring(*QUICK)
    slow = {"seconds": events.SLOW + 1}
    with ledger() as connection:
        row = {"run": "r", "source": "uspto-news", "at": datetime.now(UTC), "status": "ok", "cause": "", "counts": slow}
        connection.execute(sa.insert(outcomes).values(**row))
    visited = events.visit_owed()
    assert list(visited["sources"]) == ["epo-news"]
    assert [(c["source"], c["cause"]) for c in visited["cases"]] == [("uspto-news", "")]
    assert events.visit_source("uspto-news")["sources"] == {"uspto-news": "ok"}


@pytest.mark.usefixtures("newsroom")
def test_two_crawls_are_never_at_one_host() -> None:
    with Context(load_settings()) as context:
        hosts: dict[str, list[str]] = {}
        for source in context.sources.values():
            hosts.setdefault(source.url.split("/")[2].removeprefix("www."), []).append(source.id)
        first, second = next(ids for ids in hosts.values() if len(ids) > 1)[:2]
    ring(first, second)
    with Context(load_settings()) as context:
        now = context.clock.now()
        with context.ledger.write() as connection:
            take_leases(connection, [first], f"elsewhere:{os.getpid()}:run", now, timedelta(minutes=5))
    assert events.visit_owed()["sources"] == {}
    with ledger() as connection:
        assert set(find_rung(connection)) == {first, second}, "both are still owed"


def test_without_a_newsroom_the_demo_visits_nobody(settings: Settings) -> None:
    with pytest.raises(Busy, match="No newsroom"):
        events.visit_owed()


def test_an_index_that_is_away_is_tried_again_and_loses_nothing(
    newsroom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> int:
        raise ServerUnavailable("The server does not answer")

    ring("epo-news")
    events.visit_owed()
    with monkeypatch.context() as patch:
        patch.setattr("iprwatch.flow.index_queued", away)
        with pytest.raises(Busy, match="does not answer"):
            events.enrich()
    done = events.enrich()
    assert (done["pages"], done["indexed"]) == (0, count(articles))


def test_another_pass_is_waited_for(settings: Settings) -> None:
    other = Context(settings)
    with Context(settings) as context, events.patient_run(context):
        waiting = events.patient_run(other, patience=0.3)
        with pytest.raises(Busy):
            waiting.__enter__()


@pytest.mark.parametrize(
    ("name", "kind"), [("BadQuery", InputError), ("ServerRefused", StoreError), ("IndexBusy", Busy)]
)
def test_errors_of_other_rooms_say_whether_to_try_again(settings: Settings, name: str, kind: type[Exception]) -> None:
    foreign = type(name, (Exception,), {})
    with pytest.raises(kind, match="why"), events.opened(settings):
        raise foreign("why")
    with pytest.raises(ZeroDivisionError), events.opened(settings):
        raise ZeroDivisionError


# The streams


def test_what_is_owed_is_said_again_ever_more_seldom_and_what_changed_at_once() -> None:
    now = [0.0]
    recall = events.Recall(10.0, 35.0, lambda: now[0])
    said = []
    for second in range(120):
        now[0] = second
        owed = recall.choose({"a": 1})
        recall.told(owed)
        said += [second] if owed else []
    assert said == [10, 30, 65, 100]
    recall.told({"a": 2})
    now[0] += 10
    assert recall.choose({"a": 2}) == {"a": 2}
    recall.choose({})
    assert recall.choose({"a": 2}) == {}, "it was answered meanwhile, so patience begins anew"


def test_the_bell_rings_for_what_is_published_and_the_stream_waits_for_a_newsroom(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECALL", 0.2)
    folder = settings.folder / "newsroom"
    start_scene(folder)

    async def watch() -> dict[str, str]:
        async with asyncio.timeout(30), aclosing(events.stream_bells()) as stream:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.5)
            assert not waiting.done(), "nobody serves yet"
            with Server(folder) as server, announced(folder, server.port):
                assert len(await waiting) > 30, "every source is owed its first visit"
                with ledger() as connection:
                    connection.execute(sa.update(looks).values(answered=looks.c.rings))
                await asyncio.sleep(2.5)
                with ledger() as connection:
                    connection.execute(sa.update(looks).values(answered=looks.c.rings))
                publish(folder, "epo-news")
                async for rung in stream:
                    if "epo-news" in rung:
                        return rung
        raise AssertionError

    rung = asyncio.run(watch())
    assert datetime.fromisoformat(rung["epo-news"]).tzinfo


@pytest.mark.usefixtures("newsroom")
def test_the_bell_of_a_visit_that_was_killed_rings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RECALL", 0.1)
    monkeypatch.setattr(events, "PATIENCE", 0.3)
    ring("epo-news")
    with Context(load_settings()) as context:
        now = context.clock.now()
        with context.ledger.write() as connection:  # a process that is no more
            take_leases(connection, ["epo-news"], f"{HOST}:999999:run", now, timedelta(minutes=45))

    async def hear() -> int:
        heard = 0
        async with asyncio.timeout(30), aclosing(events.stream_bells()) as stream:
            async for rung in stream:
                heard += "epo-news" in rung
                if heard == 2:
                    return heard
        return heard

    assert asyncio.run(hear()) == 2


def test_work_that_was_left_is_seen(newsroom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "OWED_EVERY", 0.1)
    ring("epo-news")
    events.visit_owed()

    async def see() -> dict[str, int]:
        async with asyncio.timeout(20), aclosing(events.stream_owed()) as stream:
            return await anext(stream)

    assert asyncio.run(see()) == {"landed": 1}


# What is about time


def test_the_hours_of_digests_come_from_the_subscriptions(settings: Settings) -> None:
    assert find_cuts() == USUAL
    folder = settings.folder / "subscriptions"
    folder.mkdir()
    (folder / "daily.yaml").write_text("{title: A, at: '08:00', timezone: Europe/Berlin}")
    (folder / "weekly.yaml").write_text("{title: B, at: '07:30', timezone: Europe/Berlin, days: weekly}")
    (folder / "week.yaml").write_text("{title: C, timezone: Asia/Tokyo, days: weekdays}")
    (folder / "off.yaml").write_text("{title: D, timezone: Asia/Seoul, enabled: false}")
    (folder / "broken.yaml").write_text("{title: E, nonsense: 1}")
    assert find_cuts() == {"Asia/Tokyo": ("0 8 * * 1-5",), "Europe/Berlin": ("0 8 * * *", "30 7 * * 1")}


@pytest.fixture
def late(newsroom: Path, monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """The day after the first visits, 08:10 in UTC, with one daily subscription."""
    ring("epo-news")
    events.visit_owed()
    events.enrich()
    folder = newsroom.parent / "subscriptions"
    folder.mkdir(exist_ok=True)
    (folder / "daily.yaml").write_text("{title: Daily}")
    morning = (datetime.now(UTC) + timedelta(days=1)).replace(hour=8, minute=10)
    clock = FrozenClock(morning)
    monkeypatch.setattr("iprwatch.context.SystemClock", lambda: clock)
    return clock


def notices() -> list[str]:
    with ledger() as connection:
        rows = connection.execute(sa.select(outbox).where(outbox.c.kind == "notice"))
        return [row.reason["subject"] for row in rows]


def test_a_digest_that_is_late_is_told_to_the_operators_once(late: FrozenClock) -> None:
    (id,) = upkeep.tell_late_digests()
    assert upkeep.tell_late_digests() == [id]
    assert notices() == [f"digest {id} is late"]
    assert upkeep.make_digests()["made"] == [id]
    assert upkeep.tell_late_digests() == []


def test_sources_that_went_silent_are_told_once_until_the_list_changes(newsroom: Path) -> None:
    set_fault(newsroom, "uspto-news", "down")
    ring(*QUICK)
    events.visit_owed()
    events.enrich()
    first = upkeep.check_sources()
    assert "uspto-news" in first["bad"]
    assert first["channels"] == ["desk"]
    upkeep.check_sources()
    (subject,) = notices()
    assert "silent or cannot be read" in subject


def test_the_index_gets_what_it_lacks(newsroom: Path) -> None:
    ring("epo-news")
    events.visit_owed()
    events.enrich()
    with Context(load_settings()) as context:
        lost = [id for id, _ in context.index.scan()][:2]
        context.index.delete(dict.fromkeys(lost, 2**31 - 1))
    assert upkeep.check_index() == {"differed": 2, "articles": count(articles)}


def test_seven_copies_are_kept(settings: Settings) -> None:
    folder = settings.folder / "backups"
    folder.mkdir()
    for day in range(1, 10):
        (folder / f"ledger-2026-01-0{day}.sqlite").touch()
    with closing(Context(settings)) as context:
        context.ledger.ensure()
    assert upkeep.copy_ledger()["deleted"] == 3
    assert len(list(folder.iterdir())) == upkeep.COPIES


def test_a_postgresql_ledger_is_left_to_its_own_tools(
    settings: Settings, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPRWATCH_DATABASE", postgres_url)
    assert upkeep.copy_ledger()["copied"] == ""


def test_a_back_fill_alerts_nobody_and_keeps_later_texts(newsroom: Path) -> None:
    ring("uspto-news")
    events.visit_owed()
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    with Context(load_settings()) as context:
        held = events.enrich()
        with context.ledger.write() as connection:
            kept = connection.execute(sa.select(articles.c.id, articles.c.row_version).limit(1)).one()
            later = {"content_hash": "x", "last_changed": datetime.now(UTC) + timedelta(hours=1)}
            connection.execute(sa.update(articles).values(content_hash="y"))
            connection.execute(sa.update(articles).where(articles.c.id == kept.id).values(**later))
    publish(newsroom, "uspto-news")
    ring("uspto-news")
    events.visit_owed()
    again = upkeep.replay_day(day)
    assert again["revised"] == held["new"] - 1
    with ledger() as connection:
        assert connection.scalar(sa.select(articles.c.content_hash).where(articles.c.id == kept.id)) == "x"
    assert count(outbox) == 1, "what was not understood before the back-fill is news all the same"


def test_what_was_muted_alerts_nobody_though_the_back_fill_was_killed(newsroom: Path) -> None:
    ring("uspto-news")
    events.visit_owed()
    events.enrich()
    publish(newsroom, "uspto-news")
    ring("uspto-news")
    events.visit_owed()
    with Context(load_settings()) as context:
        mute(context)
        understand(context)  # and here it is killed
    assert events.enrich()["alerts"] == 0
    publish(newsroom, "uspto-news")
    ring("uspto-news")
    events.visit_owed()
    assert events.enrich()["alerts"] == 1


@pytest.mark.usefixtures("newsroom")
def test_what_somebody_else_tells_is_visited_and_what_is_no_source_is_not() -> None:
    ring()
    assert events.visit_owed()["sources"] == {}
    assert events.visit_owed(["epo-news", "no-such-source"])["sources"] == {"epo-news": "ok"}
    assert events.visit_owed()["sources"] == {}


def test_no_office_is_visited_without_a_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPRWATCH_SPACE", "live")
    monkeypatch.delenv("IPRWATCH_CONTACT", raising=False)
    with Context(load_settings().prepared()) as context, pytest.raises(InputError, match="No contact for the offices"):
        events.open_visit(context)
