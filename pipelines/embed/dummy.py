"""HashEncoder: texts → vectors from hashed words and letter groups, without weights. For tests and a demo without models.

It knows spelling, not meaning: texts that share words or word parts are near. Any language. Never fails.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from pipelines.embed.encoder import TextKind, Vectors, unit_rows

_WORD = re.compile(r"\w+")
GROUP = 3  # letters; trigrams join inflected forms, and serve scripts without blanks
WORD_WEIGHT = 2  # a shared word says more than a shared trigram


class HashEncoder:
    """Deterministic across processes and machines; the id names the method's version."""

    runtime = "numpy"
    languages: frozenset[str] | None = None
    max_tokens = 1_000_000  # no limit that a text would meet

    def __init__(self, dims: int = 384) -> None:
        self.dims = dims
        self.model_id = f"hash@1-{dims}"

    def can_encode(self, language: str) -> bool:
        """Any language."""
        del language
        return True

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        """Texts → (n, dims) float32, unit length; passages and queries alike."""
        del kind
        vectors = np.zeros((len(texts), self.dims), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for feature, count in Counter(_features(text)).items():
                place, sign = self._place(feature)
                row[place] += sign * np.sqrt(count)
            if not row.any():
                row[0] = 1.0  # an empty text too has a unit vector
        return unit_rows(vectors)

    def _place(self, feature: str) -> tuple[int, float]:
        """The hashing trick with signs (Weinberger et al. 2009): collisions cancel on average."""
        number = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        return (number >> 1) % self.dims, 1.0 if number & 1 else -1.0


def _features(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.casefold()):
        yield from [word] * WORD_WEIGHT
        padded = f"<{word}>"
        yield from (padded[i : i + GROUP] for i in range(len(padded) - GROUP + 1))
