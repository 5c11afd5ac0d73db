"""One article → Tagging: themed with reasons, outside the themes, or no IP news at all.

An unlabelled hybrid: no classifier is trained. Per theme the words' score and the passages' standardised nearness go into a
logistic with fixed weights, set by hand on the development half of the labelled set (docs/labelling.md). The probability is
that squashed sum: it ranks, it is not calibrated. Without vectors the words decide alone.
Does not encode passages, read or write files. Raises ModelError when vectors come without an encoder for the statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import TYPE_CHECKING

from pipelines.errors import ModelError
from pipelines.model import Passage, Tag, Tagging, Verdict
from pipelines.tag.evidence import Sentence, Words, count_gate, read_sentences, weigh_words
from pipelines.tag.select import select_themes
from pipelines.tag.similarity import Matrix, Nearness, Similarity
from pipelines.tag.terms import fold
from pipelines.tag.themes import Anchor, Themes

if TYPE_CHECKING:
    from pipelines.embed import Encoder

METHOD = "hybrid@1"
SECOND_SIGN = 1.0  # standard deviations of nearness that make a lone weak term count
CLEARLY_NEAR = 3.0  # standard deviations: no item without a word of IP came so near on the development half
NO_WORDS = Words(0.0, (), {}, False)


@dataclass(frozen=True, slots=True)
class Weights:
    """The logistic: bias + words · score + nearness · z. Two biases, as words alone are fewer signs."""

    bias: float = -3.8
    words: float = 4.0
    nearness: float = 1.4
    words_only_bias: float = -2.0
    z_floor: float = 0.7  # z is cut to floor…ceiling: a far passage is no proof against clear words
    z_ceiling: float = 4.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything seen in one article."""

    sentences: Sequence[Sentence]
    words: Mapping[str, Words]
    near: Mapping[str, Nearness]
    scores: Mapping[str, float]  # raw, before squashing, by theme


class Tagger:
    """Tags articles against `themes`. The statements are encoded once, at the first article with vectors or by `prepare`."""

    def __init__(self, themes: Themes, encoder: Encoder | None = None, weights: Weights | None = None) -> None:
        self.themes = themes
        self._encoder = encoder
        self._weights = weights or Weights()
        model = encoder.model_id if encoder else "words"
        self.version = f"{METHOD}-{themes.digest[:8]}-{model}"[:80]

    def prepare(self) -> None:
        """Encode the statements now rather than at the first article. Raises ModelError."""
        _ = self._similarity

    def tag(
        self, title: str, text: str, language: str, passages: Sequence[Passage] = (), vectors: Matrix | None = None
    ) -> Tagging:
        """The verdict and at most three tags, best first. `vectors`: one unit row per passage, None: by words only."""
        reading = self._read(title, text, language, vectors)
        if not reading.sentences:
            return Tagging("not_ip", (), self.version)
        chosen = select_themes(self.themes, {theme: squash(score) for theme, score in reading.scores.items()})
        verdict = judge(reading, chosen)
        tags = tuple(self._explain(theme, (title, text), passages, reading) for theme in chosen)
        return Tagging(verdict, tags if verdict == "themed" else (), self.version)

    def rank(self, title: str, text: str, language: str, vectors: Matrix | None = None) -> dict[str, float]:
        """Every theme's probability, whether it would be shown or not."""
        return {theme: squash(score) for theme, score in self._read(title, text, language, vectors).scores.items()}

    @cached_property
    def _similarity(self) -> Similarity:
        if self._encoder is None:
            raise ModelError("vectors were given to a tagger without an encoder; give one, or tag by words only")
        return Similarity(self.themes, self._encoder)

    def _read(self, title: str, text: str, language: str, vectors: Matrix | None) -> Reading:
        sentences = read_sentences(title, text, language, self.themes.vocabulary.matcher(language))
        near = self._similarity.nearness(vectors) if vectors is not None and len(vectors) else {}
        signs = frozenset(theme for theme, each in near.items() if each.z >= SECOND_SIGN)
        words = weigh_words(self.themes, sentences, signs)
        scores = {theme: self._score(words.get(theme, NO_WORDS), near.get(theme)) for theme in self.themes.themes}
        return Reading(sentences, words, near, scores)

    def _score(self, words: Words, near: Nearness | None) -> float:
        weights = self._weights
        if near is None:
            return weights.words_only_bias + weights.words * words.score
        z = min(max(near.z, weights.z_floor), weights.z_ceiling)
        return weights.bias + weights.words * words.score + weights.nearness * z

    def _explain(self, theme: str, item: tuple[str, str], passages: Sequence[Passage], reading: Reading) -> Tag:
        """The tag with the statement's sentence and the item's."""
        near = reading.near.get(theme)
        words = reading.words.get(theme, NO_WORDS)
        anchor = near.anchor if near else self._anchor_by_words(theme, reading.sentences)
        passage = passages[near.passage] if near and near.passage < len(passages) else None
        sentence = tell(reading.sentences, words, passage, fold(f"{anchor.text} {self.themes.themes[theme].gist}"))
        source = item[0] if sentence.field == "title" else item[1]
        others = {
            each: score for each, score in reading.scores.items() if self.themes.top(each) != self.themes.top(theme)
        }
        score = reading.scores[theme]
        return Tag(
            theme=theme,
            probability=squash(score),
            score=score,
            anchor=anchor.id,
            statement_sentence=anchor.text,
            item_sentence=source[sentence.start : sentence.end],
            field=sentence.field,
            start=sentence.start,
            end=sentence.end,
            runner_up=max(others, key=lambda each: others[each], default=""),
            matched=words.terms,
            cosine=near.cosine if near else None,
        )

    def _anchor_by_words(self, theme: str, sentences: Sequence[Sentence]) -> Anchor:
        """Without vectors: the statement that shares most words with the item."""
        item = frozenset(word for sentence in sentences for word in sentence.folded.split())
        return max(self.themes.statements(theme), key=lambda each: len(item & _content(fold(each.text))))


def squash(score: float) -> float:
    """Logistic function: raw score → 0…1."""
    return 1.0 / (1.0 + exp(-score))


def judge(reading: Reading, chosen: Sequence[str]) -> Verdict:
    """The gate. A notice is no news even if it names patents; weak terms make no theme without a word of IP."""
    ip = count_gate(reading.sentences, "ip")[0]
    notice, notice_title = count_gate(reading.sentences, "notice")
    if count_gate(reading.sentences, "identifier")[0] and chosen:
        return "themed"
    if notice > 1 or notice_title:
        return "not_ip"
    clear = any(words.strong and reading.scores[theme] >= 0 for theme, words in reading.words.items())
    near = any(reading.near[theme].z >= CLEARLY_NEAR for theme in chosen if theme in reading.near)
    if chosen and (ip or clear or near):
        return "themed"
    return "outside" if ip else "not_ip"


def tell(sentences: Sequence[Sentence], words: Words, passage: Passage | None, statement: str) -> Sentence:
    """The single most telling sentence: most terms, then inside the nearest passage, then most words of the statement."""
    wanted = _content(statement)

    def worth(number: int) -> tuple[float, bool, int, int]:
        sentence = sentences[number]
        inside = bool(
            passage and sentence.field == "text" and passage.start <= sentence.start and sentence.end <= passage.end
        )
        shared = len(wanted.intersection(sentence.folded.split()))
        telling = words.by_sentence.get(number, 0.0) / sentence.factor
        return telling, inside, shared, -number

    return sentences[max(range(len(sentences)), key=worth)]


def _content(folded: str) -> frozenset[str]:
    """Words of five letters and more: the shorter ones are mostly grammar."""
    return frozenset(word.strip(".,:;()") for word in folded.split() if len(word) > 4)
