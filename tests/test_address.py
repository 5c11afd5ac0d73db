"""Addresses, identities and content hashes."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.address import article_id, canonical_url
from pipelines.model import Reading
from pipelines.normalise import content_hash

OPEN = Reading(strip_query=False)


@pytest.mark.parametrize(
    ("url", "reading", "canonical"),
    [
        ("HTTP://Office.Example:80/News/A#top", Reading(), "https://office.example/News/A"),
        ("https://office.example", Reading(), "https://office.example/"),
        ("https://office.example/a?id=7&utm_source=x", Reading(), "https://office.example/a"),
        ("https://office.example/a?id=7&utm_source=x", Reading(keep_params=("id",)), "https://office.example/a?id=7"),
        ("https://office.example/a?b=1&a=2&fbclid=q", OPEN, "https://office.example/a?a=2&b=1"),
        ("https://leak.example/a", Reading(hosts={"leak.example": "office.example"}), "https://office.example/a"),
        ("https://office.example/ข่าว?x", Reading(), "https://office.example/%E0%B8%82%E0%B9%88%E0%B8%B2%E0%B8%A7"),
        ("https://office.example/%e0%b8%82%7E", Reading(), "https://office.example/%E0%B8%82~"),
        ("https://office.example/a;jsessionid=9", Reading(), "https://office.example/a"),
        ("https://office.example:8443/a b", Reading(), "https://office.example:8443/a%20b"),
    ],
)
def test_one_item_has_one_address(url: str, reading: Reading, canonical: str):
    assert canonical_url(url, reading) == canonical


@given(
    st.one_of(st.text(), st.builds("https://office.example/{}?{}#{}".format, st.text(), st.text(), st.text())),
    st.sampled_from([Reading(), OPEN, Reading(keep_params=("a", "b"))]),
)
def test_canonical_is_idempotent(url: str, reading: Reading):
    once = canonical_url(url, reading)
    assert canonical_url(once, reading) == once


@given(st.text(alphabet="a%2F5/é ?&=#;:@", max_size=30))
def test_the_host_never_changes(path: str):
    assert urlsplit(canonical_url(f"https://office.example/{path}", OPEN)).netloc == "office.example"


def test_keys_of_two_sources_do_not_meet():
    assert article_id("a", "1", "https://x.example/") != article_id("b", "1", "https://x.example/")
    assert article_id("a", "", "https://x.example/") == article_id("b", "", "https://x.example/")


def test_the_hash_sees_words_and_language_not_blanks_or_case():
    assert content_hash("Title", "One\n\ntwo", "en") == content_hash("title ", "one two", "en")
    assert content_hash("Title", "One two", "en") != content_hash("Title", "One two", "de")
    assert content_hash("Title one", "two", "en") != content_hash("Title", "one two", "en")
    assert content_hash("T", "A\n\nStand: 1.3.2026\n\nB", "de") == content_hash("T", "A\n\nStand: 2.3.2026\n\nB", "de")
    assert content_hash("T", "The stand: 5 items", "en") != content_hash("T", "The stand: 6 items", "en")
