"""Feeds and sitemaps of every family, and the broken and hostile ones."""

from __future__ import annotations

import gzip
import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from office_server import declare

from spiders.entries import ParseError, entry_hash
from spiders.feed import parse_feed
from spiders.parse import parse_list
from spiders.sitemap import parse_sitemap

URL = "https://office.example/news/rss.xml"


RSS = """<?xml version="1.0" encoding="{enc}"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>Office</title><link>https://office.example/</link><language>fr</language>
<item><title>Brevets : délais réduits</title><link>/news/2026/delais?utm=1</link><guid isPermaLink="false">N-7</guid>
<pubDate>lundi 2 mars 2026</pubDate><description>Résumé court</description><content:encoded><![CDATA[<p>Texte entier</p>]]></content:encoded></item>
<item><title>Sans date</title><link>https://office.example/news/2026/b</link><dc:date>2026-03-01</dc:date></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ja"><title>局</title><link rel="next" href="?p=2"/>
<entry><title>特許法の改正</title><id>urn:x:1</id><link href="a/1.html"/><updated>2026-03-02T09:00:00+09:00</updated>
<published>2026-03-01T09:00:00+09:00</published><author><name>広報</name></author><summary>概要</summary></entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://office.example/"><title>t</title></channel>
<item rdf:about="https://office.example/x"><title>Row</title><link>https://office.example/x</link><dc:date>2026-03-02</dc:date></item></rdf:RDF>"""


def test_rss_rows_keep_raw_dates_absolute_links_and_full_text() -> None:
    first, second = parse_feed(RSS.format(enc="utf-8").encode(), URL).entries
    assert (first.url, first.key, first.published) == (
        "https://office.example/news/2026/delais?utm=1",
        "N-7",
        "lundi 2 mars 2026",
    )
    assert (first.summary, first.content, first.language) == ("Résumé court", "<p>Texte entier</p>", "fr")
    assert (second.published, second.updated) == ("2026-03-01", "")


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "windows-1252"])
def test_the_declared_encoding_is_honoured(encoding: str) -> None:
    assert parse_feed(RSS.format(enc=encoding).encode(encoding), URL).entries[0].title == "Brevets : délais réduits"


@pytest.mark.parametrize(
    ("inside", "header"), [("iso-8859-1", ""), ("utf-8", "text/xml; charset=iso-8859-1"), ("utf-8", "text/xml")]
)
def test_a_lie_about_utf8_does_not_garble_text(inside: str, header: str) -> None:
    listing = parse_feed(RSS.format(enc=inside).encode(), URL, header)
    assert listing.entries[0].title == "Brevets : délais réduits"
    assert any("is UTF-8" in p for p in listing.problems) == ("8859" in inside + header)


def test_atom_keeps_both_dates_language_and_next_page() -> None:
    listing = parse_feed(ATOM.encode(), URL)
    (row,) = listing.entries
    assert (row.url, row.title, row.author, row.language) == (
        "https://office.example/news/a/1.html",
        "特許法の改正",
        "広報",
        "ja",
    )
    assert (row.published, row.updated) == ("2026-03-01T09:00:00+09:00", "2026-03-02T09:00:00+09:00")
    assert listing.next == "https://office.example/news/rss.xml?p=2"


def test_rdf_rows_are_dated_by_dublin_core() -> None:
    (row,) = parse_feed(RDF.encode(), URL).entries
    assert (row.url, row.published) == ("https://office.example/x", "2026-03-02")


def test_json_feed() -> None:
    item = {
        "id": 5,
        "url": "/a",
        "title": "T",
        "content_html": "<p>x</p>",
        "date_published": "2026-03-02",
        "authors": [{"name": "N"}],
    }
    listing = parse_feed(
        json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [item, {"id": "x"}]}).encode(), URL
    )
    (row,) = listing.entries
    assert (row.url, row.key, row.content, row.author) == ("https://office.example/a", "5", "<p>x</p>", "N")
    assert (listing.rows, listing.problems) == (2, ("1 rows have no usable address.",))


def test_broken_xml_is_salvaged_and_said() -> None:
    text = (
        RSS.format(enc="utf-8")
        .replace("Résumé court", "R&nbsp;&eacute;sum&eacute; & <b>court")
        .replace("</channel></rss>", "")
    )
    listing = parse_feed(text.encode(), URL)
    assert len(listing.entries) == 2
    assert "not well-formed" in listing.problems[0]


def test_a_feed_that_ended_says_so() -> None:
    text = '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><title>This feed has ended</title><link href="/x"/></entry></feed>'
    listing = parse_feed(text.encode(), URL)
    assert (listing.entries, listing.rows) == ((), 0)
    assert "has ended" in listing.problems[0]


BOMB = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss version="2.0"><channel><item><title>&b;</title></item></channel></rss>'
XXE = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://office.example/&x;</loc></url></urlset>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", [BOMB, XXE])
def test_entity_bombs_and_external_entities_are_refused(text: str, encoding: str) -> None:
    for parse in (parse_feed, parse_sitemap):
        with pytest.raises(ParseError):
            parse(text.encode(encoding), URL)


@pytest.mark.parametrize(
    "body", [b"", b"   ", b"<html><body>Page not found</body></html>", b"{}", b"{", b"[" * 100_000, b"\xff\xfe\x00"]
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_feed(body, URL)


def test_an_empty_feed_is_a_feed() -> None:
    assert parse_feed(b'<rss version="2.0"><channel><title>t</title></channel></rss>', URL).rows == 0


def test_five_thousand_rows() -> None:
    rows = "".join(f"<item><title>Row {n}</title><link>https://office.example/{n}</link></item>" for n in range(5000))
    assert (
        len(parse_feed(f'<rss version="2.0"><channel><title>t</title>{rows}</channel></rss>'.encode(), URL).entries)
        == 5000
    )


def test_control_characters_leave_titles() -> None:
    text = '<rss version="2.0"><channel><item><title>A\x08B\x0b  C</title><link>/x</link></item></channel></rss>'
    assert parse_feed(text.encode(), URL).entries[0].title == "AB C"


def test_filters_and_key() -> None:
    source = declare(item=[r"/news/\d{4}/"], not_item=["/b$"], key=r"/news/(?P<y>\d{4})/(?P<slug>[\w-]+)")
    listing = parse_list(source, RSS.format(enc="utf-8").encode(), URL)
    assert [e.key for e in listing.entries] == ["2026/delais"]
    assert listing.rows == 2
    assert [e.key for e in parse_list(declare(key=r"^N-(\d+)"), RSS.format(enc="utf-8").encode(), URL).entries] == [
        "7",
        "",
    ]


def test_keyword_sets_keep_what_bears_on_ip() -> None:
    rows = "".join(
        f"<item><title>{t}</title><link>/{n}</link></item>"
        for n, t in enumerate(("New patent fees", "Food fair opens"))
    )
    listing = parse_list(declare(filter=["ip-en"]), f'<rss version="2.0"><channel>{rows}</channel></rss>'.encode(), URL)
    assert [e.title for e in listing.entries] == ["New patent fees"]


SITEMAP = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
<url><loc>https://office.example/a</loc><lastmod>2026-01-01</lastmod></url>
<url><loc>https://office.example/b</loc><news:news><news:publication><news:language>de</news:language></news:publication>
<news:publication_date>2026-03-02</news:publication_date><news:title>Neu</news:title></news:news></url></urlset>"""


@pytest.mark.parametrize("packed", [False, True])
def test_sitemap_rows_newest_first(packed: bool) -> None:
    body = gzip.compress(SITEMAP.encode()) if packed else SITEMAP.encode()
    first, second = parse_sitemap(body, URL).entries
    assert (first.title, first.published, first.language) == ("Neu", "2026-03-02", "de")
    assert second.updated == "2026-01-01"


def test_sitemap_index_names_its_sitemaps_newest_first() -> None:
    body = b"<sitemapindex><sitemap><loc>/1.xml</loc><lastmod>2025</lastmod></sitemap><sitemap><loc>/2.xml</loc><lastmod>2026</lastmod></sitemap></sitemapindex>"
    assert parse_sitemap(body, URL).nested == ("https://office.example/2.xml", "https://office.example/1.xml")


def test_a_gzip_bomb_of_a_sitemap_is_refused() -> None:
    with pytest.raises(ParseError, match="50 MB"):
        parse_sitemap(gzip.compress(b" " * (60 * 1024 * 1024)), URL)


def test_the_hash_of_a_row_covers_every_field() -> None:
    rows = [
        parse_feed(RSS.format(enc="utf-8").replace("court", word).encode(), URL).entries[0]
        for word in ("court", "court", "long")
    ]
    assert entry_hash(rows[0]) == entry_hash(rows[1]) != entry_hash(rows[2])


MARKUP = st.lists(st.sampled_from([b"<rss version='2.0'>", b"<channel>", b"<item>", b"<title>", b"</title>", b"<link>", b"http://[", b"&", b"<![CDATA[", b"\x00", b"\xff", b"<a href='", b"'>", b"<!DOCTYPE", b"<feed>", b"<entry>", b"{\"items\":[", b"<urlset>", b"<url><loc>", b"\x1f\x8b"]) | st.binary(max_size=20), max_size=30).map(b"".join)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=300) | MARKUP,
    content_type=st.sampled_from(["", "text/html; charset=utf-16", "text/xml; charset=shift_jis", "x;charset=\x00"]),
)
def test_arbitrary_bytes_never_crash_a_parser(body: bytes, content_type: str) -> None:
    kinds = [{"kind": k} for k in ("feed", "sitemap", "listing", "page")] + [
        {"kind": "api", "rows": {"row": "items", "url": "url"}}
    ]
    for keys in kinds:
        with warnings.catch_warnings():
            try:
                parse_list(declare(**keys), body, URL, content_type)
            except ParseError:
                continue
