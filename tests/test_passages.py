"""Passages: sentences as a reader sees them, slices that are verbatim, bounds that hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.model import Passage
from pipelines.passages import MAX_PASSAGES, split_passages, split_sentences

LANGUAGES = ("en", "de", "fr", "ja", "ko", "zh", "zh-Hant", "th", "ar", "und", "", "xx", "tlh")


def sentences(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, language)]


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "en",
            [
                "Dr. Lee of the U.S. Patent and Trademark Office signed under Art. 3 of No. 5.",
                "Fees rise by 3.5 percent.",
            ],
        ),
        ("en", ["Some goods, e.g. toys, were seized on Jan. 5 at the port.", "“Is it new?” he asked.", "Yes!"]),
        ("en", ["Pub. L. No. 117-3 applies; cf. Fig. 2 and vol. 4 of the record.", "See 37 C.F.R. § 1.17."]),
        ("en", ["The claim is new over the prior art.", "It is inventive."]),
        ("en", ["The U.S. agreed.", "Japan did not."]),
        ("de", ["Das Amt hat am 3. März z. B. die Gebühren gem. Art. 5 Abs. 2 erhöht.", "Nr. 7 gilt."]),
        ("fr", ["L’office a modifié l’art. L. 611-10 du Code.", "M. Durand l’a annoncé."]),
        ("ko", ["특허청은 오늘 발표했다.", "출원이 늘었다."]),
    ],
)
def test_abbreviations_end_no_sentence(language: str, parts: list[str]) -> None:
    assert sentences(" ".join(parts), language) == parts


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("ja", ["特許庁は本日、新制度を発表した。", "人工知能とは何か？", "詳細は後日！"]),
        ("zh", ["专利局今天发布公告。", "专利申请增长！", "为什么？"]),
        ("zh-Hant", ["智慧財產局公告。", "專利！"]),
        ("und", ["特許庁は発表した。", "出願は増えた。"]),
    ],
)
def test_wide_marks_end_a_sentence_without_a_blank(language: str, parts: list[str]) -> None:
    assert sentences("".join(parts), language) == parts


def test_a_blank_line_ends_a_sentence_without_a_mark() -> None:
    assert sentences("New fees for designs\n\nThe office announced them\ntoday.\n \nEnd") == [
        "New fees for designs",
        "The office announced them\ntoday.",
        "End",
    ]


def test_thai_is_cut_at_its_blanks_into_like_parts() -> None:
    text = "กรมทรัพย์สินทางปัญญาประกาศเรื่องสิทธิบัตร " * 20
    found = sentences(text, "th")
    assert len(found) > 3
    assert all(part.startswith("กรม") and part.endswith("บัตร") and len(part) < 220 for part in found)


def test_chinese_without_a_stop_is_cut_at_a_comma() -> None:
    passages = split_passages("", "商标注册申请的审查标准已经修改，" * 60, "zh")
    assert len(passages) > 1
    assert all(passage.text.endswith("，") for passage in passages)
    assert max(len(passage.text) for passage in passages) <= 350


def test_passages_hold_two_or_three_sentences() -> None:
    def counts(n: int) -> list[int]:
        text = " ".join(f"Office {i} has published its yearly report." for i in range(n))
        return [passage.text.count(".") for passage in split_passages("Reports", text, "en")]

    assert {n: counts(n) for n in (1, 2, 3, 4, 5, 7, 8)} == {
        1: [1], 2: [2], 3: [3], 4: [2, 2], 5: [3, 2], 7: [3, 2, 2], 8: [3, 3, 2],
    }  # fmt: skip


@pytest.mark.parametrize("title", ["", "Rules", "A very long title " * 40])
def test_no_passage_is_longer_than_an_encoder_reads(title: str) -> None:
    text = ("The examination of applications for counterfeit pharmaceutical licences " * 30 + ". ") * 4
    passages = split_passages(title, text, "en")
    assert max(len(passage.text.split()) for passage in passages) <= (185 if len(title) < 50 else 65)


def test_a_title_alone_is_one_passage_and_nothing_is_none() -> None:
    assert split_passages("Office closed on Monday", "", "en") == (Passage(0, 0, 0, ""),)
    assert split_passages("Office closed on Monday", " \n\n ", "en") == (Passage(0, 0, 0, ""),)
    assert split_passages(" ", "", "en") == ()


def test_a_book_has_a_bounded_number_of_passages_and_loses_no_word() -> None:
    text = "\n\n".join(f"Section {n} says what section {n + 1} repeals. It is in force." for n in range(5000))
    passages = split_passages("Code", text, "en")
    assert MAX_PASSAGES / 2 < len(passages) <= MAX_PASSAGES
    assert " ".join(passage.text for passage in passages).split() == text.split()


def test_half_a_character_stops_nothing() -> None:
    assert sentences("Fees \ud800 rise. Offices \udfff agree.") == ["Fees \ud800 rise.", "Offices \udfff agree."]


@given(
    title=st.text(max_size=40),
    text=st.text(st.one_of(st.characters(), st.sampled_from("。．.!?\n\t  「」，；ไทยAa1")), max_size=400),
    language=st.sampled_from(LANGUAGES),
)
def test_slices_are_verbatim_ordered_and_cover_the_text(title: str, text: str, language: str) -> None:
    for spans in (
        split_sentences(text, language),
        [(p.start, p.end) for p in split_passages(title, text, language) if p.text],
    ):
        end = 0
        for start, next_end in spans:
            assert end <= start < next_end
            assert not text[end:start].strip()
            assert text[start:next_end] == text[start:next_end].strip()
            end = next_end
        assert not text[end:].strip()
    assert all(p.text == text[p.start : p.end] for p in split_passages(title, text, language))
    assert [p.n for p in split_passages(title, text, language)] == list(
        range(len(split_passages(title, text, language)))
    )
