"""The exported graph on disk: made once from the checked weights, compared with the reference, then opened quickly.

Two files, named for weights and graph version: the graph, and a note with its sha256, the least cosine found and the
runtime's version. A graph that does not match its note is made anew; another version of the runtime or kind of processor is compared anew.
A folder that cannot be written costs a second per start, not the encoder. Raises ModelError from weights or comparison.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
from pathlib import Path

from pipelines.embed.export import GRAPH_VERSION, build_graph
from pipelines.embed.onnx_encoder import OnnxEncoder
from pipelines.embed.parity import check_parity
from pipelines.embed.weights import NAME, PINNED, load_file

log = logging.getLogger(__name__)

STEM = f"{NAME}-{PINNED['model.safetensors'][:12]}-graph{GRAPH_VERSION}"


def open_default(cache: Path, threads: int | None = None) -> OnnxEncoder:
    """The default encoder, by way of the cache folder. Raises ModelError."""
    graph, noted = load_graph(cache)
    if graph is None:
        graph = build_graph(load_file("model.safetensors")).SerializeToString()
        noted = ""
    encoder = OnnxEncoder(graph, threads)
    if noted != _runtime():
        _keep(cache, graph, check_parity(encoder))
    return encoder


def load_graph(cache: Path) -> tuple[bytes | None, str]:
    """The cached graph and the runtime it was compared on; (None, "") where it is missing or damaged."""
    try:
        note = json.loads((cache / f"{STEM}.json").read_text(encoding="utf-8"))
        graph = (cache / f"{STEM}.onnx").read_bytes()
        if hashlib.sha256(graph).hexdigest() == note["sha256"]:
            return graph, str(note["runtime"])
        log.warning("%s.onnx in %s is damaged; it is made anew", STEM, cache)
    except FileNotFoundError:
        pass  # the first start
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("the exported model in %s cannot be read (%s); it is made anew", cache, error)
    return None, ""


def _keep(cache: Path, graph: bytes, cosine: float) -> None:
    note = {"sha256": hashlib.sha256(graph).hexdigest(), "runtime": _runtime(), "least_cosine": round(cosine, 7)}
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _replace(cache / f"{STEM}.onnx", graph)
        _replace(cache / f"{STEM}.json", json.dumps(note, indent=1).encode())
    except OSError as error:
        log.warning("the exported model cannot be kept in %s (%s); every start makes it anew", cache, error)


def _replace(path: Path, content: bytes) -> None:
    """Write a whole file or none: another process never reads half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _runtime() -> str:
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__} {platform.machine()}"
