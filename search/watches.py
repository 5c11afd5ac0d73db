"""Many standing questions × one new document → which of them it answers, and why. No index, no I/O.

The search turned round: the questions are held ready (their terms inverted, their vectors as one matrix) and the document is run past them. A match is
what `Index.find(query restricted to this document)` finds in an index of these `languages` that holds vectors; a test compares both. Does not rank: a
standing question needs an edge, so one in meaning without `min_cosine` raises BadQuery.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipelines.analyse import Token, analyse
from search.columns import day_end, day_start, with_parents
from search.highlight import Spans, join
from search.index import BadQuery
from search.query import SENTENCE, Unit, parse_query
from search.schema import Document, Filters, Query, Vector
from search.vectors import ROUNDING

_SEARCHED = re.compile("[0-9A-Za-z\u0080-\U0010ffff]+")
"""What the words table's tokenizer (`ascii`) leaves of a term: folding can bring a sign into one, as `⒈` → `1.`."""

NO_VECTOR = -2.0
"""Below every cosine."""

Place = tuple[int, int]
"""Characters [start, end) of a title or passage."""


@dataclass(frozen=True, slots=True)
class Match:
    """Why a document answers a question: its best passage, verbatim, and what matched in it."""

    n: int | None = None  # number of the passage; None where the document has none
    start: int = 0  # characters of Document.text
    end: int = 0
    text: str = ""
    cosine: float | None = None  # of this passage; None where it or the question has no vector
    words: tuple[str, ...] = ()  # as they stand in title and passage; empty: matched by meaning or by filter alone
    highlights: Spans = ()  # characters of `text`


class _Start(NamedTuple):
    """A spelling by its first term: the unit it stands for, and the terms that must follow."""

    unit: int
    following: tuple[str, ...]


class _Row(NamedTuple):
    """Which units one passage and its title hold, and where first."""

    title: Mapping[int, Place]
    body: Mapping[int, Place]

    @property
    def units(self) -> set[int]:
        """All of them."""
        return self.title.keys() | self.body.keys()


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A question made ready: the numbers of its units, and how many of them must stand in one passage."""

    filters: Filters
    units: tuple[int, ...]
    needed: int
    phrases: frozenset[int]
    excluded: frozenset[int]


class Standing:
    """Standing questions by name, ready to meet documents. Build it anew when a question or the index's languages change."""

    def __init__(self, queries: Mapping[str, Query], languages: Iterable[str]) -> None:
        """Raises BadQuery for a question in meaning without an edge."""
        self._languages = frozenset(languages)
        self._numbers: dict[Unit, int] = {}
        self._starts: defaultdict[str, list[_Start]] = defaultdict(list)
        self._prefixes: defaultdict[str, list[_Start]] = defaultdict(list)  # by the first character
        self._askers: defaultdict[int, list[str]] = defaultdict(list)
        self._browsing: set[str] = set()
        self._by_meaning: list[str] = []  # names, in the order of the matrix's rows
        self._asked = {name: self._prepare(name, query) for name, query in queries.items()}
        vectors = [queries[name].vector for name in self._by_meaning]
        self._matrix = np.stack([v for v in vectors if v is not None]) if vectors else np.empty((0, 0), np.float32)
        self._edges = np.array([queries[name].min_cosine for name in self._by_meaning], np.float32)

    def match(self, document: Document) -> dict[str, Match]:
        """The questions that this document answers, by name, each with its reason."""
        rows = self._rows(document)
        held = set[int]().union(*(row.units for row in rows))
        cosines = self._cosines(document)
        near = {self._by_meaning[i] for i in np.flatnonzero(cosines.max(axis=1, initial=NO_VECTOR) >= self._edges)}
        by_words: defaultdict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            for name in self._matching(row):
                by_words[name].append(i)
        row_of = {name: i for i, name in enumerate(self._by_meaning)}
        found: dict[str, Match] = {}
        for name in sorted(near | by_words.keys() | self._browsing):
            asked = self._asked[name]
            if asked.phrases <= held and not asked.excluded & held and passes(asked.filters, document):
                meant = cosines[row_of[name]] if name in row_of and cosines.size else None
                best = _best(asked, rows, by_words[name], meant)
                found[name] = _reason(document, rows[best], best, asked if by_words[name] else None, meant)
        return found

    def _prepare(self, name: str, query: Query) -> _Asked:
        parsed = parse_query(query.text, self._languages)
        units = tuple(self._number(unit) for unit in parsed.units)
        by_meaning = query.mode != "keyword" and query.vector is not None
        if (not query.text.strip() and query.vector is None) or (parsed.excluded and not units):
            self._browsing.add(name)
        else:
            if by_meaning:
                self._by_meaning.append(name)
            for unit in units if query.mode != "semantic" or not by_meaning else ():
                self._askers[unit].append(name)
        if by_meaning and query.min_cosine is None:
            raise BadQuery(f"the standing question {query.text!r} needs min_cosine: meaning has no edge by itself")
        phrases, excluded = (frozenset(map(self._number, some)) for some in (parsed.phrases, parsed.excluded))
        return _Asked(query.filters, units, _needed(len(units)), phrases, excluded)

    def _number(self, unit: Unit) -> int:
        if unit not in self._numbers:
            self._numbers[unit] = len(self._numbers)
            for spelling in unit:
                first, *following = _SEARCHED.findall(" ".join(spelling.terms))
                start = _Start(self._numbers[unit], tuple(following))
                (self._prefixes if spelling.prefix else self._starts)[first].append(start)
        return self._numbers[unit]

    def _rows(self, document: Document) -> list[_Row]:
        bodies = [passage.text for passage in document.passages] or [document.text]
        title = self._places(analyse(document.title, document.language))
        return [_Row(title, self._places(analyse(body, document.language))) for body in bodies]

    def _places(self, tokens: Sequence[Token]) -> dict[int, Place]:
        """Unit → its first occurrence in one field."""
        parts = [(part, token.start, token.end) for token in tokens for part in _SEARCHED.findall(token.term)]
        terms = tuple(part for part, _, _ in parts)
        places: dict[int, Place] = {}
        for i, (term, begin, _) in enumerate(parts):
            for unit, following in self._starts.get(term, ()):
                last = i + len(following)
                if unit not in places and terms[i + 1 : last + 1] == following:
                    places[unit] = (begin, parts[last][2])
            for unit, _ in self._prefixes.get(term[0], ()):
                places.setdefault(unit, (begin, begin + 1))
        return places

    def _matching(self, row: _Row) -> Iterable[str]:
        counts = Counter(name for unit in row.units for name in self._askers.get(unit, ()))
        return (name for name, count in counts.items() if count >= self._asked[name].needed)

    def _cosines(self, document: Document) -> Vector:
        """Question × passage; NO_VECTOR for a passage without; no column where there is none at all."""
        vectors = {i: p.vector for i, p in enumerate(document.passages) if p.vector is not None}
        cosines = np.full((len(self._matrix), len(document.passages) if vectors else 0), NO_VECTOR, np.float32)
        for i, vector in vectors.items() if len(self._matrix) else ():  # one by one: no threads for so little
            cosines[:, i] = np.round(self._matrix @ vector, ROUNDING)
        return cosines


def passes(filters: Filters, document: Document) -> bool:
    """Whether a document passes; the same as an index's filters."""
    named = (
        (filters.sources, document.source), (filters.economies, document.economy), (filters.languages, document.language),
        (filters.verdicts, document.verdict), (filters.stories, document.story), (filters.ids, document.id),
    )  # fmt: skip
    if any(wanted and value not in wanted for wanted, value in named) or (filters.heads and not document.head):
        return False
    if filters.themes and not any(t in filters.themes for tag in document.tags for t in with_parents(tag.theme)):
        return False
    return not (
        (filters.since is not None and document.published < day_start(filters.since))
        or (filters.until is not None and document.published >= day_end(filters.until))
        or (filters.seen_since is not None and document.first_seen < filters.seen_since)
    )


def _needed(units: int) -> int:
    """How many of a question's units must stand in one passage; `search.query.required` as a number."""
    return units if units <= 2 else units - 1 if units < SENTENCE else 1


def _best(asked: _Asked, rows: Sequence[_Row], by_words: Sequence[int], cosines: Vector | None) -> int:
    """The row to show: most of the words, else the nearest, else the first."""
    if by_words:
        return max(by_words, key=lambda i: (len(rows[i].units & set(asked.units)), -i))
    return 0 if cosines is None else int(cosines.argmax())


def _reason(document: Document, row: _Row, n: int, asked: _Asked | None, cosines: Vector | None) -> Match:
    """The row as a reason. `asked`: the question whose words matched, if they did."""
    units = set(asked.units) if asked else set()
    in_title, in_body = (join([place for unit, place in places.items() if unit in units]) for places in row)
    passage = document.passages[n] if document.passages else None
    body = passage.text if passage else document.text
    return Match(
        n=passage.n if passage else None,
        start=passage.start if passage else 0,
        end=passage.end if passage else len(document.text),
        text=body,
        cosine=float(cosines[n]) if cosines is not None and cosines[n] > NO_VECTOR else None,
        words=tuple(dict.fromkeys([*(document.title[a:b] for a, b in in_title), *(body[a:b] for a, b in in_body)])),
        highlights=in_body,
    )
