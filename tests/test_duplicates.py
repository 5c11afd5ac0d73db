"""Near-duplicates and stories: what folds, and above all what must not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.duplicates import NEAR, bands, estimate, is_near_duplicate, signature, similarity
from pipelines.identifiers import identifiers
from pipelines.stories import Candidate, head, relate, story_id

DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
WORDS = [
    f"{a}{b}"
    for a in ("pat", "claim", "exam", "fee", "draft", "court", "licen", "regis")
    for b in ("ent", "ing", "er", "ment", "ors", "ality", "ive", "um")
]


def prose(seed: int, length: int = 300) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def edited(text: str, changes: int) -> str:
    words = text.split()
    for place in random.Random(7).sample(range(len(words)), changes):
        words[place] = f"changed{place}x"
    return " ".join(words)


def candidate(name: str, source: str, title: str, text: str, **more: object) -> Candidate:
    base = Candidate(name, source, f"https://{source}.example/{name}", title, text, "en", DAY, DAY)
    return replace(base, identifiers=identifiers(f"{title} {text}"), **more)  # type: ignore[arg-type]


def test_near_duplicates_meet_in_a_band_and_strangers_do_not():
    for seed in range(30):
        text = prose(seed)
        near = edited(text, 7)
        assert similarity(text, near) > NEAR
        assert set(bands(signature(text))) & set(bands(signature(near)))
        assert not set(bands(signature(text))) & set(bands(signature(prose(seed + 1000))))


def test_the_estimate_is_near_the_exact_index():
    text = prose(1)
    assert abs(estimate(signature(text), signature(edited(text, 10))) - similarity(text, edited(text, 10))) < 0.15
    assert len(signature("")) == len(signature(text)) == 512


def test_a_signature_is_a_stored_format():
    assert bands(signature("a stored signature must mean the same after an upgrade"))[0] == "0:2cc89d18959a0ad7"


def test_monthly_statistics_do_not_fold():
    form = (
        "In {month} the Office received {a} applications for patents and {b} for trade marks, while designs stood at {c}. "
        + prose(3, 120)
    )
    may = form.format(month="May", a="4,120", b="9,871", c="812")
    june = form.format(month="June", a="4,377", b="9,002", c="790")
    assert not is_near_duplicate("Statistics", may, "Statistics", june)
    assert not is_near_duplicate("Statistics for May 2026", prose(3), "Statistics for June 2026", prose(3))
    assert is_near_duplicate("Statistics for May 2026", may, "Statistics for May 2026", may)


def test_unspaced_scripts_have_shingles():
    text = "特許庁は新しい審査の指針を公表し、人工知能を利用した発明の扱いを示した。" * 2
    assert similarity(text, text.replace("新しい", "改訂した")) > 0.5
    assert similarity(text, "商標の出願件数が増加したと発表された。") < 0.1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Press release PR/2026/931 of today", {"pr/2026/931"}), ("see ip_26_1579 and IP/26/1579", {"ip/26/1579"}),
        ("Docket No. PTO-P-2026-0012", {"pto-p-2026-0012"}), ("91 FR 12345", {"fr 91 fr 12345"}), ("SCCR/46/3 was tabled", {"sccr/46/3"}),
        ("the Paris Convention and the Madrid Protocol of 1989", set()),
    ],
)  # fmt: skip
def test_identifiers(text: str, found: set[str]):
    assert identifiers(text) == found


def test_same_source_twice_is_a_variant_and_a_gone_address_a_move():
    old, new = candidate("a", "wipo", "Report out", prose(5)), candidate("b", "wipo", "Report out", edited(prose(5), 3))
    assert relate(new, [old]).link == "variant"
    decision = relate(new, [replace(old, gone=True, story="s")])
    assert (decision.link, decision.other, decision.story) == ("moved", "a", "s")


def test_a_reprint_joins_the_story_of_the_other_source():
    old, new = candidate("a", "wipo", "Report out", prose(5)), candidate("b", "dpma", "Report out", edited(prose(5), 3))
    decision = relate(new, [candidate("c", "jpo", "Else", prose(9)), old])
    assert (decision.link, decision.story) == ("reprint", "a")


def test_a_shared_number_joins_across_languages_within_the_window():
    old = candidate("a", "wipo", "WIPO Index 2026 (PR/2026/931)", prose(1))
    new = candidate("b", "ige", "Index veröffentlicht (PR/2026/931)", prose(2), language="de")
    assert relate(new, [old]).link == "same_story"
    assert relate(replace(new, published=DAY + timedelta(days=30)), [old]).link == "none"


def test_one_subject_is_not_one_event():
    near = np.array([1, 0], np.float32)
    old = candidate(
        "a", "wipo", "New patent fees announced", "The Office announced new fees for patents. " + prose(1), vector=near
    )
    new = candidate(
        "b", "dpma", "New patent fees announced", "The Office announced new fees for patents. " + prose(2), vector=near
    )
    assert relate(new, [old]).link == "none"


def test_the_same_event_in_other_words():
    near = np.array([1, 0], np.float32)
    old = candidate(
        "a",
        "wipo",
        "Ministers sign the Riyadh treaty",
        "Delegates in Riyadh led by Amina Okoro signed the text. " + prose(1),
        vector=near,
    )
    new = candidate(
        "b",
        "dpma",
        "Treaty signed at Riyadh",
        "Led by Amina Okoro, states meeting in Riyadh signed. " + prose(2),
        vector=near,
    )
    assert relate(new, [old]).link == "same_story"


def test_an_unrelated_article_is_its_own_story():
    assert relate(candidate("b", "dpma", "B", prose(2)), []).story == "b"


def test_the_story_is_named_by_its_earliest_and_headed_by_its_origin():
    reprint = candidate("a", "dpma", "WIPO says", "The World Office announced", published=DAY - timedelta(hours=9))
    origin = candidate("b", "wipo", "We say", prose(1), organisation="World Office")
    assert story_id([origin, reprint]) == "a"
    assert head([origin, reprint]) == "b"
    assert head([reprint, replace(origin, organisation="")]) == "a"


@settings(max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_a_signature_and_similarity_is_symmetric(a: str, b: str):
    assert similarity(a, b) == similarity(b, a)
    assert len(bands(signature(a))) == 25
