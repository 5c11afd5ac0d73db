"""HTML lists and JSON answers: declared by selectors and paths, or found by their item addresses."""

from __future__ import annotations

import json

import pytest
from office_server import declare

from pipelines.model import Entry
from spiders.entries import ParseError, fetch_address, next_page
from spiders.parse import parse_list

URL = "https://office.example/en/news/"
PLAIN = declare(kind="listing", url=URL, item=[r"/news/\d{4}/"], key=r"/news/(\d{4}/[\w-]+)")


def rows(markup: str) -> list[tuple[str, str, str]]:
    page = f'<html><body><nav><a href="/news/2020/menu">Menu entry of old news</a></nav><main>{markup}</main></body></html>'
    return [(e.key, e.title, e.published) for e in parse_list(PLAIN, page.encode(), URL).entries]


@pytest.mark.parametrize(
    "markup",
    [
        '<ul><li><time datetime="2026-03-02">2 March</time> <a href="../../news/2026/x#top">A new design law</a></li><li><a href="/news/2026/y">Second row of the list</a></li></ul>',
        '<table><tr><td>2026-03-02</td><td><a href="/news/2026/x">A new design law</a></td></tr><tr><td></td><td><a href="/news/2026/y">Second row of the list</a></td></tr></table>',
        '<dl><dt>2026-03-02</dt><dd><a href="/news/2026/x">A new design law</a></dd><dt></dt><dd><a href="/news/2026/y">Second row of the list</a></dd></dl>',
        '<div><article><a href="/news/2026/x"><img alt=""></a><h3>A new design law</h3><p>2026-03-02</p><a href="/news/2026/x">More</a></article><article><a href="/news/2026/y"><h3>Second row of the list</h3><p>Teaser</p></a></article></div>',
        '<p><a href="/news/2026/x">2026-03-02</a> A new design law</p><p><a href="/news/2026/y">Second row of the list</a></p>',
    ],
    ids=["list", "table", "definitions", "cards", "date-links"],
)  # fmt: skip
def test_rows_are_found_by_their_addresses(markup: str) -> None:
    assert rows(markup) == [("2026/x", "A new design law", "2026-03-02"), ("2026/y", "Second row of the list", "")]


@pytest.mark.parametrize("date", ["2 March 2026", "March 2, 2026", "02.03.2026", "2026.03.02", "令和8年3月2日", "2026年3月2日", "2. März 2026", "2 de marzo de 2026"])  # fmt: skip
def test_dates_in_prose_stay_raw(date: str) -> None:
    assert rows(f'<ul><li>{date} <a href="/news/2026/x">A new design law</a></li></ul>')[0][2] == date


@pytest.mark.parametrize(("encoding", "header"), [("shift_jis", "text/html; charset=Shift_JIS"), ("shift_jis", ""), ("utf-8", "text/html; charset=iso-8859-1")])  # fmt: skip
def test_encodings_of_pages(encoding: str, header: str) -> None:
    page = f'<html><head><meta charset="{encoding}"></head><body><a href="/news/2026/x">特許庁からの新しいお知らせです</a></body></html>'
    (row,) = parse_list(PLAIN, page.encode(encoding), URL, header).entries
    assert row.title == "特許庁からの新しいお知らせです"


def test_declared_selectors() -> None:
    source = declare(kind="listing", url=URL, paging={"next": "a.next"},
                     rows={"row": "tr.item", "title": ".t", "date": ".d::text", "summary": ".s"})  # fmt: skip
    page = b'<table><tr class="item"><td class="d"> 02/03/2026 </td><td class="t"><a href="x?id=1">T <b>i</b></a></td><td class="s">S</td></tr><tr class="item"><td>no link</td></tr></table><a class="next" href="?p=2">next</a>'
    listing = parse_list(source, page, URL)
    assert listing.entries == (Entry(URL + "x?id=1", title="T i", published="02/03/2026", summary="S"),)
    assert (listing.rows, listing.next, len(listing.problems)) == (2, URL + "?p=2", 1)


def test_html_in_script_calls() -> None:
    source = declare(kind="listing", url=URL, rows={"row": "li", "strip": "append("})
    script = rb'$("#x").html(""); $("#x").append("<li><a href=\"\/x\">A long enough title<\/a><\/li>"); $("#x").append(broken);'
    assert [e.url for e in parse_list(source, script, URL).entries] == ["https://office.example/x"]


def test_pages_are_numbered_by_template() -> None:
    source = declare(paging={"url": "https://office.example/n?p={page}", "first": 1})
    assert next_page(source, URL) == "https://office.example/n?p=1"
    assert next_page(source, "https://office.example/n?p=9") == "https://office.example/n?p=10"


API = {"kind": "api", "rows": {"row": "results", "url": "link", "url_template": "https://www.office.example{}", "title": "title", "date": "at.0.day",
       "author": "who", "page_url": "https://www.office.example/api/content/{}"}, "paging": {"next": "next"}}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [("", ""), ("\ufeff", ""), ("callback(", ");")])
def test_api_rows_by_dotted_paths(before: str, after: str) -> None:
    answer = {
        "results": [
            {"link": "/news/a", "title": " T ", "at": [{"day": "2026-03-02"}], "who": ["A", "B"]},
            {"title": None},
        ],
        "next": "?start=2",
    }
    rows = dict(API["rows"], strip="callback(" if after else "")  # type: ignore[call-overload]
    source = declare(**API | {"rows": rows})
    listing = parse_list(source, f"{before}{json.dumps(answer)}{after}".encode(), "https://office.example/api")
    assert listing.entries == (
        Entry("https://www.office.example/news/a", title="T", published="2026-03-02", author="A, B"),
    )
    assert (listing.rows, listing.next) == (2, "https://office.example/api?start=2")
    assert fetch_address(source, listing.entries[0]) == "https://www.office.example/api/content/news/a"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"errors": {}}', b"[1]", b'{"results": "x"}'])
def test_an_answer_without_the_promised_rows_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_list(declare(**API), body, URL)
