"""What offices do wrong and attackers try, seen from the user's side: all in one pass of the whole way over real processes.

Each fault is one source of that pass. Its outcome is named, its good items are kept, the other sources go on, and what
heals is read by the next pass.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from office_server import Office, Reply, declare, serve

from iprwatch.cli.closing import Closing, items
from iprwatch.context import Context
from iprwatch.flow import Visit, run_pass
from iprwatch.ledger.tables import articles, dead_letters
from iprwatch.report import Report
from iprwatch.settings import load_settings
from search.schema import Query

MB = 1024 * 1024
LIMIT = 5  # newest items of each source
TEXT = "The office extends the time limit for replies to examination reports by two months from the first of June. " * 4
HTML = {"Content-Type": "text/html; charset=utf-8"}
XML = {"Content-Type": "application/rss+xml"}
BOMB = b"""<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<rss version="2.0"><channel><title>&c;</title></channel></rss>"""
OUTSIDE = b"""<!DOCTYPE rss [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<rss version="2.0"><channel><title>t</title><item><title>&secret;</title><link>/x</link></item></channel></rss>"""


def page(body: str = TEXT, title: str = "") -> bytes:
    return f"<html><head><title>{title}</title></head><body><main><p>{body}</p></main></body></html>".encode()


def feed(*items: str) -> bytes:
    return f'<rss version="2.0"><channel><title>t</title>{"".join(items)}</channel></rss>'.encode()


def item(slug: str, title: str = "", date: str = "Mon, 02 Mar 2026 09:00:00 GMT", summary: str = "") -> str:
    said = f"<description>{summary}</description>" if summary else ""
    return f"<item><title>{title or f'Notice {slug}'}</title><link>/{slug}</link><pubDate>{date}</pubDate>{said}</item>"


def iprwatch(*words: str, **variables: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"IPRWATCH_MODEL": "hash"} | {k: str(v) for k, v in variables.items()}
    command = [sys.executable, "-m", "iprwatch.cli.main", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


@dataclass(frozen=True)
class Fault:
    """A source: what its addresses answer (empty path: its feed), what is said of it, how many articles come of it."""

    routes: Mapping[str, Reply | bytes] = field(default_factory=dict)
    status: str = "ok"
    cause: str = ""  # words of the outcome's cause
    articles: int = 0
    buried: str = ""  # words of a dead letter
    dropped: int = 0
    url: str = ""  # of its list, where it is not that of an office here
    follow: bool = True


FAULTS = {
    "good": Fault({"": feed(item("x")), "x": page()}, articles=1),
    "a host without an address": Fault(status="failed", cause="is unknown; no address was found", url="https://no.invalid/rss"),
    "a host that refuses": Fault(status="failed", cause="refuses connections"),
    "a name of a private address": Fault(status="failed", cause="private address", url="http://localhost:9/rss"),
    "a private address": Fault(status="failed", cause="private address", url="http://169.254.169.254/latest"),
    "a redirect to a private address": Fault({"": (302, {"Location": "http://10.0.0.1/"}, b"")}, "failed", "private address"),
    "a list beyond 10 MB": Fault({"": (200, XML, b"<rss>" + bytes(10 * MB))}, "failed", "larger than 10 MB"),
    "a page beyond 10 MB": Fault({"": feed(item("x"), item("y")), "x": page(), "y": (200, HTML, bytes(10 * MB + 1))},
                                 "partial", "larger than 10 MB", 1),
    "a gzip bomb": Fault({"": (200, XML | {"Content-Encoding": "gzip"}, gzip.compress(bytes(30 * MB)))}, "failed", "larger than 10 MB"),
    "an entity bomb": Fault({"": (200, XML, BOMB)}, "failed", "declares XML entities, which are refused"),
    "an external entity": Fault({"": (200, XML, OUTSIDE), "x": page()}, "failed", "declares XML entities, which are refused"),
    "no feed at all": Fault({"": (200, HTML, b"<html>Welcome</html>")}, "failed", "is no feed"),
    "an empty body": Fault({"": (200, XML, b"")}, "failed", "list"),
    "an empty feed": Fault({"": feed()}, "empty", "without a single row"),
    "invalid UTF-8": Fault({"": feed(item("x", "Fr\u00e9e notice")).replace("\u00e9".encode(), b"\xe9\xff"),
                            "x": page().replace(b"limit", b"lim\xc3\x28t")}, articles=1),
    "a feed of 5,000 items": Fault({"": feed(*(item(f"n{n}", summary=f"Number {n}: {TEXT}") for n in range(5000)))},
                                   articles=LIMIT, dropped=5000 - LIMIT, follow=False),
    "a page without text": Fault({"": feed(item("x"), item("y")), "x": page(), "y": page("")}, articles=1, buried="text"),
    "a picture as a page": Fault({"": feed(item("x"), item("y")), "x": page(), "y": (200, {"Content-Type": "image/png"}, b"\x89PNG")},
                                 articles=1, buried="image/png is not read"),
    "years 202 and 2202": Fault({"": feed(item("x", date="Mon, 02 Mar 0202 09:00:00 GMT"), item("y", date="Tue, 02 Mar 2202 09:00:00 GMT")),
                                 "x": page(), "y": page(TEXT.replace("June", "July"))}, articles=2),
    "control signs and markup in a title": Fault({"": feed(item("x", "New &lt;b&gt;fees&lt;/b&gt;&lt;script&gt;alert(1)&lt;/script&gt; \x07\x1b[31mof\u202e the &amp;#x0; office")),
                                                  "x": page()}, articles=1),
}  # fmt: skip


def name(fault: str) -> str:
    return "".join(c for c in fault.lower().replace(" ", "-") if c.isalnum() or c == "-")


@dataclass
class Passed:
    """What one pass over all faults left."""

    office: Office
    context: Context
    visit: Visit
    report: Report

    def rows(self, fault: str) -> list[sa.Row[tuple[object, ...]]]:
        with self.context.ledger.read() as connection:
            return list(connection.execute(sa.select(articles).where(articles.c.source == name(fault))))


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passed]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    home = tmp_path_factory.mktemp("faults")
    declared = home / "sources" / "tier9"
    declared.mkdir(parents=True)
    settings = load_settings(home=home, space="live", model="hash", sources=(declared.parent,))
    with serve() as office, Context(settings) as context:
        hosts = {}
        for fault, given in FAULTS.items():
            host = f"{name(fault)}.example"
            office.routes |= {f"{host}/{path or 'rss'}": reply for path, reply in given.routes.items()}
            hosts[host] = f"127.0.0.1:{office.port if given.routes else closed}"
            url = given.url or f"https://{host}/rss"
            source = declare(id=name(fault), url=url, article={"follow": given.follow})
            written = source.model_dump_json(exclude={"id", "tier"}, exclude_defaults=True)  # JSON is YAML
            (declared / f"{name(fault)}.yaml").write_text(written)
        visit = Visit(hosts, limit=LIMIT, delay_scale=0.0, time_limit=60.0)
        yield Passed(office, context, visit, run_pass(context, list(map(name, FAULTS)), visit))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_what_is_good_beside_it_is_kept(fault: str, passed: Passed) -> None:
    expected, outcome = FAULTS[fault], passed.report.outcomes[name(fault)]
    assert (outcome.status, outcome.dropped) == (expected.status, expected.dropped), outcome.cause
    assert expected.cause in outcome.cause
    assert "\n" not in outcome.cause
    assert len(passed.rows(fault)) == expected.articles
    with passed.context.ledger.read() as connection:
        reasons = connection.scalars(sa.select(dead_letters.c.reason).where(dead_letters.c.source == name(fault))).all()
    assert len(reasons) == bool(expected.buried)
    assert all(expected.buried in reason for reason in reasons)


def test_no_text_holds_what_an_attacker_put_there(passed: Passed) -> None:
    now = datetime.now(UTC)
    everything = [row for fault in FAULTS for row in passed.rows(fault)]
    for row in everything:
        assert row.title.isprintable()
        assert "<" not in row.title
        assert row.published.year > 1990
        assert row.published <= now
    (title,) = (row.title for row in passed.rows("control signs and markup in a title"))
    assert title.startswith("New fees")
    assert {r.published_origin for r in passed.rows("years 202 and 2202")} == {"first_seen"}


def test_the_index_owes_nothing_and_finds_the_good_items(passed: Passed) -> None:
    stored = {row.id for fault in FAULTS for row in passed.rows(fault)}
    assert {id for id, _ in passed.context.index.scan()} == stored
    found = passed.context.index.find(Query(text="examination reports", mode="keyword", limit=50, collapse=False))
    assert passed.rows("good")[0].id in {hit.id for hit in found.hits}


def test_the_closing_screen_counts_what_a_cap_left_out(passed: Passed) -> None:
    said = " ".join(str(line) for line in items(Closing(passed.context, passed.report)))
    assert f"{5000 - LIMIT} left for the next run" in " ".join(said.split())


def test_status_names_every_source_that_was_not_read(passed: Passed) -> None:
    home = passed.context.settings.home
    said = iprwatch("status", "--live", "--json", IPRWATCH_HOME=home, IPRWATCH_SOURCES=json.dumps([f"{home}/sources"]))
    assert said.returncode == 8, said.stderr
    causes = {source["id"]: source["cause"] for source in json.loads(said.stdout)["sources"]}
    assert {name(fault): True for fault in FAULTS} == {
        name(fault): given.cause in causes[name(fault)] for fault, given in FAULTS.items()
    }


def test_what_has_healed_is_read_by_the_next_pass_and_what_was_left_out_too(passed: Passed) -> None:
    for fault in ("a gzip bomb", "an entity bomb", "no feed at all", "an empty feed"):
        host = f"{name(fault)}.example"
        passed.office.routes |= {f"{host}/rss": feed(item("x")), f"{host}/x": page(f"{fault}: {TEXT}")}
    passed.office.routes[f"{name('a page beyond 10 MB')}.example/y"] = page(f"Short again. {TEXT}")
    chosen = [name(f) for f in ("a gzip bomb", "an entity bomb", "no feed at all", "an empty feed", "a page beyond 10 MB", "a feed of 5,000 items")]  # fmt: skip
    before = {fault: len(passed.rows(fault)) for fault in FAULTS}
    report = run_pass(passed.context, chosen, passed.visit)
    assert {o.status for o in report.outcomes.values()} == {"ok"}
    came = {name(f): len(passed.rows(f)) - n for f, n in before.items() if len(passed.rows(f)) != n}
    assert came == {**dict.fromkeys(chosen, 1), name("a feed of 5,000 items"): LIMIT}


DECLARATIONS = {
    "an unknown key": ("titel: Office\n", "line 1: titel: there is no such key"),
    "a wrong value": ("title: Office\nevery: often\n", "line 2: every: Input should be a valid timedelta"),
    "broken YAML": ("title: Office\n  kind: [feed\n", "line 2: not readable as YAML"),
    "no mapping": ("- title\n", "empty, or no mapping of keys"),
    "no UTF-8": ("title: B\udcfcro\n", "not readable as YAML"),
}


@pytest.mark.parametrize("fault", DECLARATIONS)
def test_a_broken_declaration_is_named_with_file_line_and_remedy(fault: str, tmp_path: Path) -> None:
    text, words = DECLARATIONS[fault]
    path = tmp_path / "tier9" / "office.yaml"
    path.parent.mkdir()
    path.write_text(text, "utf-8", "surrogateescape")
    said = iprwatch("run", "--demo", IPRWATCH_SOURCES=json.dumps([str(tmp_path)]))
    assert said.returncode == 3
    assert said.stderr.startswith(f"iprwatch: {path}: ")
    assert words in said.stderr
    assert said.stderr.endswith("Correct the file; each key is explained in docs/fields.md\n")
    assert said.stderr.count("\n") == 1
