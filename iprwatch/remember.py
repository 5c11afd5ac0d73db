"""An encoder that keeps what it gave on disk, for texts that are the same at every start: the sentences of the themes.

A process that understands one item would otherwise spend most of its time on encoding them. Files are named by model, runtime and texts, so a new
model or taxonomy has files of its own; they may be deleted at any time. Where the folder cannot be written, it only encodes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.embed import Encoder, TextKind, Vectors


@dataclass(frozen=True, slots=True)
class Remembering:
    """An encoder over another. `folder` is made when first written to."""

    encoder: Encoder
    folder: Path

    @property
    def model_id(self) -> str:
        """Of the other."""
        return self.encoder.model_id

    @property
    def runtime(self) -> str:
        """Of the other."""
        return self.encoder.runtime

    @property
    def dims(self) -> int:
        """Of the other."""
        return self.encoder.dims

    @property
    def languages(self) -> frozenset[str] | None:
        """Of the other."""
        return self.encoder.languages

    @property
    def max_tokens(self) -> int:
        """Of the other."""
        return self.encoder.max_tokens

    def can_encode(self, language: str) -> bool:
        """As the other."""
        return self.encoder.can_encode(language)

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        """(n, dims) float32, unit length: kept ones, else the other's, which are kept."""
        said = json.dumps([self.model_id, self.runtime, kind, *texts], ensure_ascii=False)
        path = self.folder / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.npy"
        try:
            kept: Vectors = np.load(path, allow_pickle=False)
            if kept.shape == (len(texts), self.dims) and kept.dtype == np.float32:
                return kept
        except (OSError, ValueError, EOFError):  # none yet, or half a file of a disk that was full
            pass
        vectors = self.encoder.encode(texts, kind)
        self._keep(path, vectors)
        return vectors

    def _keep(self, path: Path, vectors: Vectors) -> None:
        partial = path.with_suffix(f".{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.save(file, vectors, allow_pickle=False)
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
