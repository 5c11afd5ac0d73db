"""Question + memory + words table → which articles match, in what order, and one page of them.

The keyword set is exact and complete. Meaning has an edge where the question gives one (`min_cosine`): then it adds every article so near, and totals and
facets are exact. Without, it adds the nearest `WINDOW` articles (hybrid) or is cut at `DEPTH` (semantic): that keeps totals about what was asked, and pages
stable. Filters hold before either ranking. `search/watches.py` asks the same of one article; a test holds that both agree.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.columns import Columns, Mask, Positions
from search.hybrid import WINDOW, K, fuse
from search.query import ParsedQuery, Unit, required
from search.schema import Query, Vector
from search.vectors import NOTHING, PASSAGE_BITS, Ranking, Vectors

DEPTH = 200
"""Articles a purely semantic search ranks: twenty pages; beyond, nearness says nothing."""

TITLE_WEIGHT = 3.0
"""BM25 weight of a word in the title against one in the passage."""

NARROW = 0.2
"""Share of articles below which SQLite is told the filter, and spares the BM25 of the others; above, a mask is cheaper."""

NOTHING_TO_LOOK_FOR = "nothing in this text can be searched for by words"


@dataclass(slots=True)
class Found:
    """All matches, best first. `by_words` and `by_meaning`: why an article stands where it stands."""

    positions: Positions
    scores: NDArray[np.float64]
    by_words: Ranking = NOTHING
    by_meaning: Ranking = NOTHING
    note: str = ""


class Row(NamedTuple):
    """One hit to show: its position in Columns, its score, and how many others of its story it stands for."""

    position: int
    score: float
    folded: int


class Page(NamedTuple):
    """The hits of one page, and how many there are in all."""

    rows: list[Row]
    total: int


def build_match(units: tuple[Unit, ...]) -> str:
    """FTS5 expression: any group of `required` units. Holds nothing but analysed terms in quotes, so no text can be syntax."""
    return " OR ".join(f"({' AND '.join(_unit(unit) for unit in group)})" for group in required(units))


def matching_numbers(connection: sqlite3.Connection, unit: Unit) -> list[int]:
    """Numbers of the articles that hold this unit anywhere."""
    sql = f"SELECT DISTINCT rowid >> {PASSAGE_BITS} FROM word WHERE word MATCH ?"  # noqa: S608
    return [number for (number,) in connection.execute(sql, (_unit(unit),))]


def find_matches(
    connection: sqlite3.Connection,
    columns: Columns,
    vectors: Vectors | None,
    query: Query,
    parsed: ParsedQuery,
    allowed: Mask,
) -> Found:
    """Every article that matches, in the order asked for."""
    if (not query.text.strip() and query.vector is None) or (parsed.excluded and not parsed.units):
        found = _browsed(columns, allowed)
    else:
        found = Found(np.empty(0, np.int64), np.empty(0))
        if query.mode != "semantic" and parsed.units:
            found = _by_words(connection, columns, parsed, allowed)
        if query.mode != "keyword" and vectors is not None and query.vector is not None:
            found.by_meaning = _near(vectors, query, query.vector, columns, allowed)
            _fuse(found, query.mode == "hybrid")
        elif not parsed.units:
            found.note = NOTHING_TO_LOOK_FOR
    if query.sort != "relevance" and len(found.positions):
        sign = -1 if query.sort == "newest" else 1
        again = np.lexsort((columns["tie"][found.positions], sign * columns["published"][found.positions]))
        found.positions, found.scores = found.positions[again], found.scores[again]
    return found


def page_of(found: Found, columns: Columns, query: Query, offset: int) -> Page:
    """The rows of one page. Collapsed, a story shows its best hit and counts the others."""
    positions, scores = found.positions, found.scores
    folded = np.zeros(len(positions), np.int64)
    if query.collapse and len(positions):
        _, first, members = np.unique(columns["story"][positions], return_index=True, return_counts=True)
        by_rank = np.argsort(first)
        chosen = first[by_rank]
        positions, scores, folded = positions[chosen], scores[chosen], members[by_rank] - 1
    part = slice(offset, offset + query.limit)
    rows = map(Row, positions[part].tolist(), scores[part].tolist(), folded[part].tolist())
    return Page(list(rows), len(positions))


def _unit(unit: Unit) -> str:
    spelled = (f'"{" ".join(spelling.terms)}"{" *" if spelling.prefix else ""}' for spelling in unit)
    return f"({' OR '.join(spelled)})"


def _browsed(columns: Columns, allowed: Mask) -> Found:
    positions = np.flatnonzero(allowed)
    newest = positions[np.lexsort((columns["tie"][positions], -columns["published"][positions]))]
    return Found(newest, np.zeros(len(newest)))


def _by_words(connection: sqlite3.Connection, columns: Columns, parsed: ParsedQuery, allowed: Mask) -> Found:
    sql = f"SELECT rowid, bm25(word, {TITLE_WEIGHT}, 1.0) FROM word WHERE word MATCH ?"  # noqa: S608
    bound = [build_match(parsed.units)]
    if np.count_nonzero(allowed) < NARROW * len(allowed):
        sql += f" AND rowid >> {PASSAGE_BITS} IN (SELECT value FROM json_each(?))"  # noqa: S608
        bound.append(json.dumps(columns["no"][allowed].tolist()))
    rows = connection.execute(sql, bound).fetchall()
    ids, scores = _arrays(rows)
    positions, known = columns.positions(ids >> PASSAGE_BITS)
    passing = np.flatnonzero(known & allowed[positions]) if len(rows) else np.empty(0, np.int64)
    ids, scores, positions = ids[passing], scores[passing], positions[passing]
    ranked = np.lexsort((ids, columns["tie"][positions], -columns["published"][positions], -scores))
    _, first = np.unique(positions[ranked], return_index=True)
    best = ranked[np.sort(first)]
    ranking = Ranking(positions[best], ids[best], scores[best])
    return Found(ranking.positions, ranking.scores, ranking)


def _near(vectors: Vectors, query: Query, vector: Vector, columns: Columns, allowed: Mask) -> Ranking:
    if query.min_cosine is not None:
        return vectors.within(vector, columns, allowed, query.min_cosine)
    return vectors.nearest(vector, columns, allowed, WINDOW if query.mode == "hybrid" else DEPTH)


def _arrays(rows: Iterable[tuple[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    pairs = np.array(rows, np.float64).reshape(-1, 2)  # row ids stay below 2**53: exact
    return pairs[:, 0].astype(np.int64), np.round(-pairs[:, 1], 9)


def _fuse(found: Found, hybrid: bool) -> None:
    near = found.by_meaning
    if not hybrid:
        found.positions, found.scores = near.positions, near.scores
        return
    fused = fuse([found.positions[:WINDOW].tolist(), near.positions[:WINDOW].tolist()])
    head = np.array([position for position, _ in fused], np.int64)
    words = np.flatnonzero(~np.isin(found.positions, head))
    rest = near.positions[WINDOW:]
    meant = rest[~np.isin(rest, np.concatenate([head, found.positions]))]
    # A rank beyond the window scores less than any within: the tail never overtakes, and pages stay put.
    tail = np.concatenate([words, len(found.positions) + np.arange(len(meant))])
    found.scores = np.concatenate([np.array([score for _, score in fused]), 1 / (K + 1 + tail)])
    found.positions = np.concatenate([head, found.positions[words], meant])
