"""What the page makes of texts, addresses and questions: marks that lose no sign, a diff that adds up, permalinks that come back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iprwatch.web.asked import MODES, SORTS, VIEWS, Asked, month_days, read_asked
from iprwatch.web.diff import compare
from iprwatch.web.economies import group_by_economy, telling_sentence, told
from iprwatch.web.guard import host_name, is_loopback
from iprwatch.web.marks import (
    PART_MOST,
    Mark,
    best_sentence,
    highlighted,
    marked_paragraphs,
    parts_of,
    shortened,
    visible,
)
from iprwatch.web.names import day_text, economy_name, language_name, ordinal, seconds_text, web_address
from search.schema import Filters, Hit, IndexedTag

TEXTS = st.text(alphabet=st.sampled_from("ab <>&\"'\n.。\u202e人\x00"), max_size=80)
SPANS = st.lists(st.tuples(st.integers(0, 80), st.integers(1, 20)), max_size=4)
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def plain(html: str) -> str:
    """What a browser shows, anchors and theme codes apart."""
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r'<a class="(?:anchor|code)".*?</a>', "", html)))


def hit(id: str, economy: str, day: int, **more: object) -> Hit:
    at = NOW.replace(day=day)
    given = {
        "url": "",
        "title": id,
        "source": "s",
        "language": "en",
        "story": id,
        "head": True,
        "verdict": "themed",
        "tags": (),
        "score": 1.0,
    }
    return Hit(**{**given, "id": id, "economy": economy, "published": at, "first_seen": at, **more})  # type: ignore[arg-type]


@given(TEXTS, SPANS)
def test_highlights_lose_no_sign_and_stay_text(text: str, raw: list[tuple[int, int]]) -> None:
    spans, at = [], 0
    for start, length in sorted(raw):
        if start >= at and start + length <= len(text):
            spans.append((start, start + length))
            at = start + length
    html = str(highlighted(text, spans))
    assert plain(html) == visible(text)
    assert re.fullmatch(r"(?:[^<>]|</?mark>)*", html)


@given(TEXTS, SPANS)
def test_marked_paragraphs_lose_no_sign_and_stay_text(text: str, raw: list[tuple[int, int]]) -> None:
    marks = [Mark(start, min(len(text), start + length), f"T0{n}") for n, (start, length) in enumerate(raw)]
    html = [str(p) for p in marked_paragraphs(text, marks, (0, len(text)))]
    assert "".join("".join(plain(p).split()) for p in html) == "".join(visible(text).split())
    assert all(
        re.fullmatch(r'(?:[^<>]|</?mark(?: class="\w+")?>|<a class="\w+" (?:id|href)="[\w#-]+">|</a>)*', p)
        for p in html
    )


def test_a_mark_over_two_sentences_carries_its_id_once() -> None:
    text = "One said. Two said.\n\nThree said."
    html = "".join(marked_paragraphs(text, [Mark(0, 19, "T01"), Mark(10, 32, "T02")], (0, len(text))))
    assert html.count('id="said-T01"') == html.count('id="said-T02"') == 1
    assert html.count("<mark") == 3


def test_a_long_passage_is_cut_around_what_matched() -> None:
    text = f"{'before ' * 300}needle{' after' * 300}"
    at = text.index("needle")
    html = str(highlighted(text, [(at, at + 6)], 200))
    assert "<mark>needle</mark>" in html
    assert html.startswith("…")
    assert html.endswith("…")
    assert len(html) < 250


def test_a_title_is_cut_at_a_word_and_one_of_a_megabyte_at_once() -> None:
    assert shortened("one two three", 9) == "one two…"
    assert shortened("one\n two") == "one two"
    assert len(shortened("x" * 1_000_000)) == 300
    assert len(shortened(" " * 1_000_000 + "x")) <= 300


@given(st.text(alphabet="ab \n", max_size=400).map(lambda t: t * 400))
def test_parts_follow_one_another(text: str) -> None:
    parts = parts_of(text)
    assert parts[0][0] == 0
    assert parts[-1][1] == len(text)
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    assert all(end - start <= PART_MOST for start, end in parts)


def test_the_sentence_is_the_one_that_matched() -> None:
    text = "Fees rise in Dr. Ito's office. The inventor is a person. It is over."
    at = text.index("inventor")
    sentence, spans = best_sentence(text, [(at, at + 8)])
    assert sentence == "The inventor is a person."
    assert [sentence[a:b] for a, b in spans] == ["inventor"]
    japanese = "手数料を改定します。発明者は人間に限られます。"
    at = japanese.index("発明者")
    assert best_sentence(japanese, [(at, at + 3)])[0] == "発明者は人間に限られます。"


@given(st.lists(TEXTS, max_size=4).map("\n\n".join), st.lists(TEXTS, max_size=4).map("\n\n".join))
def test_a_diff_adds_up(before: str, after: str) -> None:
    changes = compare(before, after)
    assert (changes == []) is (before == after)
    old = ["".join(p.text for p in change if p.kind != "new") for change in changes]
    new = ["".join(p.text for p in change if p.kind != "gone") for change in changes]
    assert all(piece in before for piece in old)
    assert all(piece in after for piece in new)


def test_a_diff_shows_words_not_paragraphs() -> None:
    (change,) = compare("Same.\n\nThe fee is 30 euros.", "Same.\n\nThe fee is 40 euros.")
    assert [(p.kind, p.text) for p in change] == [
        ("same", "The fee is "), ("gone", "30"), ("new", "40"), ("same", " euros."),
    ]  # fmt: skip


def test_a_huge_change_is_shown_as_a_whole() -> None:
    (change,) = compare("a b " * 5000, "b c " * 5000)
    assert [p.kind for p in change] == ["gone", "new"]


@given(
    st.builds(
        Asked,
        text=st.text(max_size=30).map(lambda t: " ".join(t.split())),
        mode=st.sampled_from(MODES),
        sort=st.sampled_from(SORTS),
        view=st.sampled_from(VIEWS),
        filters=st.builds(
            Filters,
            themes=st.lists(st.sampled_from(["T01", "T02.3"]), unique=True).map(tuple),
            economies=st.lists(st.sampled_from(["JP", "INT", "a&b"]), unique=True).map(tuple),
            since=st.none() | st.dates(),
            until=st.none() | st.dates(),
        ),
        fold=st.booleans(),
        near=st.none() | st.sampled_from([0.0, 0.35, 1.0]),
        cursor=st.sampled_from(["", "abc=="]),
    )
)
def test_every_state_has_an_address_that_says_it(asked: Asked) -> None:
    from urllib.parse import parse_qsl, urlsplit

    assert read_asked(parse_qsl(urlsplit(asked.link()).query)) == asked


def test_a_facet_is_chosen_and_taken_back() -> None:
    asked = Asked(text="fees", cursor="x")
    chosen = asked.toggled("economy", "JP").toggled("month", "2026-02")
    assert chosen.filters == Filters(economies=("JP",), since=date(2026, 2, 1), until=date(2026, 2, 28))
    assert (chosen.values("month"), chosen.cursor) == (("2026-02",), "")
    assert chosen.toggled("month", "2026-02").toggled("economy", "JP") == Asked(text="fees")
    assert month_days("2024-02")[1] == date(2024, 2, 29)


def test_who_moved_last_comes_first_with_its_newest_words() -> None:
    hits = [hit("a", "US", 3), hit("b", "JP", 9), *(hit(f"c{n}", "US", 4 + n) for n in range(4))]
    groups = group_by_economy(hits, {"US": 7})
    assert [(g.economy, g.articles) for g in groups] == [("JP", 1), ("US", 7)]
    assert [h.id for h in groups[1].hits] == ["c3", "c2", "c1"]


def test_the_words_that_are_quoted() -> None:
    tagged = (IndexedTag("T01", 0.9, "", "Fees rise"), IndexedTag("T02.3", 0.5, "", "Machines invent."))
    found = hit("Fees rise", "US", 1, tags=tagged, snippet="Machines invent. Fees rise.")
    assert telling_sentence(found)[0] == "Fees rise"
    assert told(found) == "Machines invent."  # the title need not be said twice
    assert told(found, "T01") == found.snippet
    assert told(hit("Fees rise", "US", 1, snippet="Fees rise")) == ""


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://office.example/a?b=c#d", "https://office.example/a?b=c#d"),
        ("https://office.example/特許\u202e\"'<", "https://office.example/%E7%89%B9%E8%A8%B1%E2%80%AE%22'%3C"),
        ("javascript:alert(1)", ""),
        ("JaVaScRiPt://office.example/%0aalert(1)", ""),
        ("data:text/html,x", ""),
        ("//office.example/", ""),
        ("https:///x", ""),
        ("http://[::1", ""),
        ("urn:sha256:abc", ""),
    ],
)
def test_only_web_addresses_become_links(url: str, link: str) -> None:
    assert web_address(url) == link


def test_names_of_hosts() -> None:
    assert [host_name(h) for h in ("LocalHost:80", "127.0.0.1", "[::1]:8642", "[::1]", "a.example:x", "")] == [
        "localhost", "127.0.0.1", "[::1]", "[::1]", "a.example:x", "",
    ]  # fmt: skip
    assert [is_loopback(h) for h in ("localhost", "127.0.0.9", "::1", "0.0.0.0", "office.example", "10.0.0.1")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_codes_in_words() -> None:
    assert [economy_name(c) for c in ("JP", "INT", "EU", "??")] == ["Japan", "International", "European Union", "??"]
    assert [language_name(c) for c in ("ja", "zh-Hant", "und", "?")] == [
        "Japanese", "Chinese (Traditional)", "language unknown", "?",
    ]  # fmt: skip
    assert [day_text(NOW, p) for p in ("second", "day", "month", "year")] == [
        "25 Nov 2026",
        "25 Nov 2026",
        "Nov 2026",
        "2026",
    ]
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 112)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "21st",
        "112th",
    ]
    assert [seconds_text(s) for s in (1.42, 119, 600, 7300, 500_000)] == ["1.4 s", "119.0 s", "10 min", "2 h", "6 days"]
