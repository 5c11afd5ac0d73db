"""One article → Tagging: themed with reasons, outside the themes, or no IP news at all.

An unlabelled hybrid: no classifier is trained. Per theme the words' score and the passages' standardised nearness go into a
logistic with fixed weights, set by hand on the development half of the labelled set (docs/labelling.md). The probability is
that squashed sum: it ranks, it is not calibrated. Without vectors the words decide alone.
Does not encode passages, read or write files. Raises ModelError when vectors come without an encoder for the statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipelines.errors import ModelError
from pipelines.model import Passage, Tagging, Verdict
from pipelines.tag.evidence import Words, count_gate, read_sentences, weigh_words
from pipelines.tag.explain import NO_WORDS, Reading, explain, squash
from pipelines.tag.select import select_themes
from pipelines.tag.similarity import Matrix, Nearness, Similarity
from pipelines.tag.themes import Themes

if TYPE_CHECKING:
    from pipelines.embed import Encoder

METHOD = "hybrid@1"
SECOND_SIGN = 1.0  # standard deviations of nearness that make a lone weak term count
CLEARLY_NEAR = 3.0  # standard deviations: no item without a word of IP came so near on the development half


@dataclass(frozen=True, slots=True)
class Weights:
    """The logistic: bias + words · score + nearness · z. Two biases, as words alone are fewer signs."""

    bias: float = -3.8
    words: float = 4.0
    nearness: float = 1.4
    words_only_bias: float = -2.0
    z_floor: float = 0.7  # z is cut to floor…ceiling: a far passage is no proof against clear words
    z_ceiling: float = 4.0


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
        reading = self._read(title, text, language, vectors, passages)
        if not reading.sentences:
            return Tagging("not_ip", (), self.version)
        chosen = select_themes(self.themes, {theme: squash(score) for theme, score in reading.scores.items()})
        verdict = judge(reading, chosen)
        if verdict != "themed":
            return Tagging(verdict, (), self.version)
        similarity = self._similarity if reading.near else None
        tags = tuple(explain(self.themes, similarity, reading, theme) for theme in chosen)
        return Tagging(verdict, tags, self.version)

    def rank(self, title: str, text: str, language: str, vectors: Matrix | None = None) -> dict[str, float]:
        """Every theme's probability, whether it would be shown or not."""
        return {theme: squash(score) for theme, score in self._read(title, text, language, vectors).scores.items()}

    @cached_property
    def _similarity(self) -> Similarity:
        if self._encoder is None:
            raise ModelError("vectors were given to a tagger without an encoder; give one, or tag by words only")
        return Similarity(self.themes, self._encoder)

    def _read(
        self, title: str, text: str, language: str, vectors: Matrix | None, passages: Sequence[Passage] = ()
    ) -> Reading:
        sentences = read_sentences(title, text, language, self.themes.vocabulary.matcher(language))
        near = self._similarity.nearness(vectors) if vectors is not None and len(vectors) else {}
        signs = frozenset(theme for theme, each in near.items() if each.z >= SECOND_SIGN)
        words = weigh_words(self.themes, sentences, signs)
        scores = {theme: self._score(words.get(theme, NO_WORDS), near.get(theme)) for theme in self.themes.themes}
        return Reading(sentences, passages, vectors, words, near, scores)

    def _score(self, words: Words, near: Nearness | None) -> float:
        weights = self._weights
        if near is None:
            return weights.words_only_bias + weights.words * words.score
        z = min(max(near.z, weights.z_floor), weights.z_ceiling)
        return weights.bias + weights.words * words.score + weights.nearness * z


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
