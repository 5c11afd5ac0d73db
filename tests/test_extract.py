"""Page → Article: what a reader of the article would notice, and what hostile pages must not do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ExtractError, NotAnArticle, NoText, TooLarge
from pipelines.extract import extract
from pipelines.model import Article, Entry, Page, Reading

NOW = datetime(2026, 3, 20, 8, tzinfo=UTC)
URL = "https://office.example/news/ai-consultation"
READING = Reading(languages=("en", "de"))
PROSE = (
    "<p>The Office has opened a consultation on how examiners should treat inventions made with the help of artificial intelligence.</p>"
    "<p>Small firms asked for plain guidance last autumn, and the draft answers most of their questions with worked examples.</p>"
    "<p>Comments are welcome until the end of May; a summary of all replies will be published during the summer.</p>"
)


def html(title: str = "Office opens consultation", body: str = PROSE, head: str = "") -> str:
    menu = "".join(f'<li><a href="/s{n}">Menu entry {n}</a></li>' for n in range(60))
    return (
        f"<!doctype html><html lang='en'><head><title>{title} | Office</title>{head}</head><body><nav><ul>{menu}</ul></nav>"
        f"<main><h1>{title}</h1>{body}</main><footer><p>Imprint, contact and privacy</p></footer></body></html>"
    )


def page(
    body: str | bytes, content_type: str = "text/html; charset=utf-8", entry: Entry | None = None, url: str = URL
) -> Page:
    raw = body if isinstance(body, bytes) else body.encode()
    return Page("office", url, url, NOW, 200, content_type, raw, entry)


def read(body: str | bytes, content_type: str = "text/html; charset=utf-8", entry: Entry | None = None) -> Article:
    return extract(page(body, content_type, entry), READING)


def pdf(line: str) -> bytes:
    stream = f"BT /F1 4 Tf 72 720 Td ({line}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(Annual report of the Office)/CreationDate(D:20260310090000Z)>>",
    ]  # fmt: skip
    out, places = b"%PDF-1.4\n", []
    for n, item in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (n, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        out
        + b"xref\n0 7\n0000000000 65535 f \n%strailer<</Size 7/Root 1 0 R/Info 6 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (table, len(out))
    )


def test_an_article_is_read_without_menu_site_name_or_footer():
    article = read(html(head='<meta property="article:published_time" content="2026-03-18T09:00:00+01:00">'))
    assert article.title == "Office opens consultation"
    assert article.text.startswith("The Office has opened")
    assert "\n\nSmall firms asked" in article.text
    assert "Menu entry" not in article.text
    assert "Imprint" not in article.text
    assert (article.published.at, article.published.origin) == (datetime(2026, 3, 18, 8, tzinfo=UTC), "meta")
    assert (article.language, article.url, article.key) == ("en", URL, URL)


def test_declared_selectors_win_and_dropped_parts_change_no_hash():
    reading = replace(READING, title=".headline", text=".story", date=".when", author=".by", drop=(".counter",))
    body = (
        "<div class=when>5. März 2026</div><p class=by>A. Clerk</p><p class=headline>Named</p><div class=story>{}"
        + PROSE
        + "</div>"
    )
    one, two = (extract(page(html(body=body.format(f"<i class=counter>{n} views</i>"))), reading) for n in (1, 2))
    assert (one.title, one.author, one.published.origin) == ("Named", "A. Clerk", "page")
    assert one.published.at == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert one.content_hash == two.content_hash


def test_an_update_stamp_is_no_new_content_but_a_word_is():
    one, two = (read(html(body=f"{PROSE}<p>Last page update: {day} March 2026</p>")) for day in (1, 2))
    assert one.content_hash == two.content_hash
    assert read(html(body=PROSE.replace("May", "June"))).content_hash != read(html()).content_hash


def test_a_watched_page_is_its_main_part():
    article = extract(page(html(body="<ul><li>One</li><li>Two</li></ul>")), replace(READING, whole_page=True))
    assert article.text == "One\n\nTwo"


def test_a_thin_page_is_replaced_by_the_rows_own_text():
    entry = Entry(
        URL,
        title="<b>Fees</b> &lt;script&gt;alert(1)&lt;/script&gt; rise",
        summary="Fees <i>rise</i> in May.",
        published="2026-03-01",
    )
    article = read("<html><body><p>Loading</p></body></html>", entry=entry)
    assert (article.title, article.text) == ("Fees rise", "Fees rise in May.")
    with pytest.raises(NoText):
        read("<html><body><p>Loading</p></body></html>")


def test_a_content_api_answer_keeps_the_public_address():
    body = json.dumps(
        {
            "title": "Fee &amp; form changes",
            "description": "In short.",
            "details": {"body": PROSE},
            "first_published_at": "2026-03-02T10:00:00Z",
        }
    )
    entry = Entry("https://office.example/public/fees")
    article = read(body, "application/json; charset=utf-8", entry)
    assert (article.title, article.url) == ("Fee & form changes", "https://office.example/public/fees")
    assert article.text.startswith("In short.\n\nThe Office has opened")
    assert article.published.at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_a_pdf_is_one_article_wherever_it_lies():
    body = pdf("The Office granted more patents than ever before. " * 5)
    one, two = (extract(page(body, "application/pdf", url=f"https://office.example/{n}.pdf"), READING) for n in "ab")
    assert one.id == two.id
    assert one.id.startswith("urn:sha256:")
    assert (one.media, one.title) == ("pdf", "Annual report of the Office")
    assert one.published.at == datetime(2026, 3, 10, 9, tzinfo=UTC)
    with pytest.raises(NoText):
        read(b"%PDF-1.4 broken", "application/pdf")


def test_a_declared_key_is_the_identity_and_addresses_are_aliases():
    moved = replace(
        page(html(), entry=Entry(URL, key="PR/2026/1")),
        final_url="https://office.example/moved",
        redirects=("http://office.example/hop",),
    )
    here = page(html(), entry=Entry(URL, key="PR/2026/1"))
    assert extract(moved, READING).id == extract(here, READING).id
    assert set(extract(moved, READING).aliases) == {URL, "https://office.example/hop"}


def test_links_of_the_text_are_kept_once_and_absolute():
    body = (
        PROSE
        + '<p><a href="/law">Law</a> <a href="https://epo.example/n">by</a> <a href="/law">again</a> <a href="mailto:a@b">mail</a></p>'
    )
    assert read(html(body=body)).links == ("https://office.example/law", "https://epo.example/n")
    many = "".join(f'<a href="/n{n}">n</a>' for n in range(500))
    assert len(read(html(body=PROSE + many)).links) == 100


def test_a_canonical_link_to_another_host_is_no_alias():
    links = "<link rel='canonical' href='https://{}/other'>"
    assert read(html(head=links.format("www.office.example"))).aliases == ("https://www.office.example/other",)
    assert read(html(head=links.format("evil.example"))).aliases == ()


@pytest.mark.parametrize(
    ("said", "encoding"),
    [
        ("utf-8", "cp1252"),
        ("iso-8859-1", "utf-8"),
        ("shift_jis", "cp932"),
        ("", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("x-nonsense", "utf-8"),
    ],
)
def test_a_lying_charset_spoils_no_title(said: str, encoding: str):
    title = "特許庁は新しい指針" if encoding == "cp932" else "Prüfung für Künstliche Intelligenz eröffnet"
    assert read(html(title).encode(encoding), f"text/html; charset={said}").title == title


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Just a moment...", "<p>Enable JavaScript and cookies to continue</p>"), ("Attention Required! | Cloudflare", "<p>Sorry, you have been blocked</p>"),
        ("Access Denied", "<p>Reference #18</p>"), ("404 Not Found", "<p>nothing here</p>"), ("Page not found - Office", "<p>It may have moved.</p>"),
        ("Office", "<p>Please enable JavaScript to view this page.</p>"), ("Office", "<p>We use cookies to improve your experience. Accept all</p>"),
        ("Seite nicht gefunden", "<p>Leider</p>"), ("ページが見つかりません", "<p>お探しのページ</p>"),
    ],
)  # fmt: skip
def test_walls_and_error_pages_are_no_articles_even_with_a_summary(title: str, body: str):
    with pytest.raises(NotAnArticle):
        read(
            f"<html><head><title>{title}</title></head><body>{body}</body></html>",
            entry=Entry(URL, title="Real", summary="A real summary."),
        )


@pytest.mark.parametrize(
    "title",
    [
        "Access denied to 404 counterfeit sites",
        "Captcha patents: just a moment in history",
        "Cookies and trade marks: a guide",
    ],
)
def test_articles_about_walls_are_articles(title: str):
    assert read(html(title)).title == title


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_status_is_no_article(status: int):
    with pytest.raises(NotAnArticle):
        extract(replace(page(html()), status=status), READING)


def test_hostile_characters_are_taken_out():
    article = read(html("Safe\u202e \u200btitle\x00\x07", PROSE.replace("Small", "Sm\x00a\x08ll")))
    assert article.title == "Safe title"
    assert "Small firms" in article.text
    assert "Small firms" in read(html(body=PROSE.replace("Small", "Sm&#8;all"))).text.replace("\ufffd", "")
    assert len(read(html("word " * 400)).title) <= 500


def test_entities_are_not_fetched():
    bomb = '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body><p>&x;</p>'
    assert "root:" not in read(bomb + PROSE + "</body></html>", "application/xhtml+xml").text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 5000,
        b"<html>" + b"<div>" * 10_000 + b"x",
        b"<table><tr><td>" * 5000,
        b"\xff\xfe\x00",
        b"<p>" + b"a " * 5_000_000,
    ],
)
def test_hostile_pages_end_in_a_named_error(body: bytes):
    with pytest.raises(ExtractError):
        read(body)


def test_size_and_type_have_limits():
    with pytest.raises(TooLarge):
        read(b"<p>" + b"a " * 5_000_000)
    with pytest.raises(NoText, match="image/png"):
        read(b"\x89PNG", "image/png")
    with pytest.raises(NoText):
        read("[" * 100_000, "application/json")


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(
        [
            "text/html",
            "application/json",
            "text/plain",
            "application/pdf",
            "",
            "text/html; charset=utf-7",
            "text/html; charset=rot13",
        ]
    ),
)
def test_any_bytes_give_an_article_or_a_named_error(body: bytes, content_type: str):
    try:
        article = read(body, content_type, Entry(URL, title="T", summary=body.decode("latin-1")))
    except ExtractError:
        return
    assert "\x00" not in article.title + article.text
