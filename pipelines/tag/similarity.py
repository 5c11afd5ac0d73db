"""Passage vectors → per theme, how near its statements are, with the direction common to all of them removed.

Nearly every anchor speaks of "IP" and "support", so the raw cosine mostly says "this is about IP". The mean of the themes'
vectors is subtracted from both sides, and each theme's score is standardised by how near the *other* themes' sentences come to
it. So no background corpus is shipped, and the score survives another model or taxonomy. A theme's gist, in our words, is a
vector too: it helps to score, but is never shown. Does no I/O; encodes once, when made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.tag.themes import Anchor, Themes

if TYPE_CHECKING:
    from pipelines.embed import Encoder

Matrix = NDArray[np.float32]
LEAST_SPREAD = 0.05  # of a theme's background scores; about a third of what is seen, guards tiny taxonomies


@dataclass(frozen=True, slots=True)
class Nearness:
    """One theme against one article: standardised score, and the row of the passage that has it."""

    z: float
    passage: int


class Similarity:
    """The themes' vectors for one encoder."""

    def __init__(self, themes: Themes, encoder: Encoder) -> None:
        self._ids = list(themes.themes)
        self._shown = {theme: themes.statements(theme) for theme in self._ids}
        own = {each.id: [a.text for a in each.anchors if a.use == "vector"] for each in themes.themes.values()}
        texts = [
            (each.id, text) for each in themes.themes.values() for text in [*own[each.id], f"{each.label}. {each.gist}"]
        ]
        misses = [miss for each in themes.themes.values() for miss in each.near_misses]
        raw = encoder.encode([text for _, text in texts])
        self._headings = {
            n: [self._ids.index(child) for child in themes.children(theme)]
            for n, theme in enumerate(self._ids)
            if not own[theme]
        }
        self._owners = np.array([self._ids.index(theme) for theme, _ in texts])
        self._firsts = np.searchsorted(self._owners, np.arange(len(self._ids)))  # each theme's vectors stand together
        anchors = {anchor.id: anchor for theme in self._ids for anchor in self._shown[theme]}
        self._anchor_rows = {key: row for row, key in enumerate(anchors)}
        self._anchor_vectors = encoder.encode([anchor.text for anchor in anchors.values()])
        self._mean = np.mean([raw[self._owners == n].mean(axis=0) for n in range(len(self._ids))], axis=0)
        self._vectors = self._centred(raw)
        self._background, self._spread = self._standard(encoder.encode(misses) if misses else raw[:0])

    def nearness(self, vectors: Matrix) -> dict[str, Nearness]:
        """Passage vectors (n, dims), n ≥ 1, unit length → every theme's nearness."""
        z = (self._per_theme(self._centred(vectors)) - self._background) / self._spread
        for column, below in self._headings.items():  # no sentence of its own: as near as the nearest of its children
            z[:, column] = z[:, [column, *below]].max(axis=1)
        rows = z.argmax(axis=0).tolist()
        best = z.max(axis=0).tolist()
        return {theme: Nearness(best[n], rows[n]) for n, theme in enumerate(self._ids)}

    def closest(self, theme: str, vector: Matrix) -> tuple[Anchor, float]:
        """The statement of a theme that is shown beside a passage, with its plain cosine."""
        shown = self._shown[theme]
        cosines = self._anchor_vectors[[self._anchor_rows[each.id] for each in shown]] @ vector
        best = int(cosines.argmax())
        return shown[best], float(cosines[best])

    def _centred(self, vectors: Matrix) -> Matrix:
        moved = vectors - self._mean
        return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6), dtype=np.float32)

    def _per_theme(self, centred: Matrix) -> Matrix:
        """(n, themes): the best of each theme's vectors."""
        return np.asarray(np.maximum.reduceat(centred @ self._vectors.T, self._firsts, axis=1))

    def _standard(self, misses: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and spread, per theme, of the scores that other themes' sentences and all near-misses get."""
        scores, missed = self._per_theme(self._vectors), self._per_theme(self._centred(misses))
        others = [np.concatenate([scores[self._owners != n, n], missed[:, n]]) for n in range(len(self._ids))]
        means = [each.mean() if len(each) else 0.0 for each in others]
        spreads = [max(each.std(), LEAST_SPREAD) if len(each) else 1.0 for each in others]
        return np.array(means, dtype=np.float32), np.array(spreads, dtype=np.float32)
