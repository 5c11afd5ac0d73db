"""The watcher around the clock: what rings, what stays owed, when it looks again. A real server on loopback, a real ledger, a clock of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest
from office_server import Office, Reply, declare, serve, tagged

from iprwatch.bells import GATHER, Round, judge_sight, ring_bells, watch
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.errors import StoreError
from iprwatch.flow import Visit, collect, find_owed, find_stale
from iprwatch.ledger.looks import Look, answer_bells, count_rings, find_looks, find_rung
from iprwatch.ledger.sources import enrol, record_outcome, take_leases
from iprwatch.ledger.store import Ledger
from iprwatch.settings import load_settings
from spiders.digest import list_digest
from spiders.plan import Outcome, Seen
from spiders.source import Source
from spiders.watch import Sight, Watcher

NOW = datetime(2026, 11, 3, 10, 30, tzinfo=UTC)  # a Tuesday
LIST = "office.example/news/rss.xml"
DAY = timedelta(days=1)


def feed(*titles: str, built: str = "") -> bytes:
    items = "".join(f"<item><title>{t}</title><link>https://office.example/{t}</link></item>" for t in titles)
    return f"<rss version='2.0'><channel><title>t</title><lastBuildDate>{built}</lastBuildDate>{items}</channel></rss>".encode()


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as office:
        office.routes[LIST] = tagged(feed("a"))
        yield office


@pytest.fixture(params=["sqlite", "postgresql"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    database = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    with open_context(tmp_path, database, declare()) as context:
        yield context


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Context]:
    """On SQLite only, where the database makes no difference."""
    with open_context(tmp_path, None, declare()) as context:
        yield context


def open_context(home: Path, database: str | None, *sources: Source) -> Context:
    context = Context(load_settings(space="live", home=home, model="hash", database=database), FrozenClock(NOW))
    context.__dict__["sources"] = {source.id: source for source in sources}
    return context


def pass_time(context: Context, by: timedelta = DAY) -> None:
    assert isinstance(context.clock, FrozenClock)
    context.clock.at += by


@asynccontextmanager
async def opened(context: Context, office: Office, every: float | None = None) -> AsyncIterator[Round]:
    """The watcher as after a start."""
    sources = list(context.sources.values())
    async with Watcher(sources, {"*": f"127.0.0.1:{office.port}"}, "iprwatch/1", 0.0) as watcher:
        round_ = Round(context, watcher, sources, every)
        await round_.enrol()
        try:
            yield round_
        finally:
            await round_.end()


async def first_batch(context: Context, office: Office, every: float | None = None) -> Mapping[str, datetime]:
    """What the watcher tells first."""
    async with asyncio.timeout(20), aclosing(watch(context, {"*": f"127.0.0.1:{office.port}"}, every)) as batches:
        return await anext(batches)


async def beat(round_: Round) -> set[str]:
    await round_.begin()
    while round_.flying:
        await round_.gather()
    return set(await round_.write())


def look(context: Context, office: Office, every: float | None = None) -> set[str]:
    """A start and one beat; what rang."""

    async def once() -> set[str]:
        async with opened(context, office, every) as round_:
            return await beat(round_)

    return asyncio.run(once())


def owed(context: Context) -> set[str]:
    with context.ledger.read() as connection:
        return set(find_rung(connection))


def read_look(context: Context, id: str = "office") -> Look:
    with context.ledger.read() as connection:
        return find_looks(connection)[id]


def visit(
    context: Context, status: str = "ok", body: bytes = b"", rings: Mapping[str, int] | None = None, id: str = "office"
) -> None:
    """A visit that ended; it began now, or when the bells stood at `rings`."""
    now = context.clock.now()
    digest = list_digest(body) if body else ""
    outcome = Outcome(id, status, body_hash=digest)  # type: ignore[arg-type]
    with context.ledger.write() as connection:
        enrol(connection, [id], now)
        begun = count_rings(connection, [id]) if rings is None else rings
        record_outcome(connection, "run", outcome, context.sources[id], now)
        answer_bells(connection, [outcome], begun)


def settle(context: Context, office: Office) -> None:
    """Known, visited, quiet."""
    look(context, office)
    visit(context, body=feed("a"))
    pass_time(context)


def test_a_source_that_was_never_visited_is_owed_a_visit_without_a_look(context: Context, office: Office) -> None:
    async def start() -> Mapping[str, datetime]:
        async with opened(context, office) as round_:
            return await round_.enrol()

    assert asyncio.run(start()) == {"office": NOW}
    assert office.asked == []
    assert find_owed(context, ["office"]) == ["office"]


def test_a_change_rings_once_and_silence_rings_nothing(context: Context, office: Office) -> None:
    settle(context, office)
    assert look(context, office) == set(), "304"
    pass_time(context)
    office.routes[LIST] = tagged(feed("b", "a"))
    assert look(context, office) == {"office"}
    assert owed(context) == {"office"}
    pass_time(context)
    assert look(context, office) == set(), "it has rung for this change"
    visit(context, body=feed("b", "a"))
    assert owed(context) == set()
    pass_time(context)
    office.routes[LIST] = feed("b", "a", built="a minute later")
    assert look(context, office) == set(), "only the build date changed"
    visit(context, "unchanged", feed("b", "a"))
    pass_time(context)
    assert look(context, office) == set(), "that visit was the daily one"


def test_a_bell_that_rings_during_a_visit_stays_owed(context: Context, office: Office) -> None:
    settle(context, office)
    office.routes[LIST] = tagged(feed("b"))
    assert look(context, office) == {"office"}
    with context.ledger.read() as connection:
        begun = count_rings(connection, ["office"])
    pass_time(context)
    office.routes[LIST] = tagged(feed("c"))
    assert look(context, office) == {"office"}
    visit(context, body=feed("b"), rings=begun)
    assert owed(context) == {"office"}
    visit(context, body=feed("c"))
    assert owed(context) == set()


def test_a_visit_that_was_killed_leaves_the_bell_owed_and_a_start_tells_of_it_first(
    plain: Context, office: Office
) -> None:
    settle(plain, office)
    office.routes[LIST] = tagged(feed("b"))
    look(plain, office)
    with plain.ledger.write() as connection:
        take_leases(connection, ["office"], "elsewhere:1:run", plain.clock.now(), timedelta(minutes=45))
    pass_time(plain, timedelta(hours=1))
    assert set(asyncio.run(first_batch(plain, office))) == {"office"}


def test_a_crawl_answers_the_bell_and_leaves_what_the_watcher_needs(plain: Context, office: Office) -> None:
    office.routes["office.example/a"] = b"<html><body><p>Fees</p></body></html>"
    look(plain, office)
    hosts = {"*": f"127.0.0.1:{office.port}"}
    visit = Visit(host_map=hosts, delay_scale=0.0, time_limit=30.0)
    outcome = collect(plain, ["office"], visit, "run")["office"]
    assert (outcome.status, owed(plain)) == ("ok", set())
    assert read_look(plain).digest == list_digest(feed("a"))
    pass_time(plain)
    asked = office.count(LIST)
    assert look(plain, office) == set()
    assert office.count(LIST) == asked + 1
    assert office.headers[-1]["If-None-Match"], "the visit's validator serves the look"
    office.routes[LIST] = feed("a", built="a minute later")
    assert collect(plain, ["office"], visit, "again")["office"].status == "unchanged", "one digest for both"


def test_nobody_is_sent_where_someone_is(plain: Context, office: Office) -> None:
    look(plain, office)
    with plain.ledger.write() as connection:
        take_leases(connection, ["office"], "elsewhere:1:run", NOW, timedelta(minutes=45))
    assert owed(plain) == {"office"}
    assert find_owed(plain, ["office"]) == []


def test_a_visit_that_read_the_list_before_the_look_is_enough(context: Context, office: Office) -> None:
    settle(context, office)
    visit(context, body=feed("b"))
    office.routes[LIST] = feed("b")
    assert look(context, office) == set()
    assert read_look(context).digest == list_digest(feed("b"))


@pytest.mark.parametrize("reply", [tagged(feed("b")), (500, {}, b"")], ids=["change", "failure"])
def test_two_watchers_that_see_the_same_ring_once(context: Context, office: Office, reply: Reply) -> None:
    settle(context, office)
    office.routes[LIST] = (500, {}, b"")
    look(context, office)
    pass_time(context)
    office.routes[LIST] = reply

    async def both() -> list[set[str]]:
        async with opened(context, office) as one, opened(context, office) as other:
            await one.begin()
            await other.begin()
            while one.flying or other.flying:
                await one.gather()
                await other.gather()
            return [set(await one.write()), set(await other.write())]

    assert asyncio.run(both()) == [{"office"}, set()]


def test_what_a_visit_left_unread_rings_again_when_it_is_due(context: Context, office: Office) -> None:
    look(context, office)
    visit(context, "partial")
    assert owed(context) == set()
    pass_time(context, timedelta(minutes=40))
    look(context, office)
    visit(context, "partial")
    pass_time(context, timedelta(minutes=40))
    assert look(context, office) == set()
    pass_time(context, timedelta(minutes=40))
    assert look(context, office) == {"office"}
    pass_time(context)
    assert look(context, office) == set(), "it has rung for this"
    visit(context, body=feed("a"))
    pass_time(context)
    assert look(context, office) == set()


def test_a_visit_that_met_an_older_copy_is_made_again_once(context: Context, office: Office) -> None:
    settle(context, office)
    office.routes[LIST] = tagged(feed("b"))
    assert look(context, office) == {"office"}
    for expected in ({"office"}, set(), set()):
        visit(context, "unchanged", feed("a"))
        assert owed(context) == set()
        pass_time(context)
        assert look(context, office) == expected


def test_a_list_that_fails_twice_rings_and_again_when_it_is_back(plain: Context, office: Office) -> None:
    settle(plain, office)
    office.routes[LIST] = (500, {}, b"")
    rang = []
    for _ in range(4):
        rang.append(look(plain, office))
        pass_time(plain)
    assert rang == [set(), {"office"}, set(), set()]
    visit(plain, "failed")
    office.routes[LIST] = tagged(feed("a"))
    assert look(plain, office) == {"office"}


def test_a_hanging_source_does_not_hold_up_the_others(tmp_path: Path, office: Office) -> None:
    def hang(_: Mapping[str, str]) -> Reply:
        time.sleep(1.5)
        return (200, {}, b"")

    office.routes["slow.example/x.xml"] = hang
    with open_context(tmp_path, None, declare(), declare(id="slow", url="https://slow.example/x.xml")) as context:
        for id in context.sources:
            visit(context, id=id)

        async def first() -> tuple[set[str], float]:
            began = time.monotonic()
            return set(await first_batch(context, office, every=5.0)), time.monotonic() - began

        rang, took = asyncio.run(first())
    assert rang == {"office"}
    assert took < GATHER + 0.9


def test_a_burst_is_one_batch_and_it_is_in_the_ledger_before_it_is_told(tmp_path: Path, office: Office) -> None:
    sources = [declare(id=f"s{n}", url=f"https://s{n}.example/x.xml") for n in range(20)]
    for n in range(20):
        office.routes[f"s{n}.example/x.xml"] = tagged(feed("a"))
    with open_context(tmp_path, None, *sources) as context:
        for source in sources:
            visit(context, id=source.id)

        async def first() -> tuple[set[str], set[str]]:
            async with aclosing(watch(context, {"*": f"127.0.0.1:{office.port}"}, every=1.0)) as batches:
                return set(await anext(batches)), owed(context)

        rang, kept = asyncio.run(first())
    assert len(rang) == 20
    assert kept == rang


def test_retry_after_is_honoured_and_rings_nothing(plain: Context, office: Office) -> None:
    settle(plain, office)
    office.routes[LIST] = (429, {"Retry-After": str(3 * 86_400)}, b"")
    assert look(plain, office) == set()
    now = plain.clock.now()
    assert read_look(plain).due - now >= timedelta(days=3)
    asked = office.count(LIST)
    pass_time(plain, timedelta(days=2))
    assert look(plain, office) == set()
    assert office.count(LIST) == asked
    pass_time(plain, timedelta(days=2))
    office.routes[LIST] = feed("b")
    assert look(plain, office) == {"office"}


def test_what_robots_txt_forbids_is_neither_looked_at_nor_rung(plain: Context, office: Office) -> None:
    office.routes["office.example/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /")
    look(plain, office)
    visit(plain, "blocked")
    for _ in range(3):
        pass_time(plain)
        assert look(plain, office) == set()
    assert office.count(LIST) == 0


def test_a_restart_asks_nobody_twice_and_spreads_what_is_overdue(tmp_path: Path, office: Office) -> None:
    sources = [declare(id=f"s{n}", url=f"https://s{n}.example/x.xml") for n in range(40)]
    with open_context(tmp_path, None, *sources) as context:
        for source in sources:
            visit(context, id=source.id)

        async def start(steps: int) -> list[int]:
            counts = []
            async with opened(context, office) as round_:
                for _ in range(steps):
                    await beat(round_)
                    counts.append(len(office.asked))
                    pass_time(context, timedelta(seconds=1))
            return counts

        look(context, office)
        assert office.asked == [], "none is due"
        pass_time(context)
        counts = asyncio.run(start(11))
        assert counts[0] <= 4
        assert counts[-1] == 40
        assert max(b - a for a, b in pairwise(counts)) <= 4, "four a second"
        asyncio.run(start(1))
        assert len(office.asked) == 40, "after a second start none is due"


def test_a_host_that_is_being_visited_is_not_looked_at_meanwhile(tmp_path: Path, office: Office) -> None:
    with open_context(tmp_path, None, declare(), declare(id="b", url="https://office.example/b.xml")) as context:
        for id in context.sources:
            visit(context, id=id)
        look(context, office)
        pass_time(context)
        with context.ledger.write() as connection:
            take_leases(connection, ["b"], "elsewhere:1:run", context.clock.now(), timedelta(minutes=45))
        look(context, office)
        assert office.asked == []
        pass_time(context, timedelta(hours=1))
        look(context, office)
        assert len(office.asked) > 0


def test_a_busy_ledger_gets_the_bell_at_the_next_beat(
    plain: Context, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(plain, office)
    office.routes[LIST] = tagged(feed("b"))
    write = Ledger.write

    def busy(*_: object) -> None:
        raise StoreError("The ledger answered: database is locked")

    async def beats() -> list[set[str]]:
        async with opened(plain, office) as round_:
            monkeypatch.setattr(Ledger, "write", busy)
            rang = [await beat(round_)]
            monkeypatch.setattr(Ledger, "write", write)
            office.routes[LIST] = (500, {}, b"")
            return [*rang, await beat(round_)]

    assert asyncio.run(beats()) == [set(), {"office"}], "what was seen is kept"
    assert owed(plain) == {"office"}


def test_a_bug_at_one_source_ends_no_other_look(
    plain: Context, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(plain, office)

    async def fall(*_: object) -> Sight:
        raise ZeroDivisionError

    monkeypatch.setattr(Watcher, "look", fall)
    assert look(plain, office) == set()
    monkeypatch.undo()
    office.routes[LIST] = tagged(feed("b"))
    assert look(plain, office) == {"office"}


def test_at_a_fixed_interval_nothing_is_written_while_nothing_happens(plain: Context, office: Office) -> None:
    settle(plain, office)
    look(plain, office, every=1.0)
    before = read_look(plain)
    pass_time(plain)
    assert look(plain, office, every=1.0) == set()
    assert read_look(plain) == before
    office.routes[LIST] = tagged(feed("b"))
    assert look(plain, office, every=1.0) == {"office"}


def test_an_id_walk_has_no_list_and_rings_by_the_clock(tmp_path: Path, office: Office) -> None:
    walk = declare(kind="listing", walk={"url": "https://office.example/{n}"}, every="1d")
    with open_context(tmp_path, None, walk) as context:
        look(context, office)
        visit(context)
        rang = []
        for _ in range(6):
            pass_time(context, timedelta(hours=12))
            rang.append(look(context, office))
        assert rang.count({"office"}) == 3
        assert office.asked == []


def test_ring_bells_opens_the_ledger_of_the_settings(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "own" / "tier1"
    folder.mkdir(parents=True)
    lines = ["title: Own", "organisation: Own", "homepage: https://office.example/", "economy: XX", "languages: [en]", "kind: feed", "url: https://office.example/news/rss.xml", "every: 1h", "evidence: confirmed"]  # fmt: skip
    (folder / "own.yaml").write_text("\n".join(lines))
    settings = load_settings(space="live", home=tmp_path, model="hash", sources=(tmp_path / "own",))

    async def first() -> Mapping[str, datetime]:
        bells = ring_bells(settings, {"*": f"127.0.0.1:{office.port}"}, every=0.2)
        try:
            return await anext(bells)
        finally:
            await bells.aclose()

    assert "own" in asyncio.run(first())


@pytest.mark.parametrize(("failures", "hours"), [(0, 1), (1, 2), (2, 4), (3, 6), (30, 6)])
def test_looks_at_a_failing_list_are_ever_rarer(failures: int, hours: int) -> None:
    planned, hour = NOW + timedelta(minutes=30), timedelta(hours=1)
    finding = judge_sight(Look("office", NOW, failures=failures), Sight("failed", Seen()), NOW, planned, hour)
    assert finding.after.due - NOW == timedelta(hours=hours)


def test_a_source_whose_bell_never_rings_is_swept_once_a_day(plain: Context) -> None:
    visit(plain)
    pass_time(plain, timedelta(hours=23))
    assert find_stale(plain, ["office"]) == []
    pass_time(plain, timedelta(hours=2))
    assert find_stale(plain, ["office"]) == ["office"]


def test_looks_are_dense_when_items_come(plain: Context, office: Office) -> None:
    """In office hours of the source's zone more often than at night, never beyond the bounds."""
    settle(plain, office)

    async def intervals() -> dict[str, list[float]]:
        found: dict[str, list[float]] = {"day": [], "night": []}
        async with opened(plain, office) as round_:
            round_.sources["office"] = declare(dates={"timezone": "Asia/Tokyo"})
            for _ in range(120):
                await beat(round_)
                due, now = read_look(plain).due, plain.clock.now()
                local = (now + timedelta(hours=9)).hour
                found["day" if 9 <= local < 16 and (now + timedelta(hours=9)).weekday() < 5 else "night"].append(
                    (due - now) / timedelta(minutes=1)
                )
                pass_time(plain, due - now)
        return found

    found = asyncio.run(intervals())
    assert mean(found["day"]) < 0.6 * mean(found["night"])
    assert min(found["day"]) >= 4
    assert max(found["night"]) <= 67
