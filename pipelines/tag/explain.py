"""A chosen theme → Tag: the statement's sentence beside the item's, both verbatim, with what was found. Decides no theme.

With vectors the statement is the theme's sentence nearest to the best passage; without, the one that shares most words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp

from pipelines.model import Passage, Tag
from pipelines.tag.evidence import Sentence, Words
from pipelines.tag.similarity import Matrix, Nearness, Similarity
from pipelines.tag.terms import fold
from pipelines.tag.themes import Anchor, Themes

NO_WORDS = Words(0.0, (), {}, False)
CONTENT = 5  # letters; shorter words are mostly grammar


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Everything seen in one article. `vectors` and `near` are empty where it was read by words only."""

    sentences: Sequence[Sentence]
    passages: Sequence[Passage]
    vectors: Matrix | None
    words: Mapping[str, Words]
    near: Mapping[str, Nearness]
    scores: Mapping[str, float]  # raw, before squashing, by theme


def squash(score: float) -> float:
    """Logistic function: raw score → 0…1."""
    return 1.0 / (1.0 + exp(-score))


def explain(themes: Themes, similarity: Similarity | None, reading: Reading, theme: str) -> Tag:
    """The tag of one theme. `similarity` is needed where the reading has vectors. At least one sentence was read."""
    anchor, cosine, passage = _statement(themes, similarity, reading, theme)
    words = reading.words.get(theme, NO_WORDS)
    sentence = tell(reading.sentences, words, passage, _content(f"{anchor.text} {themes.themes[theme].gist}"))
    family = themes.top(theme)
    others = [each for each in reading.scores if themes.top(each) != family]
    score = reading.scores[theme]
    return Tag(
        theme=theme,
        probability=squash(score),
        score=score,
        anchor=anchor.id,
        statement_sentence=anchor.text,
        item_sentence=sentence.text,
        field=sentence.field,
        start=sentence.start,
        end=sentence.start + len(sentence.text),
        runner_up=max(others, key=lambda each: reading.scores[each], default=""),
        matched=words.terms,
        cosine=cosine,
    )


def tell(sentences: Sequence[Sentence], words: Words, passage: Passage | None, wanted: frozenset[str]) -> Sentence:
    """The single most telling sentence: most terms, then inside the nearest passage, then most of the wanted words."""
    telling = [words.by_sentence.get(n, 0.0) / each.factor for n, each in enumerate(sentences)]
    best = [each for each, worth in zip(sentences, telling, strict=True) if worth == max(telling)]

    def fit(sentence: Sentence) -> tuple[bool, int]:
        inside = sentence.field == "text" and passage is not None and passage.start <= sentence.start < passage.end
        return inside, len(wanted.intersection(sentence.folded.split()))

    return max(best, key=fit)


def _statement(
    themes: Themes, similarity: Similarity | None, reading: Reading, theme: str
) -> tuple[Anchor, float | None, Passage | None]:
    near = reading.near.get(theme)
    if near and similarity and reading.vectors is not None:
        anchor, cosine = similarity.closest(theme, reading.vectors[near.passage])
        return anchor, cosine, reading.passages[near.passage] if near.passage < len(reading.passages) else None
    item = frozenset(word for sentence in reading.sentences for word in sentence.folded.split())
    return max(themes.statements(theme), key=lambda each: len(item & _content(each.text))), None, None


@cache  # anchors and gists only: as many as the taxonomy has
def _content(text: str) -> frozenset[str]:
    return frozenset(word.strip(".,:;()") for word in fold(text).split() if len(word) >= CONTENT)
