"""A themes file (JSON) with its seeds and term lists → Themes, checked.

Every anchor must stand verbatim in its seed at the offsets given, and every seed must have the hash given: what is shown as
the statement's words is the statement's words. Does not match, score or encode. Raises ThemesError naming the fact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pipelines.errors import ThemesError
from pipelines.tag.terms import Vocabulary, load_vocabulary

SHIPPED = Path(__file__).parent.parent / "themes" / "g7-apec.json"

_BROKEN_HYPHEN = re.compile(r"(?<=\w-)\s*\n\s*(?=[a-zß-ÿ])")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A sentence of a seed. `start` and `end` count characters in the normalised seed; `lexicon` anchors are headings."""

    id: str
    theme: str
    seed: str
    text: str
    start: int
    end: int
    use: Literal["vector", "lexicon"]


@dataclass(frozen=True, slots=True)
class Theme:
    """One node of the taxonomy. `parent` is empty at the top; `gist` says in our words what the theme is."""

    id: str
    label: str
    parent: str
    gist: str
    near_misses: tuple[str, ...]
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class Themes:
    """A taxonomy: themes by id in the file's order, those that are never a fallback, the words, and a digest of all of it."""

    themes: Mapping[str, Theme]
    cross_cutting: frozenset[str]
    vocabulary: Vocabulary
    digest: str

    def top(self, theme: str) -> str:
        """The topmost ancestor of a theme, itself at the top."""
        while self.themes[theme].parent:
            theme = self.themes[theme].parent
        return theme

    def children(self, theme: str) -> tuple[str, ...]:
        """The themes right below."""
        return tuple(each.id for each in self.themes.values() if each.parent == theme)

    def statements(self, theme: str) -> tuple[Anchor, ...]:
        """The sentences that may be shown for a theme: its own, or its children's where it has a heading only."""
        own = tuple(anchor for anchor in self.themes[theme].anchors if anchor.use == "vector")
        below = tuple(anchor for child in self.children(theme) for anchor in self.statements(child))
        return own or below or self.themes[theme].anchors


def load_themes(path: Path | None = None) -> Themes:
    """The taxonomy in a file (default: the shipped one), with `seeds/` and, if there is one, `terms/` beside it. Raises ThemesError."""
    path = path or SHIPPED
    try:
        content = path.read_bytes()
        document = json.loads(content)
        themes = {row["id"]: _parse_theme(row) for row in document["themes"]}
        seeds = {key: _load_seed(path.parent / "seeds", row) for key, row in document["seeds"].items()}
        cross_cutting = frozenset(document.get("cross_cutting", ()))
        words = {row["id"]: (row["terms"], row["weak_terms"]) for row in document["themes"]}
    except (OSError, UnicodeDecodeError) as error:
        raise ThemesError(f"{path}: cannot be read: {error}") from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ThemesError(f"{path}: not a themes file: {error!r}") from error
    if len(themes) != len(document["themes"]):
        raise ThemesError(f"{path}: a theme id occurs twice")
    for theme in themes.values():
        _check_theme(theme, themes, seeds)
    vocabulary = load_vocabulary(path.parent / "terms", words)
    return Themes(themes, cross_cutting, vocabulary, sha256(content + vocabulary.digest.encode()).hexdigest())


def normalise_seed(raw: str) -> str:
    """A seed's text with every run of blanks one space, and a line break behind a hyphen inside a word removed."""
    return _BLANKS.sub(" ", _BROKEN_HYPHEN.sub("", raw))


def _parse_theme(row: Mapping[str, Any]) -> Theme:
    anchors = tuple(
        Anchor(each["id"], row["id"], each["seed"], each["text"], each["start"], each["end"], each["use"])
        for each in row["anchors"]
    )
    return Theme(row["id"], row["label"], row["parent"] or "", row["gist"], tuple(row["not"]), anchors)


def _load_seed(folder: Path, row: Mapping[str, Any]) -> str:
    content = (folder / row["file"]).read_bytes()
    if sha256(content).hexdigest() != row["sha256"]:
        raise ThemesError(f"seed {row['file']} has another sha256 than the themes file says")
    return normalise_seed(content.decode("utf-8"))


def _check_theme(theme: Theme, themes: Mapping[str, Theme], seeds: Mapping[str, str]) -> None:
    above, parent = {theme.id}, theme.parent
    while parent:
        if parent not in themes or parent in above:
            raise ThemesError(f"theme {theme.id}: parent {parent} is unknown or its own descendant")
        above.add(parent)
        parent = themes[parent].parent
    if not theme.anchors:
        raise ThemesError(f"theme {theme.id} has no anchor")
    for anchor in theme.anchors:
        if seeds.get(anchor.seed, "")[anchor.start : anchor.end] != anchor.text:
            raise ThemesError(f"anchor {anchor.id} is not in seed {anchor.seed} at {anchor.start}…{anchor.end}")
