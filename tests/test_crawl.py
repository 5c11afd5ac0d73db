"""The crawl against offices that behave, misbehave and attack. Each crawl is a real process; offices are on loopback."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from office_server import Office, declare, serve, tagged

from pipelines.model import Entry, Page
from spiders.entries import entry_hash
from spiders.plan import Job, Outcome, Plan, Recheck, Seen, read_plan, write_plan
from spiders.run import run_crawl
from spiders.source import Source
from spiders.warc import read_pages, repair

PAGE = b"<html><body><main><p>A text of the office.</p></main></body></html>"


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        yield server


def source(name: str, **keys: object) -> Source:
    return declare(id=name, **{"url": f"https://{name}.example/rss"} | keys)


def feed(*slugs: str, title: str = "Row") -> bytes:
    rows = "".join(
        f"<item><title>{title} {s}</title><link>/{s}</link><description>Short {s}</description></item>" for s in slugs
    )
    return f'<rss version="2.0"><channel><title>t</title>{rows}</channel></rss>'.encode()


def seen(outcome: Outcome) -> Seen:
    return Seen(outcome.etag, outcome.last_modified, outcome.body_hash, outcome.entries)


def crawl(
    office: Office, folder: Path, *jobs: Job, run: str = "run", mapped: str = "*", **keys: Any
) -> dict[str, Outcome]:
    limits = {"time_limit": 40.0, "timeout": 3.0, "user_agent": "iprwatch/1 (+https://project.example)"} | keys
    return run_crawl(Plan(run, jobs, folder, {mapped: f"127.0.0.1:{office.port}"}, **limits))


def pages(folder: Path, run: str = "run") -> list[Page]:
    with (folder / f"{run}.warc.gz").open("rb") as stream:
        return list(read_pages(stream))


def test_plan_and_outcome_survive_json(tmp_path: Path) -> None:
    entry = Entry("https://a.example/1", title="é")
    job = Job(
        source("a", every="90m", key="x(1)"),
        Seen("e", "", "h", {"k": "v"}),
        3,
        (Recheck("u", "k", "e", "", entry),),
        1.5,
        True,
    )
    plan = Plan("r", (job,), tmp_path, {"*": "127.0.0.1:1"})
    assert read_plan(write_plan(plan)) == plan


def test_a_first_visit_lands_what_the_list_names_and_the_second_finds_it_unchanged(
    office: Office, tmp_path: Path
) -> None:
    office.routes = {"a.example/rss": tagged(feed("x", "y")), "a.example/x": PAGE, "a.example/y": PAGE}
    first = crawl(office, tmp_path, Job(source("a"), delay=0))["a"]
    assert (first.status, first.rows, first.new, first.requests) == ("ok", 2, 2, 3)
    landed = pages(tmp_path)
    assert [p.url for p in landed] == ["https://a.example/x", "https://a.example/y"]
    assert landed[0].entry
    assert landed[0].entry.title == "Row x"
    assert (landed[0].body, landed[0].status, landed[0].content_type) == (PAGE, 200, "text/html; charset=utf-8")
    again = crawl(office, tmp_path, Job(source("a"), seen(first), delay=0), run="again")["a"]
    assert (again.status, again.http_status, again.requests, again.etag) == ("unchanged", 304, 1, first.etag)
    assert not (tmp_path / "again.warc.gz").exists()
    assert office.headers[0]["Host"] == "a.example"


def test_only_new_and_edited_rows_are_fetched(office: Office, tmp_path: Path) -> None:
    office.routes = {f"a.example/{slug}": PAGE for slug in "xyz"} | {"a.example/rss": feed("x", "y")}
    first = crawl(office, tmp_path, Job(source("a"), delay=0))["a"]
    office.routes["a.example/rss"] = feed("z", "x", "y").replace(b"Row y", b"Row y, corrected")
    second = crawl(office, tmp_path, Job(source("a"), seen(first), delay=0), run="b")["a"]
    assert (second.new, second.changed, second.known) == (1, 1, 1)
    assert office.count("a.example/x") == 1


def test_the_body_decides_where_the_validator_lies(office: Office, tmp_path: Path) -> None:
    office.routes = {"a.example/rss": lambda h: (200, {"ETag": f'"{time.monotonic()}"'}, feed("x")), "a.example/x": PAGE,
                     "b.example/rss": lambda h: (304 if "If-None-Match" in h else 200, {"ETag": '"same"'}, b"" if "If-None-Match" in h else feed("x", "y")),
                     "b.example/x": PAGE, "b.example/y": PAGE}  # fmt: skip
    first = crawl(office, tmp_path, Job(source("a"), delay=0))["a"]
    lying = Seen('"same"', "", "old", {})
    second = crawl(
        office, tmp_path, Job(source("a"), seen(first), delay=0), Job(source("b"), lying, delay=0, full=True), run="b"
    )
    assert (second["a"].status, second["a"].http_status) == ("unchanged", 200)
    assert (second["b"].status, second["b"].new) == ("ok", 2)


def test_a_limit_takes_the_newest_and_counts_the_rest(office: Office, tmp_path: Path) -> None:
    office.routes = {"a.example/rss": feed("x", "y", "z"), "a.example/x": PAGE}
    outcome = crawl(office, tmp_path, Job(source("a"), limit=1, delay=0))["a"]
    assert (outcome.new, outcome.dropped, list(outcome.entries)) == (1, 2, ["https://a.example/x"])


def test_paging_goes_on_until_nothing_is_new(office: Office, tmp_path: Path) -> None:
    listing = source("a", kind="listing", url="https://a.example/n", item=[r"/i/\d"], article={"follow": False},
                     paging={"url": "https://a.example/n?p={page}", "first": 1, "limit": 3})  # fmt: skip
    for page, query in enumerate(("", "?p=1", "?p=2", "?p=3")):
        rows = "".join(f'<li><a href="/i/{n}">A long enough title {n}</a></li>' for n in range(page * 2, page * 2 + 2))
        office.routes[f"a.example/n{query}"] = f"<main><ul>{rows}</ul></main>".encode()
    first = crawl(office, tmp_path, Job(listing, delay=0))["a"]
    assert (first.new, first.dropped, first.requests) == (6, 1, 3)
    office.routes["a.example/n"] = b'<main><a href="/i/0">A long enough title 0</a><p>today</p></main>'
    second = crawl(office, tmp_path, Job(listing, seen(first), delay=0), run="b")["a"]
    assert (second.status, second.known, second.requests) == ("ok", 1, 1)


def test_rows_that_carry_their_text_land_without_a_request(office: Office, tmp_path: Path) -> None:
    office.routes = {"a.example/rss": feed("x")}
    crawl(office, tmp_path, Job(source("a", article={"follow": False}), delay=0))
    (page,) = pages(tmp_path)
    assert b"<p>Short x</p>" in page.body
    assert (page.url, page.content_type) == ("https://a.example/x", "text/html; charset=utf-8")
    assert [place for place, _ in office.asked] == ["a.example/rss"]


def test_a_watched_page_is_landed_when_its_bytes_change(office: Office, tmp_path: Path) -> None:
    watched = source("a", kind="page", url="https://a.example/ipeg")
    office.routes = {"a.example/ipeg": PAGE}
    first = crawl(office, tmp_path, Job(watched, delay=0))["a"]
    office.routes["a.example/ipeg"] = PAGE.replace(b"A text", b"Another text")
    second = crawl(office, tmp_path, Job(watched, seen(first), delay=0), run="b")["a"]
    third = crawl(office, tmp_path, Job(watched, seen(second), delay=0), run="c")["a"]
    assert [(o.status, o.new, o.changed) for o in (first, second, third)] == [
        ("ok", 1, 0),
        ("ok", 0, 1),
        ("unchanged", 0, 0),
    ]


def test_a_nested_sitemap_is_read(office: Office, tmp_path: Path) -> None:
    index = b"<sitemapindex><sitemap><loc>/s1.xml</loc></sitemap></sitemapindex>"
    office.routes = {"a.example/s.xml": index, "a.example/x": PAGE,
                     "a.example/s1.xml": gzip.compress(b"<urlset><url><loc>https://a.example/x</loc></url></urlset>")}  # fmt: skip
    outcome = crawl(office, tmp_path, Job(source("a", kind="sitemap", url="https://a.example/s.xml"), delay=0))["a"]
    assert (outcome.status, outcome.new, outcome.body_hash) == ("ok", 1, "")


def test_rechecks_ask_conditionally(office: Office, tmp_path: Path) -> None:
    office.routes = {"a.example/rss": tagged(feed("x")), "a.example/x": tagged(PAGE, "text/html")}
    first = crawl(office, tmp_path, Job(source("a"), delay=0))["a"]
    known = first.fetched["https://a.example/x"]
    recheck = Recheck(known["url"], "https://a.example/x", known["etag"], "", Entry(**known["entry"]))
    quiet = crawl(office, tmp_path, Job(source("a"), seen(first), rechecks=(recheck,), delay=0), run="b")["a"]
    assert (quiet.status, quiet.changed, list(quiet.fetched)) == ("unchanged", 0, ["https://a.example/x"])
    office.routes["a.example/x"] = tagged(PAGE + b"<!-- edited -->", "text/html")
    edited = crawl(office, tmp_path, Job(source("a"), seen(first), rechecks=(recheck,), delay=0), run="c")["a"]
    assert (edited.changed, edited.entries) == (1, {"https://a.example/x": entry_hash(recheck.entry)})
    assert len(pages(tmp_path, "c")) == 1


def test_the_other_sources_go_on_whatever_one_does(office: Office, tmp_path: Path) -> None:
    """Every fault at once, each with a cause for people, and the good source among them lands."""
    bomb = gzip.compress(b"x" * (3 * 1024 * 1024))
    text = {"Content-Type": "text/html"}
    office.routes = {
        "good.example/rss": feed("x"), "good.example/x": PAGE,
        "robots.example/robots.txt": b"User-agent: *\nDisallow: /rss", "robots.example/rss": feed("x"),
        "loop.example/rss": (302, {"Location": "/rss"}, b""),
        "big.example/rss": (200, {}, b"x" * (2 * 1024 * 1024)),
        "bomb.example/rss": (200, {"Content-Encoding": "gzip"}, bomb),
        "busy.example/rss": (429, {"Retry-After": "3600"}, b""),
        "wall.example/rss": (200, text, b"<html><head><title>Just a moment...</title></head></html>"),
        "denied.example/rss": (403, text, b"no"),
        "gone.example/rss": (404, text, b"no"),
        "html.example/rss": (200, text, b"<html>Welcome</html>"),
        "none.example/rss": b'<rss version="2.0"><channel><title>t</title></channel></rss>',
        "odd.example/rss": feed("x"),
        "bad.example/rss": feed("x", "big"), "bad.example/x": PAGE, "bad.example/big": (200, text, b"x" * (2 * 1024 * 1024)),
    }  # fmt: skip
    office.routes["slow.example/rss"] = lambda headers: (time.sleep(4), (200, {}, b""))[1]
    names = sorted({place.partition(".")[0] for place in office.routes})
    jobs = [Job(source(name, **({"item": ["/never/"]} if name == "odd" else {})), delay=0) for name in names]
    found = crawl(office, tmp_path, *jobs, max_bytes=1024 * 1024, timeout=2.0)
    expected = {
        "good": ("ok", ""), "robots": ("blocked", "robots.txt forbids"), "loop": ("failed", "redirects more than 5 times"),
        "big": ("failed", "larger than 1 MB"), "bomb": ("failed", "larger than 1 MB"), "busy": ("failed", "Retry-After: 3600"),
        "wall": ("blocked", "challenge"), "denied": ("blocked", "refuses access"), "gone": ("failed", "answered 404"),
        "html": ("failed", "is no feed"), "none": ("empty", "without a single row"), "odd": ("empty", "None of the 1 rows"),
        "bad": ("partial", "larger than 1 MB"), "slow": ("failed", "did not answer within 2 s"),
    }  # fmt: skip
    for name, (status, cause) in expected.items():
        assert found[name].status == status, (name, found[name])
        assert cause in found[name].cause, (name, found[name])
    assert found["busy"].retry_after == 3600
    assert (found["bad"].new, found["bad"].failed_pages, found["gone"].http_status) == (1, 1, 404)


def test_a_short_retry_after_is_waited_out(office: Office, tmp_path: Path) -> None:
    answers = iter(
        [(429, {"Retry-After": "1"}, b""), (503, {"Retry-After": formatdate(time.time() + 3600, usegmt=True)}, b"")]
    )
    office.routes = {"a.example/rss": lambda h: next(answers, (200, {}, feed()))}
    started = time.monotonic()
    outcome = crawl(office, tmp_path, Job(source("a"), delay=0))["a"]
    assert time.monotonic() - started > 1
    assert office.count("a.example/rss") == 2
    assert 3500 < outcome.retry_after <= 3600


def test_crawl_delay_of_robots_holds_for_the_real_host_only(office: Office, tmp_path: Path) -> None:
    office.routes = {"slow.example/robots.txt": b"User-agent: *\nCrawl-delay: 1"}
    for host in ("slow", "fast"):
        office.routes |= {f"{host}.example/rss": feed("x", "y"), f"{host}.example/x": PAGE, f"{host}.example/y": PAGE}
    crawl(office, tmp_path, Job(source("slow"), delay=0.3), Job(source("fast"), delay=0.3))
    for host, least, most in (("slow", 0.9, 9.0), ("fast", 0.27, 0.9)):
        times = [at for place, at in office.asked if place.startswith(host)]
        assert all(least <= b - a <= most for a, b in pairwise(times)), (host, times)


def test_private_addresses_are_refused_by_name_literal_and_redirect(office: Office, tmp_path: Path) -> None:
    port = office.port
    office.routes = {"mapped.example/rss": (302, {"Location": f"http://localhost:{port}/secret"}, b""),
                     f"localhost:{port}/secret": feed("x"), f"127.0.0.1:{port}/secret": feed("x")}  # fmt: skip
    addresses = {"name": f"http://localhost:{port}/secret", "literal": f"http://127.0.0.1:{port}/secret",
                 "v6": f"http://[::1]:{port}/secret", "redirect": "https://mapped.example/rss", "unknown": "https://no.invalid/rss"}  # fmt: skip
    found = crawl(
        office, tmp_path, *(Job(source(n, url=u), delay=0) for n, u in addresses.items()), mapped="mapped.example"
    )
    for name in ("name", "literal", "v6", "redirect"):
        assert found[name].status == "failed"
        assert "private address" in found[name].cause, found[name]
    assert "unknown" in found["unknown"].cause
    assert [place for place, _ in office.asked] == ["mapped.example/rss"]


def test_a_closed_port_is_a_cause(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = crawl(Office(port=port), tmp_path, Job(source("a"), delay=0))["a"]
    assert (outcome.status, "refuses connections" in outcome.cause) == ("failed", True)


def test_time_up_keeps_what_has_landed(office: Office, tmp_path: Path) -> None:
    office.routes = {"a.example/rss": feed(*"uvwxyz")} | {f"a.example/{s}": PAGE for s in "uvwxyz"}
    outcome = crawl(office, tmp_path, Job(source("a"), delay=1), time_limit=3.5)["a"]
    assert outcome.status == "partial"
    assert 0 < outcome.new < 6
    assert len(pages(tmp_path)) == outcome.new


CALLER = """
import sys; from pathlib import Path
from spiders.plan import read_plan; from spiders.run import run_crawl
run_crawl(read_plan(Path(sys.argv[1]).read_text()), lambda news: print(news, flush=True))
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_caller_takes_the_crawl_along_and_leaves_a_readable_file(
    office: Office, tmp_path: Path, kill: int
) -> None:
    office.routes = {"a.example/rss": feed(*"uvwxyz")} | {f"a.example/{s}": PAGE for s in "uvwxyz"}
    plan = Plan("run", (Job(source("a"), delay=0.3),), tmp_path, {"*": f"127.0.0.1:{office.port}"})
    (tmp_path / "plan.json").write_text(write_plan(plan))
    with subprocess.Popen([sys.executable, "-c", CALLER, str(tmp_path / "plan.json")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(Path.cwd())}) as caller:  # fmt: skip
        assert caller.stdout
        caller.stdout.readline()  # the first page has landed
        caller.send_signal(kill)
        caller.wait(10)
    time.sleep(1.5)
    asked = len(office.asked)
    time.sleep(0.7)
    assert len(office.asked) == asked < 7  # the crawl ended too
    for left in tmp_path.glob("*.open"):
        repair(left)
    assert 1 <= len(pages(tmp_path)) < 6


def test_a_crawl_that_dies_leaves_failed_outcomes(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where the folder should be")
    found = run_crawl(Plan("run", (Job(source("a")),), tmp_path / "blocked", time_limit=5.0))
    assert (found["a"].status, "ended before" in found["a"].cause) == ("failed", True)
