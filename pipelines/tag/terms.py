"""Words that point to themes, per language: YAML lists → Vocabulary; a sentence → the terms found in it.

A term matches whole words, plural -s and -es included; a `*` matches any ending of a word. Case, accents, hyphens and the
width of characters never matter. Where a script writes no blanks (or glues particles on, as Arabic) a term matches anywhere.
One Aho-Corasick automaton (Aho and Corasick 1975) per language finds all at once. English terms serve every language: offices
write WIPO, PPH and AI everywhere. Does not weigh or decide. Raises ThemesError for a list that names an unknown theme or key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import yaml
from ahocorasick_rs import AhoCorasick

from pipelines.errors import ThemesError

Role = Literal["strong", "weak", "not", "ip", "notice", "identifier"]
ROLES: tuple[Role, ...] = ("strong", "weak", "not")

_GLUED = 0x0590  # from Hebrew and Arabic on: scripts where a term may stand inside a run of letters
_WORD_END = r"(?![^\W\u0590-\U0010ffff])"  # no letter of a script with blanks follows
_MARKS = re.compile("[\u0300-\u036f\u064b-\u065f]")
_PUNCTUATION = str.maketrans({"-": " ", "‐": " ", "‑": " ", "–": " ", "/": " ", "’": "'", "ʼ": "'", "_": " "})


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of a list. `text` as written there; `theme` empty for words of the gate (`ip`, `notice`)."""

    text: str
    theme: str
    role: Role


@dataclass(frozen=True, slots=True)
class Found:
    """A term at a place of a folded sentence."""

    term: Term
    start: int
    end: int


@dataclass(frozen=True)
class Vocabulary:
    """Terms by language (BCP 47 primary tag)."""

    terms: Mapping[str, tuple[Term, ...]]
    digest: str
    _matchers: dict[str, Matcher] = field(default_factory=dict, repr=False, compare=False)

    def matcher(self, language: str) -> Matcher:
        """The matcher for a language: its terms and the English ones; all terms where the language is unknown."""
        tag = language.split("-")[0].lower()
        key = tag if tag in self.terms else "und"
        if key not in self._matchers:
            chosen = {"en", tag} & self.terms.keys() if key != "und" else self.terms.keys()
            rows = dict.fromkeys(term for each in sorted(chosen) for term in self.terms[each])
            self._matchers[key] = Matcher(tuple(rows))
        return self._matchers[key]


class Matcher:
    """Finds terms in folded text."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms: dict[str, list[tuple[Term, re.Pattern[str] | None]]] = {}
        for term in terms:
            literal, rest = _compile(term.text)
            self._terms.setdefault(literal, []).append((term, rest))
        self._literals = list(self._terms)

    @cached_property
    def _automaton(self) -> Any:
        return AhoCorasick(self._literals)

    def find(self, folded: str) -> list[Found]:
        """Every term in a folded text, by place. What lies inside a `not` phrase of its own theme does not count."""
        found = list(self._spans(folded))
        barred = [each for each in found if each.term.role == "not"]
        if not barred:
            return found
        return [each for each in found if each.term.role != "not" and not any(_inside(each, bar) for bar in barred)]

    def _spans(self, folded: str) -> Iterator[Found]:
        if not self._literals:
            return
        for number, start, end in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            literal = self._literals[number]
            if not _is_glued(literal[0]) and start and _joins(folded[start - 1]):
                continue
            for term, rest in self._terms[literal]:
                match = rest.match(folded, end) if rest else None
                if rest is None or match:
                    yield Found(term, start, match.end() if match else end)


def fold(text: str) -> str:
    """Text as terms are compared: lower case, without accents, hyphens as blanks, one blank between words."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", _MARKS.sub("", decomposed)).casefold()
    return " ".join(text.lower().translate(_PUNCTUATION).split())


def load_vocabulary(folder: Path, words: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> Vocabulary:
    """The lists `<language>.yaml` of a folder, with the themes file's own English terms (all, weak ones). Raises ThemesError."""
    lists = {"en": [term for theme, (every, weak) in words.items() for term in _seed_terms(theme, every, weak)]}
    content = b""
    for path in sorted(folder.glob("*.yaml")):
        raw = path.read_bytes()
        content += raw
        lists.setdefault(path.stem, []).extend(_parse_list(path, raw, words.keys()))
    return Vocabulary({tag: _weakest(terms) for tag, terms in lists.items()}, sha256(content).hexdigest())


def _seed_terms(theme: str, every: Iterable[str], weak: Iterable[str]) -> Iterator[Term]:
    weak = frozenset(weak)
    return (Term(text, theme, "weak" if text in weak else "strong") for text in every)


def _parse_list(path: Path, raw: bytes, themes: Iterable[str]) -> Iterator[Term]:
    try:
        rows = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe)
    except yaml.YAMLError as error:
        raise ThemesError(f"{path}: is not readable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(rows, dict):
        raise ThemesError(f"{path}: is empty or no mapping of themes to terms")
    known = frozenset(themes)
    for key, row in rows.items():
        if key in ("ip", "notice"):
            yield from (Term(str(text), "", key) for text in row)
        elif key == "identifiers":
            yield from (Term(text, theme, "identifier") for text, theme in row.items())
        elif key not in known or row.keys() - set(ROLES):
            raise ThemesError(f"{path}: {key} is no theme of the file, or has a key other than {', '.join(ROLES)}")
        else:
            yield from (Term(str(text), key, role) for role in ROLES for text in row.get(role, ()))


def _weakest(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Without doubles; a word that any list calls weak for its theme is weak."""
    weak = {(fold(term.text), term.theme) for term in terms if term.role == "weak"}
    kept = (term for term in terms if term.role != "strong" or (fold(term.text), term.theme) not in weak)
    return tuple({(fold(term.text), term.theme, term.role): term for term in kept}.values())


def _compile(text: str) -> tuple[str, re.Pattern[str] | None]:
    """A term → the literal to look for and the pattern of what must follow it (None: nothing)."""
    literal, star, tail = fold(text).partition("*")
    if not star:
        return literal, None if _is_glued(literal[-1]) else re.compile(rf"(?:e?s)?{_WORD_END}")
    if not tail:
        return literal, None
    parts = [re.escape(part) for part in tail.split("*")]
    ending = "" if tail.endswith("*") else rf"(?:e?s)?{_WORD_END}"
    return literal, re.compile(r"\w*" + r"\w*".join(parts) + ending)


def _is_glued(character: str) -> bool:
    return ord(character) >= _GLUED


def _joins(character: str) -> bool:
    return character.isalnum() and not _is_glued(character)


def _inside(found: Found, bar: Found) -> bool:
    return found.term.theme == bar.term.theme and bar.start <= found.start and found.end <= bar.end
