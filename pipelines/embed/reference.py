"""SentenceTransformersEncoder: texts → vectors by any sentence-transformers model; the reference, and the door to others.

Loads safetensors only, never a repository's code; uses a GPU where torch finds one. Imports torch when made, not before,
and takes seconds to start: nothing on the way of `search` with the default model comes here.
Raises ModelError when a model cannot be found, trusted or loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipelines.embed.encoder import TextKind, Vectors, knows_language, unit_rows, whole_characters
from pipelines.embed.folders import Model, find_model
from pipelines.errors import ModelError

BATCH = 32  # the library's default, and the one the benchmarks compare with


class SentenceTransformersEncoder:
    """A model by hub name and commit, or by folder. `languages` overrides what is known of it."""

    def __init__(
        self,
        name: str,
        revision: str = "",
        *,
        languages: Iterable[str] = (),
        device: str | None = None,
        bf16: bool = False,
    ) -> None:
        found = find_model(name, revision)
        self._model = _load_model(found, device, bf16)
        self.model_id = found.model_id + ("+bf16" if bf16 else "")
        self.runtime = f"torch {self._model.device.type}"
        self.languages: frozenset[str] | None = frozenset(languages) or found.known.languages
        self.dims = int(self._model.get_embedding_dimension())
        self.max_tokens = int(self._model.max_seq_length or 512)  # 512: BERT's, where the files say nothing

    def can_encode(self, language: str) -> bool:
        """Whether the model knows the language; `und` only if it knows any."""
        return knows_language(self.languages, language)

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        """Texts → (n, dims) float32, unit length, with the model's prompt of that kind."""
        if not texts:
            return np.empty((0, self.dims), dtype=np.float32)
        ask = self._model.encode_query if kind == "query" else self._model.encode_document
        vectors = ask(
            whole_characters(texts),
            batch_size=BATCH,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return unit_rows(np.asarray(vectors, dtype=np.float32))


def _load_model(found: Model, device: str | None, bf16: bool) -> Any:
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            str(found.folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.bfloat16 if bf16 else torch.float32},
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{found.folder}: sentence-transformers cannot load it: {error}") from error
    if not any(model.prompts.values()):
        model.prompts.update(found.known.prompts)
    return model
