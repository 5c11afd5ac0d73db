"""`make live` without the internet: the same code against offices on loopback, in live space."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from office_server import Office, Reply, declare, serve

from iprwatch.cli.closing import MULTILINGUAL, Closing, render_closing
from iprwatch.cli.run import LIVE_SECONDS, finish, run_live
from iprwatch.contact import settle_contact
from iprwatch.context import Context
from iprwatch.errors import FetchError, InputError
from iprwatch.flow import Visit
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import set_fault, start_scene
from iprwatch.settings import load_settings

CONTACT = "desk@office.example"


def ignore(_line: str) -> None:
    return


@pytest.fixture
def live() -> Iterator[Context]:
    """An empty live space whose contact is known, with a model that needs no weights."""
    with Context(load_settings(space="live", contact=CONTACT, model="hash").prepared()) as context:
        yield context


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        yield server


def screen(context: Context, visit: Visit, *wanted: str) -> tuple[Closing, str]:
    closing = Closing(context, run_live(context, wanted, visit, ignore))
    return closing, "\n".join(line.plain for line in render_closing(closing))


def feed(*slugs: str) -> bytes:
    rows = "".join(
        f"<item><title>Patent fees {s}</title><link>/{s}</link><description>Fees for patents rise at {s}.</description></item>"
        for s in slugs
    )
    return f'<rss version="2.0"><channel><title>t</title>{rows}</channel></rss>'.encode()


PAGE = b"<html><body><main><h1>Patent fees</h1><p>The office raises the fees for patents from April on.</p></main></body></html>"


def slowly(seconds: float) -> Callable[[Mapping[str, str]], Reply]:
    """A route that answers late."""

    def route(_headers: Mapping[str, str]) -> Reply:
        time.sleep(seconds)
        return 200, {"Content-Type": "text/html; charset=utf-8"}, PAGE

    return route


def test_offices_that_failed_are_named_with_their_cause_and_one_success_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model_cache: Path
) -> None:
    settings = load_settings(space="live", contact=CONTACT).prepared()
    start_scene(tmp_path)
    set_fault(tmp_path, "uspto-news", "gone")
    with Server(tmp_path) as server, Context(settings) as context:
        visit = Visit(server.hosts, limit=3, time_limit=40.0, delay_scale=0.0)
        closing, drawn = screen(context, visit, "uspto-news", "epo-news", "fr-cnac-news", "dpma-press")
        finish(closing, "the-log", False)
    assert "4 visited: 3 ok, 1 failed" in drawn
    assert "uspto-news: " in drawn
    assert "404" in drawn
    assert f"IPRWATCH_MODEL={MULTILINGUAL}" in drawn
    assert "118M parameters, 471 MB" in " ".join(drawn.split())
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) <= 40
    assert max(map(len, shown)) <= 80
    assert not (settings.home / "demo").exists()


def test_when_every_office_failed_it_is_an_error(live: Context, capsys: pytest.CaptureFixture[str]) -> None:
    visit = Visit({"*": "127.0.0.1:9"}, limit=3, time_limit=20.0, delay_scale=0.0)
    closing, drawn = screen(live, visit, "uspto-news", "epo-news")
    assert "offices     2 failed" in drawn
    with pytest.raises(FetchError, match="Every office failed"):
        finish(closing, "the-log", True)
    assert '"status": "failed"' in capsys.readouterr().out


def test_the_time_ends_the_crawl_and_nothing_is_lost(live: Context, office: Office) -> None:
    assert LIVE_SECONDS == 120
    live.sources = {
        "quick": declare(id="quick", url="https://quick.example/rss"),
        "slow": declare(id="slow", url="https://slow.example/rss"),
        "hung": declare(id="hung", url="https://hung.example/rss"),
    }
    office.routes = {
        "quick.example/rss": feed("q1"), "quick.example/q1": PAGE,
        "slow.example/rss": feed("s1", "s2"), "slow.example/s1": PAGE, "slow.example/s2": slowly(30.0),
        "hung.example/rss": slowly(30.0),
    }  # fmt: skip
    visit = Visit({"*": f"127.0.0.1:{office.port}"}, limit=10, time_limit=4.0, delay_scale=0.0)
    closing, drawn = screen(live, visit)
    assert "not reached in time, next run goes on: " in drawn
    assert {o.source for o in closing.unreached} == {"slow", "hung"}
    assert closing.report.counts.new == 2  # q1 and the half of slow that came
    office.routes |= {"slow.example/s2": PAGE, "hung.example/rss": feed("h1"), "hung.example/h1": PAGE}
    closing, drawn = screen(live, visit)
    assert "not reached" not in drawn
    assert not closing.unreached
    assert closing.report.counts.new == 2


def test_confirmed_feeds_come_first_where_sources_share_a_host(live: Context, office: Office) -> None:
    rank: dict[str, dict[str, Any]] = {
        "a-likely": {"evidence": "likely"},
        "b-page": {"kind": "page"},
        "c-feed": {},
    }
    live.sources = {
        name: declare(id=name, url=f"https://shared.example/{name}/rss", **keys) for name, keys in rank.items()
    }
    for name in rank:
        office.routes[f"shared.example/{name}/rss"] = feed(f"{name}/1", f"{name}/2")
        office.routes |= {f"shared.example/{name}/{n}": PAGE for n in (1, 2)}
    screen(live, Visit({"*": f"127.0.0.1:{office.port}"}, limit=10, time_limit=20.0, delay_scale=0.0))
    asked = [place.split("/")[1] for place, _ in office.asked]
    assert list(dict.fromkeys(asked)) == ["c-feed", "b-page", "a-likely"]
    assert asked == sorted(asked, reverse=True)


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield


@pytest.mark.usefixtures("no_terminal")
def test_a_contact_is_asked_for_once_and_remembered() -> None:
    person, terminal = pty.openpty()
    with os.fdopen(terminal) as keyboard, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", keyboard)
        os.write(person, f"{CONTACT}\n".encode())
        assert settle_contact(Context(load_settings(space="live").prepared())) == CONTACT
    os.close(person)
    later = Context(load_settings(space="live"))
    assert settle_contact(later) == CONTACT
    assert later.settings.contact == CONTACT


@pytest.mark.usefixtures("no_terminal")
def test_without_a_terminal_a_missing_contact_is_an_error_with_its_remedy() -> None:
    with pytest.raises(InputError, match=r"CONTACT=me@office\.example make live"):
        settle_contact(Context(load_settings(space="live").prepared()))
