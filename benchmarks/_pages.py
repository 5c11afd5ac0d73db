"""Invented office pages for the benchmarks of understanding: menu, about 400 words in paragraphs, footer. Same seed, same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from pipelines.model import Page

WORD_LIST = """
    office patent examination notice applicant design trade mark fee consultation treaty draft court ruling small firm data digital review
"""
WORDS = WORD_LIST.split()
SENTENCES, WORDS_EACH, A_PARAGRAPH, MENU = 28, 14, 4, 80  # as office notices of the catalogue have them, about
HTML = "text/html; charset=utf-8"


def build_body(seed: str, title: str = "") -> bytes:
    """One page; without a title it gets one of seven words."""
    words = Random(seed)
    menu = "".join(f'<li><a href="/section/{i}">Section {words.choice(WORDS)} {i}</a></li>' for i in range(MENU))
    drawn = (words.choices(WORDS, k=WORDS_EACH) for _ in range(SENTENCES))
    sentences = [f"{' '.join(row).capitalize()} {words.randint(1, 999)}." for row in drawn]
    paragraphs = (" ".join(sentences[i : i + A_PARAGRAPH]) for i in range(0, SENTENCES, A_PARAGRAPH))
    prose = "".join(f"<p>{text}</p>" for text in paragraphs)
    title = title or " ".join(words.choices(WORDS, k=7)).capitalize()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} | Office</title><meta name="dcterms.issued" content="2026-03-05"></head>'
        f"<body><header><nav><ul>{menu}</ul></nav></header><main><h1>{title}</h1>{prose}</main><footer>Imprint, contact</footer></body></html>"
    ).encode()


def build_page(seed: str, title: str = "") -> Page:
    """The page as it would be landed, of a source that nobody declares."""
    url = f"https://office.example/news/{seed.replace(' ', '-')}"
    return Page("benchmark", url, url, datetime.now(UTC), 200, HTML, build_body(seed, title), record_id=f"urn:{seed}")
