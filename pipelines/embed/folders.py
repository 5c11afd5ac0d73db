"""A model's name and revision → a local folder of safe files, and its identity. Loads no model.

From the hub only weights as safetensors, settings and tokenizer files are taken, at one fixed commit: a branch may move,
a pickle may run code, and so may a repository's Python. Known models' languages and prompts are told here, since older
revisions leave them out. Raises ModelError with the remedy.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.embed.encoder import ENGLISH
from pipelines.embed.weights import MODEL_ID, NAME, PINNED, verified_folder
from pipelines.errors import ModelError

TAKEN = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")
REFUSED = ("*.bin", "*.ckpt", "*.pickle", "*.pkl", "*.pt", "*.pth")  # pickles: loading them can run code
IDENTITY = 12  # signs of a revision or hash in an id: 48 bits, no two models will ever meet

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+|[\w-][\w.-]*")


def _tags(words: str) -> frozenset[str]:
    return frozenset(words.split())


_XLM_R = _tags(
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it "
    "ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq "
    "sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
"""Languages of XLM-RoBERTa's training text (Conneau et al. 2020), the base of e5 and bge-m3."""
_PARAPHRASE = _tags(
    "ar bg ca cs da de el en es et fa fi fr gl gu he hi hr hu hy id it ja ka ko ku lt lv mk mn mr ms my nl no pl pt ro "
    "ru sk sl sq sr sv th tr uk ur vi zh"
)
"""Languages of the multilingual sentence-transformers models of 2020 (Reimers and Gurevych 2020)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model. `languages` None: any. `prompts` serve only where its own files have none."""

    languages: frozenset[str] | None
    prompts: dict[str, str] = field(default_factory=dict)


_E5 = Known(_XLM_R, {"query": "query: ", "document": "passage: "})
KNOWN = {
    NAME: Known(ENGLISH),
    "bge-m3": Known(_XLM_R),
    "granite-embedding-311m-multilingual-r2": Known(None),  # its card: 200 languages and more
    "granite-embedding-97m-multilingual-r2": Known(None),
    "multilingual-e5-base": _E5,
    "multilingual-e5-large": _E5,
    "multilingual-e5-small": _E5,
    "paraphrase-multilingual-MiniLM-L12-v2": Known(_PARAPHRASE),
    "paraphrase-multilingual-mpnet-base-v2": Known(_PARAPHRASE),
}
"""By the last part of the name. A model that is not here is taken to know any language: whoever names it, chose it."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to load: its folder, its id and what is known of it."""

    folder: Path
    model_id: str
    known: Known


def find_model(name: str, revision: str = "") -> Model:
    """A local folder, or a hub name at a commit of 40 hex digits. Raises ModelError."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        _refuse_unsafe(folder)
        return _local_model(folder.resolve())
    if not _HUB_NAME.fullmatch(name):
        raise ModelError(f"model {name!r}: there is no such folder, and it is no hub name (owner/name)")
    if not _COMMIT.fullmatch(revision):
        said = f"revision {revision!r} can move" if revision else "no revision is given"
        raise ModelError(f"model {name}: {said}; give the commit, 40 hex digits, as the model's revision")
    fetched = _fetch_snapshot(name, revision)
    _refuse_unsafe(fetched)
    return Model(fetched, f"{name}@{revision[:IDENTITY]}", KNOWN.get(name.rpartition("/")[2], Known(None)))


def _local_model(folder: Path) -> Model:
    """By content, wherever it lies: a hash over names and bytes of weights, settings and tokenizer."""
    weights = folder / "model.safetensors"
    if weights.is_file() and hashlib.sha256(weights.read_bytes()).hexdigest() == PINNED["model.safetensors"]:
        return Model(verified_folder(folder), MODEL_ID, KNOWN[NAME])
    total = hashlib.sha256()
    for path in sorted(p for pattern in TAKEN[:-1] for p in folder.rglob(pattern)):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return Model(folder, f"{folder.name}@{total.hexdigest()[:IDENTITY]}", KNOWN.get(folder.name, Known(None)))


def _refuse_unsafe(folder: Path) -> None:
    """Raise ModelError where weights are no safetensors or a module is not the library's own."""
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(f"{folder}: no weights as safetensors; name a revision of the model that has them")
    for path in sorted(p for pattern in REFUSED for p in folder.rglob(pattern)):
        if not any(path.parent.glob("*.safetensors")):
            raise ModelError(f"{path}: weights as a pickle can run code; name a revision that has them as safetensors")
    modules = folder / "modules.json"
    for kind in _module_kinds(modules) if modules.is_file() else ():
        if not kind.startswith("sentence_transformers."):
            raise ModelError(f"{modules}: {kind} is code from elsewhere, which is never run; name another model")


def _module_kinds(modules: Path) -> list[str]:
    try:
        return [str(row["type"]) for row in json.loads(modules.read_text(encoding="utf-8"))]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{modules}: not a list of modules ({error!r}); fetch the model anew") from error


def _fetch_snapshot(name: str, revision: str) -> Path:
    """The commit's safe files, from the local hub cache where they are there. Raises ModelError."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        held = Path(snapshot_download(name, revision=revision, allow_patterns=list(TAKEN), local_files_only=True))
        if (held / "config.json").is_file() and any(held.rglob("*.safetensors")):
            return held  # a commit never changes: no network for what is here
    except LocalEntryNotFoundError:
        pass  # the first use
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(TAKEN)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"model {name}@{revision[:IDENTITY]} cannot be fetched from the hub: {error}") from error
