"""What an encoder is: texts → unit vectors. No I/O, no model.

A vector's identity is `model_id`: name @ the weights' revision or hash (12 signs), then `+` and a precision if it is not
fp32. ONNX Runtime and torch in fp32 over the same weights agree to a cosine of 0.9999 and more (checked), so they share
an id; `runtime` is kept beside the vector and says which of them made it. Whatever differs by more has another id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
TextKind = Literal["passage", "query"]

PARITY = 0.9999  # least cosine to the reference in fp32; int8, at 0.98, changes one neighbour in nine
ENGLISH = frozenset({"en"})


class Encoder(Protocol):
    """Turns texts into vectors. Deterministic: the same text has the same vector up to rounding."""

    @property
    def model_id(self) -> str:
        """Vectors of one id may be compared, of two ids never."""

    @property
    def runtime(self) -> str:
        """What computed the vectors, e.g. `onnxruntime`; at most 40 characters."""

    @property
    def dims(self) -> int:
        """Length of a vector."""

    @property
    def languages(self) -> frozenset[str] | None:
        """BCP 47 primary tags that the model knows; None: any."""

    @property
    def max_tokens(self) -> int:
        """Word pieces that are read; the rest of a text is not seen."""

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        """Texts → float32 of shape (n, dims), rows of unit length, in the order of the texts. Raises ModelError."""

    def can_encode(self, language: str) -> bool:
        """Whether a text of this language (BCP 47, `und` where unknown) should get a vector."""


def knows_language(languages: frozenset[str] | None, language: str) -> bool:
    """Whether a model of these languages serves `language`. An unknown language is served only by a model of any."""
    return languages is None or language.split("-")[0].lower() in languages


def whole_characters(texts: Sequence[str]) -> list[str]:
    """The texts with halves of characters (lone surrogates, as from a terminal) replaced: tokenizers refuse them."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to unit length, float32; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
