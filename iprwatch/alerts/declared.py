"""YAML file → a value of its strict type. Unknown keys are errors. Raises InputError, which names file, line, key and remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from iprwatch.errors import InputError

Loaded = TypeVar("Loaded")

REMEDY = "Each key is explained in docs/fields.md"


def load_declared(path: Path, kind: TypeAdapter[Loaded]) -> Loaded:
    """What one file declares. Raises InputError."""
    try:
        text = path.read_text("utf-8")
        raw, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable YAML: {' '.join(str(error).split())}", REMEDY) from None
    try:
        return kind.validate_python(raw)
    except ValidationError as error:
        faults = "; ".join(
            f"line {find_line(node, e['loc'])}: {'.'.join(map(str, e['loc'])) or 'the file'}: "
            f"{e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise InputError(f"{path}: {faults}", REMEDY) from None


def find_line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """Line of the key or item at a place, or of what encloses it. Parts that are not in the file (tags of unions) are passed."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, node = key.start_mark.line + 1, value
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
