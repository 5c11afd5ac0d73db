"""Title and text → sentences with the terms in them, and how much the terms say for each theme. No vectors, no decision.

A strong term counts alone. A weak term counts only beside a second sign of its theme: another weak one, or a strong one of the
theme or of its parent. The title, and then the opening, count more: offices lead with the news and close with boilerplate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import exp
from typing import Literal

from pipelines.passages import split_sentences
from pipelines.tag.terms import Found, Matcher, Role, Term, fold
from pipelines.tag.themes import Themes

OPENING = 2  # sentences of the text that carry the news
TITLE_FACTOR, OPENING_FACTOR = 2.0, 1.25
WEIGHTS: Mapping[Role, float] = {"strong": 1.0, "weak": 0.35, "identifier": 6.0}  # an identifier alone nears certainty
SHORT = 3  # letters; longer acronyms are no words of any language here
RATE = 0.7  # one strong term in the text gives 0.5, in the title 0.75


@dataclass(frozen=True, slots=True)
class Sentence:
    """A verbatim slice of title or text with the terms found in it."""

    field: Literal["title", "text"]
    start: int
    text: str
    folded: str
    found: tuple[Found, ...]
    factor: float


@dataclass(frozen=True, slots=True)
class Words:
    """What the words say for one theme: 0…1, the counted terms, the raw sum each sentence gave (by its number)."""

    score: float
    terms: tuple[str, ...]
    by_sentence: Mapping[int, float]
    strong: bool  # whether one of them counts alone


def read_sentences(title: str, text: str, language: str, matcher: Matcher) -> list[Sentence]:
    """The title and every sentence of the text, blanks around them left out."""
    start = len(title) - len(title.lstrip())
    spans: list[tuple[Literal["title", "text"], int, int]] = []
    if title.strip():
        spans.append(("title", start, start + len(title.strip())))
    spans += [("text", *span) for span in split_sentences(text, language)]
    sentences: list[Sentence] = []
    for field, start, end in spans:
        raw = (title if field == "title" else text)[start:end]
        folded = fold(raw)
        seen = sum(each.field == "text" for each in sentences[:OPENING])
        factor = TITLE_FACTOR if field == "title" else OPENING_FACTOR if seen < OPENING else 1.0
        sentences.append(Sentence(field, start, raw, folded, _kept(matcher.find(folded), raw), factor))
    return sentences


def weigh_words(themes: Themes, sentences: Sequence[Sentence], signs: Set[str] = frozenset()) -> dict[str, Words]:
    """Per theme with at least one counted term, what the words say. `signs`: themes with a second sign from elsewhere."""
    places: dict[str, dict[Term, tuple[float, int]]] = {}
    for number, sentence in enumerate(sentences):
        for found in sentence.found:
            if found.term.theme:
                at = places.setdefault(found.term.theme, {})
                if found.term not in at or at[found.term][0] < sentence.factor:
                    at[found.term] = (sentence.factor, number)
    strong = {theme for theme, at in places.items() if any(term.role != "weak" for term in at)}
    return {
        theme: _weigh(at)
        for theme, at in places.items()
        if theme in strong or theme in signs or themes.themes[theme].parent in strong or _distinct(at) > 1
    }


def count_gate(sentences: Iterable[Sentence], role: Role) -> tuple[int, bool]:
    """Words of the gate: how many different ones, and whether one stands in the title."""
    different, in_title = set(), False
    for sentence in sentences:
        words = {found.term.text for found in sentence.found if found.term.role == role}
        different |= words
        in_title = in_title or (sentence.field == "title" and bool(words))
    return len(different), in_title


def _kept(found: Iterable[Found], raw: str) -> tuple[Found, ...]:
    """Without acronyms of two or three letters that are no acronym here: `AI` is a word in Italian, `IA` ends a name."""
    return tuple(each for each in found if not _is_short_acronym(each.term.text) or each.term.text in raw)


def _is_short_acronym(text: str) -> bool:
    return len(text) <= SHORT and text.isascii() and text.isupper()


def _distinct(at: Mapping[Term, object]) -> int:
    """Different terms; the same word in two languages' lists is one."""
    return len({fold(term.text).rstrip("*") for term in at})


def _weigh(at: Mapping[Term, tuple[float, int]]) -> Words:
    by_sentence: dict[int, float] = {}
    for term, (factor, number) in at.items():
        by_sentence[number] = by_sentence.get(number, 0.0) + WEIGHTS[term.role] * factor
    texts = tuple(dict.fromkeys(term.text.rstrip("*") for term in at))
    return Words(
        1.0 - exp(-RATE * sum(by_sentence.values())), texts, by_sentence, any(term.role != "weak" for term in at)
    )
