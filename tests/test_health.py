"""A source's promise against what comes: quiet is no fault, broken is named with its cause, a dead link is given up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from office_server import Office, declare, serve

from iprwatch.cli.main import cli
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.flow import Visit, run_pass
from iprwatch.health import RED, Facts, judge, judge_all, usual_gap
from iprwatch.ledger.health import find_facts
from iprwatch.ledger.runs import begin_run, find_last_run
from iprwatch.ledger.sources import enrol, find_seen, record_outcome
from iprwatch.report import Report
from iprwatch.settings import load_settings
from pipelines.model import Entry
from spiders.plan import Outcome
from spiders.source import Promise

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
PROMISE = Promise(rows=5, min=1, max=40, per=timedelta(days=30))


def days_ago(*days: float) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(days=d) for d in days)


FINE = Facts("ok", at=NOW, landed=1, rows=10, published=days_ago(2, 6, 12, 15, 20, 26))


@pytest.mark.parametrize(
    ("facts", "state", "cause"),
    [
        (Facts(), "new", "Not visited yet."),
        (FINE, "ok", ""),
        (replace(FINE, status="unchanged", landed=0), "ok", ""),
        (replace(FINE, published=days_ago(19, 23, 25, 31, 33)), "quiet",
         "No item in 19 days, usual gap up to 6; its list answers and still matches: likely quiet."),
        (replace(FINE, published=days_ago(19, 23)), "ok", ""),  # too few items to know its habit
        (replace(FINE, published=days_ago(19, 23, 25, 31, 33), undated=days_ago(1)), "ok", ""),
        (replace(FINE, status="empty", cause="None of the 30 rows is one of the source's items; the addresses may have changed."), "broken", "may have changed. Likely broken."),
        (replace(FINE, rows=3), "broken", "Its list answers with 3 rows, at least 5 are promised."),
        (replace(FINE, published=days_ago(40, 44, 47, 51, 56)), "broken", "no items in 30 days, at least 1 promised: likely broken."),
        (replace(FINE, published=days_ago(*(n / 2 for n in range(41)))), "broken", "41 items in 30 days, at most 40"),
        (replace(FINE, unread=3), "broken", "no article can be read: 3 pages"),
        (replace(FINE, unread=1), "ok", ""),
        (replace(FINE, unread=1, published=()), "broken", "no article can be read: 1 page in a row"),
        (replace(FINE, status="partial", failed_pages=4, landed=0, cause="4 pages were not read."), "broken", "none of their pages can be read. 4 pages"),
        (replace(FINE, status="partial", failed_pages=1, cause="1 page was not read."), "ok", "1 page was not read."),
        (replace(FINE, status="blocked", cause="robots.txt forbids it."), "blocked", "robots.txt forbids it."),
        (replace(FINE, status="failed", failures=3, cause="It answered 500."), "failing", "It answered 500. 3 times in a row."),
    ],
)  # fmt: skip
def test_health_and_its_cause(facts: Facts, state: str, cause: str) -> None:
    found = judge(facts, PROMISE, NOW)
    assert (found.state, found.is_red) == (state, state in RED)
    assert cause in found.cause
    assert bool(cause) == bool(found.cause)


def test_the_usual_gap_leaves_out_one_long_holiday() -> None:
    assert usual_gap(days_ago(*range(0, 60, 2), 120)) == 2
    assert usual_gap(days_ago(1, 1.1, 1.2, 2, 3, 4)) is None  # four days with items


@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), max_size=30))
def test_any_dates_give_a_health(published: list[datetime]) -> None:
    facts = replace(FINE, published=tuple(sorted(published, reverse=True)))
    found = judge(facts, PROMISE, NOW)
    assert found.silent is None or found.silent >= 0
    assert found.cause or found.state == "ok"


PAGE = (
    "<html><body><main><h1>{0}</h1><p>"
    + "The office tells about {0} at length, with all that is due. " * 6
    + "</p></main></body></html>"
)


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        yield server


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime.now(UTC))


@pytest.fixture
def context(clock: FrozenClock) -> Iterator[Context]:
    with Context(load_settings(space="live", model="hash"), clock) as context:
        context.__dict__["sources"] = {
            "alpha": declare(id="alpha", url="https://alpha.example/rss", item=["/news/"], promise={"rows": 2})
        }
        yield context


@pytest.fixture
def visit(context: Context, office: Office, clock: FrozenClock) -> Callable[..., Report]:
    def go(hours: float = 0) -> Report:
        clock.at += timedelta(hours=hours)
        mapped = Visit(host_map={"*": f"127.0.0.1:{office.port}"}, delay_scale=0.0, time_limit=30.0)
        return run_pass(context, ["alpha"], mapped)

    return go


def feed(*slugs: str) -> bytes:
    rows = "".join(f"<item><title>About {s}</title><link>https://alpha.example/news/{s}</link></item>" for s in slugs)
    return f'<rss version="2.0"><channel><title>t</title>{rows}</channel></rss>'.encode()


def health(context: Context) -> Any:
    with context.ledger.read() as connection:
        return judge_all(find_facts(connection), context.sources.values(), context.clock.now())["alpha"]


def test_a_list_that_loses_its_rows_turns_red(context: Context, office: Office, visit: Callable[..., Report]) -> None:
    office.routes = {
        "alpha.example/rss": feed("x", "y"),
        **{f"alpha.example/news/{s}": PAGE.format(s).encode() for s in "xy"},
    }
    assert health(context).state == "new"
    visit()
    assert health(context).state == "ok"
    office.routes["alpha.example/rss"] = feed("x")
    visit()
    assert (health(context).state, "at least 2 are promised" in health(context).cause) == ("broken", True)
    office.routes["alpha.example/rss"] = feed()
    visit()
    assert (health(context).state, "without a single row" in health(context).cause) == ("broken", True)
    office.routes["alpha.example/rss"] = (403, {}, b"")
    visit()
    assert health(context).state == "blocked"


def test_a_dead_link_is_given_up_after_three_tries_and_looked_at_once_a_week(
    context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    office.routes = {"alpha.example/rss": feed("x", "gone"), "alpha.example/news/x": PAGE.format("x").encode()}
    assert [visit().outcomes["alpha"].status for _ in range(4)] == ["partial", "partial", "partial", "ok"]
    assert office.count("alpha.example/news/gone") == 3
    assert office.count("alpha.example/news/x") == 1
    assert visit().outcomes["alpha"].status == "unchanged"  # its validators are trusted again
    office.routes["alpha.example/news/gone"] = PAGE.format("gone").encode()
    assert visit(8 * 24).counts.new == 1
    assert health(context).cause == ""


def test_an_outage_of_some_hours_kills_no_link(context: Context, clock: FrozenClock) -> None:
    row = {"url": "https://alpha.example/news/y", "entry": asdict(Entry("https://alpha.example/news/y")), "hash": "h"}

    def fail(hours: float, gone: bool = False) -> bool:
        """Whether the link passes for known after one more failure."""
        clock.at += timedelta(hours=hours)
        outcome = Outcome("alpha", "partial", failed={"y": {**row, "gone": gone}})
        with context.ledger.write() as connection:
            enrol(connection, ["alpha"], clock.at)
            record_outcome(connection, "run", outcome, context.sources["alpha"], clock.at)
            return "y" in find_seen(connection, "alpha").entries

    assert [fail(1) for _ in range(6)] == [False] * 6
    assert [fail(8), fail(9)] == [False, True]


def test_status_shows_health_and_the_last_run(
    context: Context, office: Office, visit: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spiders.source.load_sources", lambda *_: dict(context.sources))
    monkeypatch.setenv("IPRWATCH_MODEL", "hash")
    office.routes = {"alpha.example/rss": feed("x")}
    visit()
    context.close()
    shown = CliRunner().invoke(cli, ["status", "--live"], standalone_mode=False)
    assert shown.return_value == 8
    assert "broken" in shown.stdout
    assert "1 sources, 1 red" in shown.stdout
    assert "1 partial; 0 new, 0 revised, 0 moved" in shown.stdout
    told = json.loads(CliRunner().invoke(cli, ["status", "--live", "--json"]).stdout)
    assert told["sources"][0]["health"] == "broken"
    assert told["run"]["counts"]["seconds"].keys() >= {"collect", "understand", "index"}
    assert told["run"]["ended"] >= told["run"]["started"]
    listed = json.loads(CliRunner().invoke(cli, ["source", "list", "--live", "--json"]).stdout)
    assert listed[0]["health"] == "broken"
    assert "broken" in CliRunner().invoke(cli, ["source", "list", "--live"]).stdout


def test_a_killed_run_shows_as_not_finished(context: Context) -> None:
    with context.ledger.write() as connection:
        begin_run(connection, "20260630T120000.000000Z", NOW)
        run = find_last_run(connection)
    assert run is not None
    assert run.ended is None
    context.close()
    assert "not finished; it was killed" in CliRunner().invoke(cli, ["status", "--live"]).stdout


def test_only_the_newest_runs_are_kept(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iprwatch.ledger.runs.KEPT", 3)
    with context.ledger.write() as connection:
        for n in range(9):
            begin_run(connection, f"run {n}", NOW)
        from iprwatch.ledger.tables import runs

        assert sorted(connection.scalars(runs.select().with_only_columns(runs.c.id))) == ["run 6", "run 7", "run 8"]
