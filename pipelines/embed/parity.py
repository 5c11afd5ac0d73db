"""Reference vectors: what sentence-transformers made of fixed texts with the pinned weights, and the comparison with it.

Reads the committed reference_vectors.json; does not run a model itself, except as a script, which remakes that file:
`python -m pipelines.embed.parity`. Raises ModelError when vectors are further from the reference than PARITY.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.embed.encoder import PARITY, Encoder, Vectors
from pipelines.embed.weights import PINNED
from pipelines.errors import ModelError

PATH = Path(__file__).with_name("reference_vectors.json")


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Texts and their vectors, float32 of shape (n, dims), unit length; `made_with` says by which versions."""

    made_with: str
    weights: str  # sha256 of model.safetensors
    texts: tuple[str, ...]
    vectors: Vectors


def load_reference() -> Reference:
    """The committed reference. Raises ModelError if it is of other weights than the pinned ones."""
    row = json.loads(PATH.read_text(encoding="utf-8"))
    if row["weights"] != PINNED["model.safetensors"]:
        raise ModelError(
            f"{PATH.name} is of other weights than the pinned ones; remake it: python -m pipelines.embed.parity"
        )
    vectors = np.frombuffer(b64decode(row["vectors"]), dtype="<f4").reshape(len(row["texts"]), -1)
    return Reference(row["made_with"], row["weights"], tuple(row["texts"]), vectors)


def least_cosine(ours: Vectors, theirs: Vectors) -> float:
    """The worst cosine among pairs of unit rows; -1 where any number is not finite or the shapes differ."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return -1.0
    return float(np.einsum("ij,ij->i", ours, theirs, dtype=np.float64).min())


def check_parity(encoder: Encoder) -> float:
    """The least cosine to the reference. Raises ModelError below PARITY."""
    reference = load_reference()
    least = least_cosine(encoder.encode(reference.texts), reference.vectors)
    if least < PARITY:
        raise ModelError(
            f"{encoder.model_id} on {encoder.runtime}: cosine to the reference vectors is {least:.5f}, {PARITY} is needed; "
            "set another model, or report your processor and the version of onnxruntime"
        )
    return least


def make_reference(texts: tuple[str, ...]) -> Reference:
    """The reference, computed anew by sentence-transformers from the pinned weights."""
    from importlib.metadata import version

    from pipelines.embed.reference import SentenceTransformersEncoder
    from pipelines.embed.weights import verified_folder

    encoder = SentenceTransformersEncoder(str(verified_folder()), device="cpu")
    made_with = " ".join(f"{name} {version(name).partition('+')[0]}" for name in ("sentence-transformers", "torch"))
    return Reference(made_with, PINNED["model.safetensors"], texts, encoder.encode(texts))


def _write(reference: Reference) -> None:
    vectors = b64encode(reference.vectors.astype("<f4").tobytes()).decode("ascii")
    row = {"made_with": reference.made_with, "weights": reference.weights, "texts": reference.texts, "vectors": vectors}
    PATH.write_text(json.dumps(row, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write(make_reference(load_reference().texts))
