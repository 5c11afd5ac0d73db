"""Text → language tag."""

from __future__ import annotations

import pytest

from pipelines.language import detect_language, primary_tag

GERMAN = "Das Amt hat eine Anhörung zur Prüfung von Erfindungen eröffnet, die mit Hilfe künstlicher Intelligenz entstanden sind."
ENGLISH = (
    "The office has opened a consultation on inventions that were made with the help of artificial intelligence tools."
)


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        (GERMAN, ("en", "de"), "de"), (ENGLISH, ("ar", "fr"), "en"), (ENGLISH, ("en",), "en"), ("WIPO", ("fr",), "fr"), ("", (), "und"),
        ("特許庁は新しい審査の指針を公表しました。", ("en",), "ja"), ("특허청은 새로운 심사 지침을 발표했습니다", ("en",), "ko"),
        ("国家知识产权局发布专利审查指南", ("en",), "zh"), ("經濟部智慧財產局發布專利審查基準", ("zh",), "zh-Hant"), ("กรมทรัพย์สินทางปัญญา", (), "th"),
        ("Роспатент опубликовал новые правила", (), "ru"),
    ],
)  # fmt: skip
def test_detection(text: str, declared: tuple[str, ...], language: str):
    found = detect_language(text, declared)
    assert found == language


def test_tags():
    assert [primary_tag(t) for t in ("pt-BR", "zh-TW", "zh_Hant", "zh-CN", "EN", "x1", "")] == [
        "pt",
        "zh-Hant",
        "zh-Hant",
        "zh",
        "en",
        "",
        "",
    ]


def test_a_language_the_source_does_not_write_in_is_not_guessed():
    assert detect_language(GERMAN, ("fr",)) in ("fr", "en")
