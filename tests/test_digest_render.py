"""All forms of a digest say the same, and none lets a hostile item out of its place."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from digest_record import CUT, add_article, add_source, open_record, ordered
from hypothesis import given
from hypothesis import strategies as st

from iprwatch.alerts.clean import clean, clean_url
from iprwatch.alerts.compose import CAUSE_MOST, SENTENCE_MOST, TITLE_MOST, WATCH_MOST
from iprwatch.alerts.digest import (
    Brief,
    Coverage,
    Digest,
    Down,
    Raised,
    Section,
    Told,
    Usual,
    Why,
    dump_digest,
    load_digest,
)
from iprwatch.alerts.make import make_digest
from iprwatch.alerts.phrases import subject
from iprwatch.alerts.render import digest_message, fit_mail, render_feed, render_mail, render_page, render_text
from iprwatch.context import Context
from iprwatch.errors import NotFound, StoreError
from iprwatch.ledger.tables import outbox

CLIPPED = 102_000  # bytes of HTML at which Gmail cuts a mail
ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    '"><a href="javascript:alert(1)">x</a>',
    "safe\u202egpj.exe\u2066 turned",
    "bell\x07 null\x00 line\x0bfeed\ud800",
    "]]> &lt;b&gt; {{ 7 * 7 }} {% raw %}",
    "word " * 200_000,
    "字" * 1_000_000,
)


def told(n: int, title: str = "Fees fall", **given: object) -> Told:
    """One story, newest first by number."""
    values: dict[str, object] = {
        "story": f"s{n}", "article": f"a{n}", "title": clean(title, TITLE_MOST), "url": f"https://office.example/{n}",
        "office": "Office of Example", "economy": "JP", "language": "en", "published": CUT - timedelta(hours=n),
        "day": date(2026, 11, 25), "precision": "second", "origin": "entry",
        "why": Why("T02.3", "Artificial intelligence and IP", "It says so.", "We will work together."), "themes": ("T09",),
    }  # fmt: skip
    return Told(**{**values, **given})  # type: ignore[arg-type]


def digest(*stories: Told, **given: object) -> Digest:
    """A digest of these stories."""
    values: dict[str, object] = {
        "id": "daily:2026-11-25T080000Z", "subscription": "daily", "title": "IP policy today", "demo": False,
        "since": CUT - timedelta(days=1), "cut": CUT, "timezone": "Europe/Berlin", "days": (date(2026, 11, 24),) * 2,
        "coverage": Coverage(35, 35, CUT), "sections": (Section("T02", "IP and future technologies", stories),) if stories else (),
    }  # fmt: skip
    return Digest(**{**values, **given})  # type: ignore[arg-type]


def largest() -> Digest:
    """As much as a digest may hold, in letters of three bytes and characters that grow when escaped."""

    def long(n: int) -> str:
        return ("字&" * n)[:n]

    offices = tuple(long(90) for _ in range(9))
    stories = [
        told(
            n, long(TITLE_MOST), url=f"https://office.example/{'a' * 200}{n}", office=long(90), also_by=offices,
            why=Why("T02.3", "Artificial intelligence and IP", long(SENTENCE_MOST), long(SENTENCE_MOST)), themes=("T01.1", "T03.4"),
        )
        for n in range(20)
    ]  # fmt: skip
    rest = tuple(Brief(f"r{n}", long(TITLE_MOST), "https://office.example/", "Office") for n in range(480))
    down = tuple(Down(long(90), CUT, CUT if n % 2 else None, long(CAUSE_MOST)) for n in range(10))
    alerts = tuple(Raised((long(WATCH_MOST),) * 3, long(TITLE_MOST), "https://office.example/", CUT) for _ in range(6))
    sections = tuple(
        Section(f"T{n + 1:02}", "IP and future technologies", tuple(stories[2 * n : 2 * n + 2]), rest)
        for n in range(10)
    )
    usual = tuple(
        Usual(f"T{n + 1:02}", "IP and future technologies", 9, 0, 3, "more than usual", True) for n in range(10)
    )
    return digest(
        sections=sections, usual=usual, alerts=alerts, more_alerts=90, coverage=Coverage(35, 30, CUT, 5, down, 30)
    )


class Reader(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    @property
    def links(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.elements if tag == "a"]


FULL = digest(
    told(1, also_by=("JPO", "EPO", "UKIPO", "CIPO")), told(2, "知財政策の概要", language="ja", url=""),
    alerts=(Raised(("Counterfeits",), "Fakes seized", "https://office.example/f", CUT - timedelta(hours=3)),),
    usual=(Usual("T02", "IP and future technologies", 9, 1, 4, "more than usual", True),),
    coverage=Coverage(35, 35, CUT, 1, (Down("EPO news", CUT - timedelta(hours=19), None, "HTTP 503"),), 1),
    untagged=3, earlier=1,
)  # fmt: skip


def forms(digest: Digest) -> dict[str, str]:
    """Every form as what a person reads, on one line."""
    text = {
        "text": render_text(digest),
        "page": Reader(render_page(digest)).text,
        "mail": Reader(render_mail(digest)).text,
    }
    return {name: " ".join(form.split()) for name, form in text.items()}


@pytest.mark.parametrize("form", ["text", "page", "mail"])
def test_every_form_says_everything(form: str) -> None:
    said = forms(FULL)[form]
    for part in (
        "Wednesday 25 November 2026, 09:00 Berlin time", "New since Tuesday 24 November, 09:00", "2 new stories from 1 office, on 1 theme.",
        "More than usual: IP and future technologies.", "usually 1 to 4", "1 of 35 sources could not be read.",
        "EPO news: since Tuesday 14:00. HTTP 503", "Fakes seized", "Counterfeits, 06:00", "Fees fall", "知財政策の概要",
        "Office of Example · Japan · English · 25 Nov 2026", "Japanese", "Also reported by 4: JPO, EPO, UKIPO and 1 more",
        "T02.3 Artificial intelligence and IP", "also T09", "“It says so.”", "“We will work together.”",
        "3 more items bear on none of the themes. 1 older story", "Not every source was seen", "subscriptions/daily.yaml",
    ):  # fmt: skip
        assert part in said
    assert "Demo data" not in said


def test_the_text_names_addresses_and_stays_narrow() -> None:
    lines = render_text(FULL).splitlines()
    assert "  https://office.example/1" in lines
    assert all(len(line) <= 72 for line in lines if "://" not in line)


def test_invented_items_are_marked_in_every_form() -> None:
    demo = digest(told(1), demo=True)
    assert all("invented" in said for said in forms(demo).values())
    assert subject(demo).startswith("[demo] ")


def test_the_mail_holds_to_what_mail_clients_can_do() -> None:
    mail = render_mail(FULL)
    read = Reader(mail)
    assert not read.tags & {"script", "img", "link", "form", "iframe", "object", "video", "details"}
    assert not re.search(r"url\(|@import|@font-face", mail)
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in read.elements
    assert "@media (prefers-color-scheme: dark)" in mail
    tables = [attributes for tag, attributes in read.elements if tag == "table"]
    assert all("style" in t or t.get("role") == "presentation" for t in tables)
    assert any(t.get("width") == "600" for t in tables)
    styles = [attributes.get("style") or "" for tag, attributes in read.elements if tag in ("h1", "h3", "p", "td")]
    assert sum(1 for s in styles if s) > 20  # inlined: clients that drop the head still show it
    preview = Reader(mail.partition("</head>")[2]).text.strip()
    assert preview.startswith("2 new stories")  # what a list of mails shows beside the subject
    assert all(link.startswith("https://office.example/") for link in read.links)


def test_the_page_lists_what_the_mail_counts() -> None:
    long = digest(
        sections=(Section("T02", "L", (told(1),), (Brief("x", "The rest of it", "https://office.example/x", "EPO"),)),)
    )
    assert "The rest of it" in Reader(render_page(long)).text
    assert "The rest of it" not in Reader(render_mail(long)).text
    assert "and 1 more in this theme" in Reader(render_mail(long)).text
    assert "The rest of it" in render_text(long, every=True)


def test_the_largest_digest_is_not_cut_by_a_mail_client() -> None:
    whole = largest()
    fitted, mail = fit_mail(whole)
    assert len(mail.encode()) < CLIPPED
    assert (fitted.total, len(fitted.told)) == (whole.total, Reader(mail).text.count("Statement"))
    assert 8 <= len(fitted.told) < len(whole.told)


def test_a_quiet_day_is_one_sentence() -> None:
    quiet = digest(coverage=Coverage(35, 35, CUT, 2))
    assert subject(quiet) == "IP policy today: nothing new, 2 sources down"
    assert all("Nothing new. " in said for said in forms(quiet).values())


def test_the_subject_carries_the_top_story_and_the_count() -> None:
    stories = (
        told(1, "Newest"),
        told(2, "The most reported headline that is so long that no telephone shows its end", also_by=("EPO",)),
    )
    assert (
        subject(digest(*stories)) == "The most reported headline that is so long that no… and 1 more · IP policy today"
    )
    assert subject(digest(told(1, "Alone"))) == "Alone · IP policy today"


@pytest.mark.parametrize("title", HOSTILE, ids=lambda t: ascii(t[:12]))
def test_a_hostile_title_stays_text(title: str) -> None:
    hostile = load_digest(
        dump_digest(digest(told(1, title, office=clean(title, TITLE_MOST)), told(2, "An honest one")))
    )
    for html in (render_page(hostile), render_mail(hostile)):
        read = Reader(html)
        assert not read.tags & {"script", "img"}
        assert read.links == ["https://office.example/1", "https://office.example/2"]
        assert clean(title, TITLE_MOST) in read.text
        assert len(html.encode()) < CLIPPED
    for form in (*forms(hostile).values(), subject(hostile)):
        assert not any(unicodedata.category(c) in ("Cc", "Cs") or c in "\u202a\u202e\u2066" for c in form)
    message = EmailMessage()
    message["Subject"] = subject(hostile)  # one line, or the mail library refuses it
    assert ElementTree.fromstring(render_feed([hostile], "F")).findall(f"{ATOM}entry")


@given(st.text(st.characters(), max_size=400))
def test_any_title_gives_a_feed_and_a_page(title: str) -> None:
    entry = ElementTree.fromstring(render_feed([digest(told(1, title))], "F")).find(f"{ATOM}entry/{ATOM}title")
    assert entry is not None
    assert (entry.text or "") == clean(title, TITLE_MOST)
    assert Reader(render_page(digest(told(1, title)))).links == ["https://office.example/1"]


@given(st.text(st.characters(), max_size=400), st.integers(2, 100))
def test_clean_text_is_short_and_one_line(text: str, most: int) -> None:
    line = clean(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1
    assert clean(line, most) == line
    line.encode()


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://office.example/a", "https://office.example/a"),
        ("javascript:alert(1)", ""),
        ("java\x00script:alert(1)", ""),
        ("data:text/html,x", ""),
        ("urn:sha256:ab", ""),
        ("https://office.example/" + "a" * 3000, ""),
    ],
)
def test_only_web_addresses_are_linked(url: str, linked: str) -> None:
    assert clean_url(url) == linked


def test_the_feed_is_atom_and_holds_a_story_once() -> None:
    newer = digest(told(2), told(3), id="daily:2026-11-26T080000Z", cut=CUT + timedelta(days=1))
    feed = ElementTree.fromstring(render_feed([digest(told(1), told(2)), newer], "IP digests"))
    assert feed.tag == f"{ATOM}feed"
    for part in ("id", "title", "updated", "author/{ns}name"):
        assert feed.findtext(f"{ATOM}{part.format(ns=ATOM)}")
    entries = feed.findall(f"{ATOM}entry")
    assert len({e.findtext(f"{ATOM}id") for e in entries}) == len(entries) == 3
    for entry in entries:
        assert all(entry.findtext(f"{ATOM}{part}") for part in ("title", "updated", "published", "content"))
        assert datetime.fromisoformat(entry.findtext(f"{ATOM}updated") or "").tzinfo == UTC
        link = entry.find(f"{ATOM}link")
        assert link is not None
        assert link.get("href", "").startswith("https://office.example/")


def test_a_digest_survives_being_kept() -> None:
    assert load_digest(json.loads(json.dumps(dump_digest(FULL)))) == FULL
    with pytest.raises(StoreError, match="not readable"):
        load_digest({"id": "x"})


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Context]:
    with open_record(tmp_path) as context:
        add_source(context, "uk-ipo-news")
        yield context


def test_a_row_of_the_outbox_becomes_a_message(record: Context) -> None:
    add_article(record, "new", CUT - timedelta(hours=1))
    made = make_digest(record, ordered(channels=["desk"]), CUT)
    with record.ledger.read() as connection:
        row = connection.execute(sa.select(outbox).where(outbox.c.channel == "desk")).one()
    message = digest_message(record, row)
    assert (message.key, message.list_id, message.subject) == (row.key, "daily", "new · IP policy today")
    assert message.text == render_text(made)
    assert message.html == render_mail(made)
    assert load_digest(json.loads(json.dumps(message.data))["digest"]) == made


def test_a_row_whose_digest_is_gone_says_so(record: Context) -> None:
    make_digest(record, ordered(quiet="line", channels=["desk"]), CUT)
    with record.ledger.write() as connection:
        connection.execute(sa.update(outbox).values(digest="gone"))
        row = connection.execute(sa.select(outbox).limit(1)).one()
    with pytest.raises(NotFound, match="gone"):
        digest_message(record, row)
