"""What a reader sees of the tagger: right themes with verbatim reasons, silence on near-misses, and measured figures.

The figures are of the test half, which nothing was tuned on, with the real encoder; docs/labelling.md tells how it was made.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.embed import Encoder, load_encoder
from pipelines.errors import ModelError
from pipelines.model import Tagging, Verdict
from pipelines.passages import split_passages
from pipelines.tag import Tagger, load_themes
from pipelines.tag.measure import (
    Labelled,
    Outcome,
    auroc,
    count_leaves,
    count_top,
    load_labelled,
    macro,
    measure,
    report,
)
from pipelines.tag.select import select_themes

LABELLED = Path(__file__).parent / "fixtures" / "labelled.jsonl"
THEMES = load_themes()
BY_WORDS = Tagger(THEMES)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def tagger(encoder: Encoder) -> Tagger:
    return Tagger(THEMES, encoder)


def tag(tagger: Tagger, encoder: Encoder, title: str, text: str) -> Tagging:
    passages = split_passages(title, text, "en")
    return tagger.tag(title, text, "en", passages, encoder.encode([each.encoded(title) for each in passages]))


def themes_of(tagging: Tagging) -> list[str]:
    return [each.theme for each in tagging.tags]


def check_verbatim(tagging: Tagging, title: str, text: str) -> None:
    sentences = {anchor.id: anchor.text for theme in THEMES.themes.values() for anchor in theme.anchors}
    for each in tagging.tags:
        source = title if each.field == "title" else text
        assert each.item_sentence
        assert source[each.start : each.end] == each.item_sentence
        assert sentences[each.anchor] == each.statement_sentence
        assert 0 <= each.probability <= 1


def test_set_is_large_enough_and_its_evidence_verbatim() -> None:
    items = load_labelled(LABELLED)
    assert len(items) >= 130
    assert sum(each.verdict == "outside" for each in items) >= 20
    assert sum(each.verdict == "not_ip" for each in items) >= 15
    assert max(each.date for each in items if each.split == "dev") <= min(
        each.date for each in items if each.split == "test"
    )
    for theme in (each for each in THEMES.themes.values() if not each.parent):
        assert sum(theme.id in map(THEMES.top, each.must) for each in items) >= 6, theme.id
    for item in items:
        assert item.evidence in item.text
        assert bool(item.must) == (item.verdict == "themed"), item.id
        assert {*item.must, *item.borderline} <= THEMES.themes.keys()


def test_macro_f1_on_the_test_half(tagger: Tagger, encoder: Encoder) -> None:
    figures = measure(tagger, [each for each in load_labelled(LABELLED) if each.split == "test"], encoder)
    assert figures.macro_f1 >= 0.68
    assert figures.untagged >= 0.85
    assert figures.auroc >= 0.85


def test_macro_f1_by_words_only_on_the_test_half() -> None:
    figures = measure(BY_WORDS, [each for each in load_labelled(LABELLED) if each.split == "test"], None)
    assert figures.macro_f1 >= 0.60


def test_a_tag_gives_the_statements_sentence_and_the_items(tagger: Tagger, encoder: Encoder) -> None:
    title = "Ministry reports on pirated television"
    text = "The report has four parts. Illicit streaming devices are sold at every corner. Thanks go to the staff."
    tagging = tag(tagger, encoder, title, text)
    first = tagging.tags[0]
    assert tagging.verdict == "themed"
    assert first.theme == "T03.5"
    assert first.item_sentence == "Illicit streaming devices are sold at every corner."
    assert "illicit streaming devices" in first.statement_sentence
    assert "illicit streaming device" in " ".join(first.matched).lower()
    assert first.cosine is not None
    assert THEMES.top(first.runner_up) != "T03"
    check_verbatim(tagging, title, text)


@pytest.mark.parametrize(
    ("title", "text", "absent"),
    [
        ("Trade mark renewed", "The trade mark was renewed for ten years. A trade secret was not part of it.", "T08"),
        ("Investor wins ISD case", "The tribunal ordered the state to pay the mining firm.", "T03.5"),
        ("Counterfeit banknotes found", "Counterfeit money was found at the market by the bank.", "T03"),
        ("L'ufficio dei brevetti", "Il brevetto è stato concesso ai ricercatori e ai medici.", "T02.3"),
    ],
)
def test_near_misses_stay_untagged(title: str, text: str, absent: str) -> None:
    language = "it" if "ufficio" in title else "en"
    assert absent not in themes_of(BY_WORDS.tag(title, text, language))


@pytest.mark.parametrize(
    ("language", "title", "text", "theme"),
    [
        ("fr", "Contrefaçon : saisie record", "La douane a saisi des montres de contrefaçon.", "T03"),
        ("de", "Gesetzentwurf zum Patentrecht", "Der Bundestag berät den Entwurf zum Patentgesetz.", "T06"),
        ("es", "Ayudas para pymes", "Las pymes recibirán ayudas para registrar marcas.", "T09.1"),
        ("ja", "意匠法の改正", "画像の意匠を保護する制度が始まる。", "T07"),
        ("zh-Hant", "人工智慧與專利", "人工智慧相關發明的專利審查。", "T02.3"),
        ("ko", "인공지능 발명", "인공지능은 특허의 발명자가 될 수 없다.", "T02.3"),
        ("ar", "الذكاء الاصطناعي", "الذكاء الاصطناعي والملكية الفكرية.", "T02.3"),
        ("und", "Contrefaçon : saisie record", "La douane a saisi des montres de contrefaçon.", "T03"),
    ],
)
def test_items_without_vectors_are_tagged_by_their_own_words(language: str, title: str, text: str, theme: str) -> None:
    tagging = BY_WORDS.tag(title, text, language)
    assert theme in themes_of(tagging)
    assert tagging.tags[0].cosine is None
    check_verbatim(tagging, title, text)


def test_an_identifier_tags_alone() -> None:
    assert themes_of(BY_WORDS.tag("Progress", "Papers on IPEG 01 2020S are online.", "en"))[0] == "T03.5"


def test_one_weak_term_is_no_theme() -> None:
    assert not BY_WORDS.tag("Patent office news", "The patent office met the customs.", "en").tags


@pytest.mark.parametrize(
    ("title", "text", "verdict"),
    [
        ("Office closed for public holiday", "Patent filings sent that day count for the next one.", "not_ip"),
        (
            "Vacancy: trade mark examiner",
            "Apply by May. You will examine counterfeit and infringement files.",
            "not_ip",
        ),
        ("A band played in the park", "It was a warm evening.", "not_ip"),
        ("Patents granted last year", "The register of patents lists 900 more than before.", "outside"),
        ("", "", "not_ip"),
    ],
)
def test_outside_and_not_ip_are_answers_too(title: str, text: str, verdict: str) -> None:
    assert BY_WORDS.tag(title, text, "en").verdict == verdict


def test_no_sentence_no_tag_even_with_vectors(tagger: Tagger, encoder: Encoder) -> None:
    assert tagger.tag(" ", "", "en", (), encoder.encode(["illicit streaming devices"])).verdict == "not_ip"


def test_vectors_without_an_encoder_are_refused() -> None:
    with pytest.raises(ModelError, match="without an encoder"):
        BY_WORDS.tag("Title", "Text.", "en", (), np.ones((1, 384), dtype=np.float32))


def test_at_most_three_and_the_most_specific() -> None:
    close = {"T03": 0.9, "T03.1": 0.9, "T06": 0.88, "T07": 0.87, "T09": 0.86, "T05": 0.95}
    assert select_themes(THEMES, close) == ["T03.1", "T06", "T07"]


def test_t05_is_no_fallback_but_may_stand_alone() -> None:
    assert select_themes(THEMES, {"T05": 0.8, "T06": 0.7}) == ["T06"]
    assert select_themes(THEMES, {"T05": 0.8, "T06": 0.3}) == ["T05"]


def test_the_version_names_themes_and_model(tagger: Tagger) -> None:
    assert THEMES.digest[:8] in tagger.version
    assert "MiniLM" in tagger.version
    assert BY_WORDS.version != tagger.version
    assert len(tagger.version) <= 80  # the ledger's column


WORDS = [
    "counterfeit",
    "streaming devices",
    "WIPO",
    "TRIPS",
    "意匠",
    "PME",
    ".",
    "\n\n",
    "ÅÅ",
    "\x00",
    "ı̇",
    "ﬁ",
    "patent",
]
HOSTILE = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=30).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(title=HOSTILE, text=HOSTILE, language=st.sampled_from(["en", "fr", "ja", "und", "xx", ""]))
def test_every_reason_is_a_verbatim_slice(title: str, text: str, language: str) -> None:
    tagging = BY_WORDS.tag(title, text, language)
    check_verbatim(tagging, title, text)
    assert len(tagging.tags) <= 3
    assert bool(tagging.tags) == (tagging.verdict == "themed")


def outcome(must: list[str], shown: list[str], borderline: list[str] | None = None) -> Outcome:
    verdict: Verdict = "themed" if must else "outside"
    item = Labelled("i", "t", "x", "en", "2026-01-01", "s", tuple(must), tuple(borderline or ()), verdict, "", "dev")
    return Outcome(item, tuple(shown), "themed" if shown else "outside", 0.9 if must else 0.1)


def test_borderline_counts_neither_way() -> None:
    with_aside = count_top(THEMES, [outcome(["T07"], ["T07", "T09"], ["T09"])])
    assert with_aside["T07"].f1 == 1
    assert (with_aside["T09"].wrong, with_aside["T09"].missed) == (0, 0)
    assert count_top(THEMES, [outcome(["T07"], ["T07", "T09"])])["T09"].wrong == 1


def test_a_parent_is_no_error_at_the_leaves_but_the_leaf_is_missed() -> None:
    counts = count_leaves(THEMES, outcome(["T03.4"], ["T03"]))
    assert (counts.right, counts.wrong, counts.missed) == (0, 0, 1)


def test_figures_of_a_perfect_and_of_a_silent_tagger() -> None:
    perfect = report(THEMES, [outcome(["T07"], ["T07"]), outcome(["T06"], ["T06"]), outcome([], [])])
    assert (perfect.macro_f1, perfect.micro_f1, perfect.leaf_f1, perfect.untagged, perfect.auroc) == (1, 1, 1, 1, 1)
    silent = report(THEMES, [outcome(["T07"], []), outcome([], [])])
    assert (silent.macro_f1, silent.micro_f1, silent.verdicts) == (0, 0, 0.5)


def test_empty_sets_have_figures_too() -> None:
    assert macro({}) == 0
    assert auroc([]) == 0.5
    assert report(THEMES, []).interval == (0, 0)


def test_a_line_that_is_no_item_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "x", "must": [], "borderline": []}\n', "utf-8")
    with pytest.raises(ValueError, match="no labelled item"):
        load_labelled(path)
