"""Texts → vectors. `load_encoder` is the door; importing this loads no model and no runtime."""

from __future__ import annotations

from pathlib import Path

from pipelines.embed.encoder import Encoder, TextKind, Vectors

__all__ = ["Encoder", "TextKind", "Vectors", "load_encoder"]


def load_encoder(
    name: str = "default",
    *,
    revision: str = "",
    cache: Path | None = None,
    threads: int | None = None,
    bf16: bool = False,
) -> Encoder:
    """The encoder of a name: `default` (English, ONNX Runtime), `hash` (no weights), else sentence-transformers' name or folder.

    `revision`: the commit of a hub name. `cache`: folder of the exported default model. `threads`: of the default
    encoder, all cores where None. `bf16`: by torch, in half the precision, about twice as fast on processors that have
    it; its vectors have an id of their own. Raises ModelError.
    """
    if name == "hash":
        from pipelines.embed.dummy import HashEncoder

        return HashEncoder()
    if name == "default" and not bf16:
        from pipelines.embed.graph_cache import open_default

        return open_default(cache or _user_cache(), threads)
    from pipelines.embed.reference import SentenceTransformersEncoder
    from pipelines.embed.weights import find_folder

    return SentenceTransformersEncoder(str(find_folder()) if name == "default" else name, revision, bf16=bf16)


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("iprwatch")
