"""Texts → vectors by ONNX Runtime on the processor, fp32, without torch. The default encoder.

The graph comes from a cache file that `export` fills once; this module checks, runs and batches. English only.
Raises ModelError when weights, graph or vectors are not what they must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pipelines.embed.encoder import ENGLISH, TextKind, Vectors, knows_language, whole_characters
from pipelines.embed.weights import MAX_TOKENS, MODEL_ID, load_file
from pipelines.errors import ModelError

DIMS = 384
BATCH_TOKENS = 512  # padded pieces in one call: measured best of 256…4096; more fall out of the second-level cache
CHUNK = 1024  # texts tokenized and sorted by length at a time, so that memory stays constant


class OnnxEncoder:
    """all-MiniLM-L6-v2 over a serialised graph. `threads` None: all cores."""

    model_id = MODEL_ID
    runtime = "onnxruntime"
    dims = DIMS
    languages: frozenset[str] | None = ENGLISH
    max_tokens = MAX_TOKENS

    def __init__(self, graph: bytes, threads: int | None = None) -> None:
        self._session = _open_session(graph, threads)

    def can_encode(self, language: str) -> bool:
        """English only: other languages come out as near noise."""
        return knows_language(self.languages, language)

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        """Texts → (n, 384) float32, unit length. The model has no prompts: passages and queries are read alike."""
        del kind
        vectors = np.empty((len(texts), DIMS), dtype=np.float32)
        for first in range(0, len(texts), CHUNK):
            chunk = whole_characters(texts[first : first + CHUNK])
            pieces = [row.ids for row in self._tokenizer.encode_batch_fast(chunk)]
            for places in _batches([len(row) for row in pieces]):
                vectors[[first + place for place in places]] = self._run([pieces[place] for place in places])
        return vectors

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(load_file("tokenizer.json").decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

    def _run(self, rows: Sequence[Sequence[int]]) -> Vectors:
        width = max(map(len, rows))
        ids = np.zeros((len(rows), width), dtype=np.int64)  # 0 is [PAD]
        mask = np.zeros_like(ids)
        for row, target, present in zip(rows, ids, mask, strict=True):
            target[: len(row)] = row
            present[: len(row)] = 1
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, dtype=np.float32)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts of like length together, longest first, each batch within BATCH_TOKENS when padded."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _open_session(graph: bytes, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: one per core
    options.log_severity_level = 3  # errors; its warnings are about optimisations
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises classes of its own without a common base
        raise ModelError(f"onnxruntime {onnxruntime.__version__} cannot open the model's graph: {error}") from error
