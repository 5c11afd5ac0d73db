"""One look at a list, against a real server on loopback: what counts as a change, and how politely it is asked for."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_server import Office, Reply, declare, serve, tagged

from spiders.digest import list_digest
from spiders.plan import MAX_BYTES, Seen
from spiders.source import Source
from spiders.watch import Sight, Watcher

AGENT = "iprwatch/1 (+https://project.example)"
LIST = "office.example/news/rss.xml"
FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><pubDate>Mon, 02 Nov 2026 09:00:00 GMT</pubDate>
<lastBuildDate>Mon, 02 Nov 2026 09:00:00 GMT</lastBuildDate>
<item><title>Fees</title><link>https://office.example/fees</link><pubDate>Mon, 02 Nov 2026 08:00:00 GMT</pubDate></item></channel></rss>"""
PAGE = b"""<!DOCTYPE html><html><head><meta name="csrf-token" content="a1"><script nonce="n1">start()</script></head><body class="js-view-dom-id-a1">
<form><input type="hidden" name="form_build_id" value="form-a1"></form><main><a href="/x;jsessionid=A1">Fees</a></main><!-- built in 12 ms --></body></html>"""


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as office:
        yield office


def visit(office: Office, *looks: tuple[Source, Seen], delay_scale: float = 0.0) -> list[Sight]:
    """Looks at once; the sights in order."""

    async def look() -> list[Sight]:
        hosts = {"*": f"127.0.0.1:{office.port}"}
        async with Watcher([source for source, _ in looks], hosts, AGENT, delay_scale) as watcher:
            return list(await asyncio.gather(*(watcher.look(*each) for each in looks)))

    return asyncio.run(look())


def look(office: Office, seen: Seen | None = None, **keys: object) -> Sight:
    (sight,) = visit(office, (declare(**keys), seen or Seen()))
    return sight


def test_a_list_that_is_not_known_has_changed_and_then_is_asked_for_conditionally(office: Office) -> None:
    office.routes[LIST] = tagged(FEED)
    first = look(office)
    assert (first.fate, first.seen.body_hash) == ("changed", list_digest(FEED))
    again = look(office, first.seen)
    assert (again.fate, again.seen) == ("same", first.seen)
    assert office.headers[-1]["If-None-Match"] == first.seen.etag
    assert office.headers[-1]["User-Agent"] == AGENT
    assert office.headers[-1]["Host"] == "office.example"
    office.routes[LIST] = tagged(FEED.replace(b"Fees", b"More fees"))
    assert look(office, first.seen).fate == "changed"


def test_nothing_is_asked_conditionally_of_a_list_that_is_not_known(office: Office) -> None:
    office.routes[LIST] = tagged(FEED)
    seen = look(office).seen
    assert look(office, Seen(seen.etag)).fate == "changed"


@pytest.mark.parametrize(
    ("body", "was", "now", "same"),
    [
        (FEED, b"<lastBuildDate>Mon", b"<lastBuildDate>Tue", True),
        (FEED, b"</title><pubDate>Mon, 02 Nov 2026 09", b"</title><pubDate>Mon, 02 Nov 2026 10", True),
        (FEED, b"<pubDate>Mon, 02 Nov 2026 08", b"<pubDate>Mon, 02 Nov 2026 07", False),
        (FEED, b"/fees", b"/fares", False),
        (PAGE, b'content="a1"', b'content="b2"', True),
        (PAGE, b'nonce="n1"', b'nonce="n2"', True),
        (PAGE, b"dom-id-a1", b"dom-id-b2", True),
        (PAGE, b"form-a1", b"form-b2", True),
        (PAGE, b"jsessionid=A1", b"jsessionid=B2", True),
        (PAGE, b"12 ms", b"13 ms", True),
        (PAGE, b"Fees", b"Fares", False),
        (PAGE, b"start()", b"stop()", False),
        (PAGE.replace(b"<main>", b"<!-- <main>").replace(b"</main>", b"</main> -->"), b"Fees", b"Fares", False),
    ],
)
def test_what_changes_by_itself_is_no_change(body: bytes, was: bytes, now: bytes, same: bool) -> None:
    assert body.count(was) == 1
    assert (list_digest(body) == list_digest(body.replace(was, now))) is same


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_any_bytes_have_a_digest(body: bytes, more: bytes) -> None:
    assert len(list_digest(body + more)) == 64


@pytest.mark.parametrize(
    "body",
    [
        b"<input " * 30_000,
        b"<!--" * 50_000,
        b"<!--" + b"-" * 200_000,
        b'<meta name="csrf' * 20_000,
        b"<input " + b'name="csrf' * 20_000,
        b"<rss>" + b"<date>" * 50_000,
    ],
)
def test_a_hostile_list_is_digested_in_linear_time(body: bytes) -> None:
    began = time.perf_counter()
    list_digest(body)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("status", [404, 500, 403])
def test_a_list_that_is_refused_has_failed_and_what_was_known_stays(office: Office, status: int) -> None:
    office.routes[LIST] = (status, {}, b"no")
    seen = Seen("e", "", "d")
    sight = look(office, seen)
    assert (sight.fate, sight.seen) == ("failed", seen)
    assert str(status) in sight.cause


def test_a_host_that_is_away_has_failed() -> None:
    with serve() as office:
        pass
    assert "cannot be reached" in look(office).cause


@pytest.mark.parametrize(("asked", "wait"), [("120", 120.0), ("", 60.0)])
def test_an_overloaded_host_is_left_alone_by_all_its_sources(office: Office, asked: str, wait: float) -> None:
    office.routes[LIST] = (429, {"Retry-After": asked} if asked else {}, b"")
    office.routes["office.example/b.xml"] = FEED
    first, second = visit(office, (declare(), Seen()), (declare(id="b", url="https://office.example/b.xml"), Seen()))
    assert (first.fate, first.retry_after) == ("overloaded", wait)
    assert second.fate == "overloaded"
    assert wait - 5 < second.retry_after <= wait
    assert office.count("office.example/b.xml") == 0


def test_robots_txt_is_read_once_and_what_it_forbids_is_not_asked_for(office: Office) -> None:
    reads: list[float] = []

    def robots(_: Mapping[str, str]) -> Reply:
        reads.append(time.monotonic())
        return (200, {}, b"User-agent: iprwatch\nDisallow: /news/\n")

    office.routes["office.example/robots.txt"] = robots
    office.routes["office.example/open.xml"] = FEED
    shut, free = visit(office, (declare(), Seen()), (declare(id="b", url="https://office.example/open.xml"), Seen()))
    assert (shut.fate, free.fate) == ("forbidden", "changed")
    assert office.count(LIST) == 0
    assert len(reads) == 1


def test_a_robots_txt_that_asks_for_patience_is_no_leave_to_go_on(office: Office) -> None:
    office.routes["office.example/robots.txt"] = (503, {"Retry-After": "30"}, b"")
    office.routes[LIST] = FEED
    assert look(office).fate == "overloaded"
    assert office.count(LIST) == 0


def test_sources_of_one_host_are_asked_one_after_the_other_with_the_delay_between(office: Office) -> None:
    busy: list[int] = [0]
    most: list[int] = [0]

    def slow(_: Mapping[str, str]) -> Reply:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        time.sleep(0.05)
        busy[0] -= 1
        return (200, {}, FEED)

    looks = []
    for n in range(5):
        office.routes[f"office.example/{n}.xml"] = slow
        looks.append((declare(id=f"s{n}", url=f"https://office.example/{n}.xml", delay="0.2s"), Seen()))
    office.routes["other.example/x.xml"] = slow
    looks.append((declare(id="o", url="https://other.example/x.xml", delay="0.2s"), Seen()))
    sights = visit(office, *looks, delay_scale=1.0)
    assert {s.fate for s in sights} == {"changed"}
    times = sorted(at for place, at in office.asked if place.startswith("office"))
    assert min(b - a for a, b in pairwise(times)) >= 0.2
    assert most[0] <= 2, "more than one request at a host at a time"


def test_a_crawl_delay_of_robots_txt_wins_where_it_is_larger(office: Office) -> None:
    office.routes["office.example/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 0.5\n")
    looks = []
    for n in range(2):
        office.routes[f"office.example/{n}.xml"] = FEED
        looks.append((declare(id=f"s{n}", url=f"https://office.example/{n}.xml", delay="0.1s"), Seen()))
    visit(office, *looks, delay_scale=1.0)
    first, second = (at for _, at in office.asked)
    assert second - first >= 0.5


def test_a_redirect_is_followed_under_the_robots_txt_of_where_it_leads(office: Office) -> None:
    office.routes[LIST] = (301, {"Location": "https://new.example/rss.xml"}, b"")
    office.routes["new.example/rss.xml"] = tagged(FEED)
    first = look(office)
    assert first.fate == "changed"
    assert look(office, first.seen).fate == "same"
    office.routes["new.example/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /\n")
    assert look(office, first.seen).fate == "forbidden"


@pytest.mark.parametrize(
    "target", ["https://office.example/news/rss.xml", "ftp://office.example/", "http://127.0.0.1:9/", "//[::1"]
)
def test_a_redirect_that_leads_nowhere_good_has_failed(office: Office, target: str) -> None:
    office.routes[LIST] = (302, {"Location": target}, b"")
    sight = look_unmapped(office) if "127" in target else look(office)
    assert sight.fate == "failed"


def look_unmapped(office: Office) -> Sight:
    async def once() -> Sight:
        async with Watcher([], {"office.example": f"127.0.0.1:{office.port}"}, AGENT, 0.0) as watcher:
            return await watcher.look(declare(), Seen())

    return asyncio.run(once())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_private_address_is_never_connected_to(office: Office, host: str) -> None:

    async def once() -> Sight:
        async with Watcher([], {"other.example": f"127.0.0.1:{office.port}"}, AGENT, 0.0) as watcher:
            return await watcher.look(declare(url=f"http://{host}:{office.port}/news/rss.xml"), Seen())

    sight = asyncio.run(once())
    assert sight.fate == "failed"
    assert "refused" in sight.cause
    assert office.asked == []


def bomb(_: Mapping[str, str]) -> Reply:
    return (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(MAX_BYTES + 1)))


def large(_: Mapping[str, str]) -> Reply:
    return (200, {}, bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("route", [bomb, large])
def test_a_body_beyond_the_cap_has_failed(office: Office, route: Callable[[Mapping[str, str]], Reply]) -> None:
    office.routes[LIST] = route
    assert "larger than 10 MB" in look(office).cause


def test_a_list_that_hangs_is_given_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_: Mapping[str, str]) -> Reply:
        time.sleep(1.0)
        return (200, {}, FEED)

    monkeypatch.setattr("spiders.watch.TIMEOUT", 0.3)
    office.routes[LIST] = hang
    began = time.monotonic()
    assert look(office).fate == "failed"
    assert time.monotonic() - began < 0.9


def test_a_compressed_list_is_the_same_list(office: Office) -> None:
    office.routes[LIST] = (200, {"Content-Encoding": "gzip"}, gzip.compress(FEED))
    assert look(office).seen.body_hash == list_digest(FEED)
