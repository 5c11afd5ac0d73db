"""What a reader may type and find: folding, stems, bigrams, identifiers, and that no text breaks the analyser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyse import analyse, stemming_languages, terms


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("PR/2026/931", "en", "pr 2026 931"),
        ("2024-02623", "en", "2024 02623"),
        ("C-123/45", "de", "c 123 45"),
        ("ip_26_1579", "en", "ip 26 1579"),
        ("A.I. and AI", "en", "ai and ai"),
        ("trademark trade-marks Trade Mark", "en", "trade mark trade mark trade mark"),
        ("licences licenses", "en", "licen licen"),
        ("the USPTO's", "en", "the uspto"),
        ("l’office d'examen", "fr", "offic examen"),
        ("l'UE, the EU's", "en", "ue the eu"),
        ("déposées deposees DÉPOSÉ", "fr", "depos depos depos"),
        ("Straße Ämter", "de", "strass amt"),
        ("патентов", "ru", "патент"),
        ("патентов", "en", "патент"),
        ("人工知能", "ja", "人工 工知 知能 能"),
        ("ｶﾞｲﾄﾞ", "ja", "ガイ イド ド"),
        ("AI特許", "ja", "ai 特許 許"),
        ("특허청", "ko", "특허 허청 청"),
        ("专利", "zh-Hant", "专利 利"),
        ("ﬁling", "en", "file"),
        ("🙂 -- ''", "en", ""),
    ],
)
def test_terms(text: str, language: str, expected: str) -> None:
    assert terms(text, language) == expected


def test_offsets_are_of_the_verbatim_text() -> None:
    text = "Ｇ７: l'ＡＩ, ｶﾞｲﾄﾞ and Straßen"
    assert [text[token.start : token.end] for token in analyse(text, "de")] == [
        "Ｇ７",
        "ＡＩ",
        "ｶﾞｲ",
        "ｲﾄﾞ",
        "ﾄﾞ",
        "and",
        "Straßen",
    ]


@given(st.text(), st.sampled_from(["en", "ja", "fr", "ar", "und", "", "xx-Yyyy"]))
def test_any_text_has_clean_terms_with_places_in_it(text: str, language: str) -> None:
    tokens = analyse(text, language)
    for token in tokens:
        assert token.term
        assert 0 <= token.start < token.end <= len(text)
        assert not any(c.isspace() or (c.isascii() and not c.isalnum()) for c in token.term), token
    assert tokens == analyse(text, language)


def test_one_language_stands_for_each_stemmer() -> None:
    assert set(stemming_languages({"ja", "nb", "no", "de", "pt-BR"})) in (
        {"en", "de", "nb", "pt"},
        {"en", "de", "no", "pt"},
    )


@given(
    st.text(st.sampled_from("aZßéfiİ'’ .-_0٣特許가ก́ΣЖtrademark")),
    st.sampled_from(("en", "fr", "de", "tr", "ja", "el", "und")),
)
def test_a_field_holds_the_terms_of_its_tokens(text: str, language: str) -> None:
    assert terms(text, language) == " ".join(token.term for token in analyse(text, language))
