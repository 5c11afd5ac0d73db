"""An office without a list: its records are asked by rising number. Real crawls of an office on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office_server import Office, declare, serve
from pydantic import ValidationError

from spiders.plan import Job, Outcome, Plan, Seen
from spiders.run import run_crawl
from spiders.source import Source, load_sources
from spiders.warc import read_pages

PLACE = "db.example/record?id="


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        yield server


def walking(kind: str = "listing", **walk: object) -> Source:
    rows: dict[str, str] = {"row": "form.own", "url": "::attr(action)", "title": "h1", "content": "p"}
    if kind == "api":
        rows = {"row": "project", "url": "link", "title": "name", "content": "text"}
    settings = {"url": f"https://{PLACE}{{n}}", "first": 10, "record": "h1", "misses": 3, "most": 12} | walk
    return declare(id="db", kind=kind, url=f"https://{PLACE}10", item=["id=\\d+$"], rows=rows, walk=settings,
                   article={"follow": False})  # fmt: skip


def record(number: int, own: bool = True) -> bytes:
    kind = "own" if own else "other"
    return f'<form class="{kind}" action="?id={number}"><h1>Project {number}</h1><p>What it does.</p></form>'.encode()


def crawl(office: Office, folder: Path, source: Source, seen: Seen | None = None, **keys: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    job = Job(source, seen or Seen(), delay=0, **keys)
    return run_crawl(Plan("run", (job,), folder, {"*": f"127.0.0.1:{office.port}"}, time_limit=40.0))["db"]


def after(outcome: Outcome) -> Seen:
    return Seen(entries=outcome.entries, walked=outcome.walked)


def numbers(office: Office) -> list[int]:
    return [int(place.removeprefix(PLACE)) for place, _ in office.asked]


def test_a_walk_passes_gaps_and_ends_after_misses_in_a_row(office: Office, tmp_path: Path) -> None:
    office.routes = {f"{PLACE}{n}": record(n) for n in (10, 13)} | {f"{PLACE}11": record(11, own=False)}
    first = crawl(office, tmp_path, walking())
    assert numbers(office) == [10, 11, 12, 13, 14, 15, 16]
    assert (first.status, first.rows, first.matched, first.new) == ("ok", 3, 2, 2)
    assert (first.walked, first.missing, first.dropped) == (13, 4, 0)
    with (tmp_path / "run.warc.gz").open("rb") as stream:
        assert [p.url for p in read_pages(stream)] == [f"https://{PLACE}{n}" for n in (10, 13)]


def test_the_next_walk_begins_at_the_last_number_that_answered(office: Office, tmp_path: Path) -> None:
    office.routes = {f"{PLACE}{n}": record(n) for n in (10, 11)}
    first = crawl(office, tmp_path / "a", walking())
    office.asked.clear()
    office.routes[f"{PLACE}13"] = record(13)
    second = crawl(office, tmp_path / "b", walking(), after(first))
    assert numbers(office) == [11, 12, 13, 14, 15, 16]
    assert (second.status, second.new, second.known, second.walked) == ("ok", 1, 1, 13)


def test_caps_are_counted_and_the_rest_comes_with_the_next_visit(office: Office, tmp_path: Path) -> None:
    office.routes = {f"{PLACE}{n}": record(n) for n in range(10, 30)}
    first = crawl(office, tmp_path / "a", walking())
    assert (first.new, first.dropped, first.walked, first.requests) == (12, 1, 21, 12)
    limited = crawl(office, tmp_path / "b", walking(), limit=2)
    assert (limited.new, limited.dropped, limited.walked) == (2, 1, 11)
    second = crawl(office, tmp_path / "c", walking(), after(first))
    assert (second.new, second.known, second.walked) == (8, 1, 29)


def test_a_page_without_a_record_and_one_that_leads_away_are_missing_numbers(office: Office, tmp_path: Path) -> None:
    office.routes = {f"{PLACE}10": record(10), f"{PLACE}11": b"<form></form>", f"{PLACE}12": (302, {"Location": "/start"}, b""),
                     "db.example/start": record(10), f"{PLACE}13": (410, {}, b"")}  # fmt: skip
    outcome = crawl(office, tmp_path, walking())
    assert (outcome.status, outcome.rows, outcome.missing, outcome.walked) == ("ok", 1, 3, 10)


def test_a_fault_ends_the_walk_where_the_next_one_begins_again(office: Office, tmp_path: Path) -> None:
    office.routes = {f"{PLACE}{n}": record(n) for n in (10, 12)} | {f"{PLACE}11": (500, {}, b"")}
    first = crawl(office, tmp_path / "a", walking())
    assert (first.status, first.walked, first.failed_pages) == ("partial", 10, 1)
    assert "answered 500" in first.cause
    address = f"https://{PLACE}11"
    given_up = Seen(entries={**first.entries, address: first.failed[address]["hash"]}, walked=10)
    second = crawl(office, tmp_path / "b", walking(), given_up)
    assert (second.status, second.new, second.walked) == ("ok", 1, 12)


def test_a_database_that_answers_nothing_is_empty_unless_its_first_record_does(office: Office, tmp_path: Path) -> None:
    moved = crawl(office, tmp_path / "a", walking(), Seen(walked=14))
    assert (moved.status, "No record answered at number 14" in moved.cause) == ("empty", True)
    office.routes[f"{PLACE}10"] = record(10)
    assert crawl(office, tmp_path / "b", walking(), Seen(walked=14)).status == "ok"


def test_an_api_is_walked_too(office: Office, tmp_path: Path) -> None:
    office.routes = {
        f"{PLACE}10": b'{"project": {"link": "/record?id=10", "name": "Ten", "text": "<p>What it does.</p>"}}',
        f"{PLACE}11": b'{"project": null}',
        f"{PLACE}12": b"no JSON at all",
    }
    outcome = crawl(office, tmp_path, walking("api", record="project"))
    assert (outcome.status, outcome.new, outcome.walked, outcome.missing) == ("ok", 1, 10, 3)


@pytest.mark.parametrize("walk", [{"url": "https://db.example/record"}, {"misses": 12}, {"most": 0}])
def test_a_walk_that_cannot_work_is_no_declaration(walk: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        walking(**walk)
    with pytest.raises(ValidationError, match="listing or api"):
        declare(kind="feed", walk={"url": f"https://{PLACE}{{n}}"})


def test_the_project_database_is_walked() -> None:
    source = load_sources()["apec-project-db"]
    assert source.enabled
    assert source.walk.url.replace("{n}", str(source.walk.first)) == source.url
