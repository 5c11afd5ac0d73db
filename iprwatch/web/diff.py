"""Two revisions of a text → what changed, word by word, paragraph by paragraph. Pure. Chinese, Japanese and Thai go sign by sign."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

WORDS_MOST = (
    4000  # tokens of a changed stretch compared word by word; beyond, difflib takes seconds: shown as removed and added
)

_TOKEN = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+|\s+|[^\w\s]"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that stayed, went or came."""

    kind: Literal["same", "gone", "new"]
    text: str


def compare(before: str, after: str) -> list[list[Piece]]:
    """The changed stretches in order, each as pieces; empty where both are equal. Unchanged paragraphs are left out."""
    old, new = before.split("\n\n"), after.split("\n\n")
    changes = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            changes.append(list(_pieces("\n\n".join(old[a:b]), "\n\n".join(new[c:d]))))
    return changes


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(old) + len(new) > WORDS_MOST:
        yield from (Piece("gone", before), Piece("new", after))
        return
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(old[a:b]))
            continue
        if b > a:
            yield Piece("gone", "".join(old[a:b]))
        if d > c:
            yield Piece("new", "".join(new[c:d]))
