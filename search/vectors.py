"""All passage vectors of an index as one float32 matrix, and the exact nearest of a question.

The vectors in SQLite are the truth; `vectors.cache` beside it holds them as one block that a new process maps instead of reading row by row. The cache
belongs to one index (its random id stands in the head), is replaced whole by rename, and may be deleted at any time. Row ids rise and are never used
again, so what is missing in the cache is what is newer. Rows of articles that went stay until the next rewrite; the caller's mask leaves them out.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from search.columns import NOWHERE, Columns, Mask, Positions
from search.schema import Vector

PASSAGE_BITS = 16
"""A row id is article number × 2**16 + passage: an article's rows lie together and name it without a join."""

REWRITE_ROWS = 2000
"""Rows read from SQLite that make a rewrite worth its while: 2,000 take a few ms to read; a larger index waits until it grew by a quarter."""

GATHER_SHARE = 0.15
"""Below this share of rows passing a filter, gathering them is cheaper than multiplying all (100,000 rows, 2 cores: 4.6 against 5.4 ms)."""

ROUNDING = 6
"""Decimals of a cosine that mean anything: float32 sums differ beyond, by where a row lies in the matrix."""

_MAGIC = b"iprwvec1"
_HEAD = 64


_maps: WeakValueDictionary[tuple[int, int], np.memmap[Any, np.dtype[np.float32]]] = WeakValueDictionary()
"""Blocks this process has mapped, by device and inode: a file mapped twice is counted twice in its memory."""


class Place(NamedTuple):
    """Where an article stands in a ranking, from 1, by which of its passages, and with what score."""

    rank: int
    row: int
    score: float


class Ranking(NamedTuple):
    """Articles best first: their positions in Columns, the row id of each one's best passage, and its score."""

    positions: Positions
    rows: Positions
    scores: NDArray[np.float64]

    def place(self, position: int) -> Place | None:
        """Where an article stands; None where it does not."""
        at = np.flatnonzero(self.positions == position)
        return Place(int(at[0]) + 1, int(self.rows[at[0]]), float(self.scores[at[0]])) if len(at) else None


NOTHING = Ranking(NOWHERE, NOWHERE, np.empty(0))


class Vectors:
    """Passage ids and their vectors: a mapped block, and a tail of what came since."""

    def __init__(self, path: Path, index_id: str, dims: int) -> None:
        self._path, self._index_id, self._dims = path, index_id, dims
        self._blocks: list[Vector] = []
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._at: NDArray[np.int64] = np.empty(0, np.int64)
        self._known: Mask = np.empty(0, np.bool_)
        self._mapped = 0
        self._load()

    def refresh(self, connection: sqlite3.Connection, columns: Columns, writable: bool) -> None:
        """Take in newer rows; rewrite the cache where that pays. A cache that cannot be written costs time, not answers."""
        last = int(self.ids[-1]) if len(self.ids) else 0
        fresh, content = [], bytearray()  # grown row by row: a list of all rows would hold everything twice
        for row, vector in connection.execute("SELECT id, vector FROM vector WHERE id > ? ORDER BY id", (last,)):
            fresh.append(row)
            content += vector
        if fresh:
            self.ids = np.concatenate([self.ids, np.array(fresh, np.int64)])
            self._blocks.append(np.frombuffer(content, np.float32).reshape(len(fresh), self._dims))
            if len(self._blocks) > 8:  # a product per block: keep them few
                self._blocks = [*self._blocks[:1], np.concatenate(self._blocks[1:])]
        tail = len(self.ids) - self._mapped
        if writable and tail > max(REWRITE_ROWS, self._mapped // 4):
            with contextlib.suppress(OSError):
                self._rewrite(columns)
        if len(self._at) != len(self.ids):  # positions never change; what goes later is no longer allowed
            self._at, self._known = columns.positions(self.ids >> PASSAGE_BITS)

    def nearest(self, question: Vector, columns: Columns, allowed: Mask, articles: int) -> Ranking:
        """The nearest articles by their best passage, with cosines; ties newer first."""
        passing = np.flatnonzero(self._known & allowed[self._at]) if len(columns) else np.empty(0, np.int64)
        scores = np.round(self._scores(question, passing), ROUNDING)
        count = articles * 4
        while True:
            top = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
            chosen = top[self._ranked(passing[top], scores[top], columns)[:articles]]
            if len(chosen) == articles or count >= len(scores):
                return self._places(passing[chosen], scores[chosen])
            count *= 4

    def within(self, question: Vector, columns: Columns, allowed: Mask, least: float) -> Ranking:
        """Every article at least so near, in the order of `nearest`."""
        passing = np.flatnonzero(self._known & allowed[self._at]) if len(columns) else np.empty(0, np.int64)
        scores = np.round(self._scores(question, passing), ROUNDING)
        near = np.flatnonzero(scores >= least)
        chosen = self._ranked(passing[near], scores[near], columns)
        return self._places(passing[near[chosen]], scores[near[chosen]])

    def _ranked(self, rows: NDArray[np.int64], scores: Vector, columns: Columns) -> NDArray[np.int64]:
        """Which of the rows is the best of its article, best article first."""
        at = self._at[rows]
        ranked = np.lexsort((self.ids[rows], columns["tie"][at], -columns["published"][at], -scores))
        return ranked[np.sort(np.unique(at[ranked], return_index=True)[1])]

    def _places(self, rows: NDArray[np.int64], scores: Vector) -> Ranking:
        return Ranking(self._at[rows], self.ids[rows], scores.astype(np.float64))

    def _scores(self, question: Vector, passing: NDArray[np.int64]) -> Vector:
        if len(passing) >= GATHER_SHARE * len(self.ids):
            scores = np.concatenate([block @ question for block in self._blocks] or [np.empty(0, np.float32)])
            return scores if len(passing) == len(scores) else scores[passing]
        parts, start = [np.empty(0, np.float32)], 0
        for block in self._blocks:
            low, high = np.searchsorted(passing, (start, start + len(block)))
            parts.append(block[passing[low:high] - start] @ question)
            start += len(block)
        return np.concatenate(parts)

    def _head(self, rows: int) -> bytes:
        return (_MAGIC + self._index_id.encode() + self._dims.to_bytes(4, "little") + rows.to_bytes(8, "little")).ljust(
            _HEAD, b"\0"
        )

    def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._path.open("rb") as file:
            head = file.read(_HEAD)
            rows = int.from_bytes(head[8 + len(self._index_id) + 4 :][:8], "little")
            size = _HEAD + rows * (8 + 4 * self._dims)
            if head != self._head(rows) or os.fstat(file.fileno()).st_size != size or not rows:
                return
            self.ids = np.fromfile(file, np.int64, rows)
            self._blocks, self._mapped = [np.asarray(_mapped(file, rows, self._dims))], rows

    def _rewrite(self, columns: Columns) -> None:
        kept = columns.positions(self.ids >> PASSAGE_BITS)[1]
        kept[-1:] = True  # the last id says what is newer
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(self._head(int(np.count_nonzero(kept))))
                self.ids[kept].tofile(file)
                start = 0
                for block in self._blocks:
                    block[kept[start : start + len(block)]].tofile(file)
                    start += len(block)
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
        self._load()


def _mapped(file: BinaryIO, rows: int, dims: int) -> Vector:
    """The vectors of a cache file, mapped once however many handles this process has."""
    status = os.fstat(file.fileno())
    name = status.st_dev, status.st_ino
    found = _maps.get(name)
    if found is None:
        found = _maps[name] = np.memmap(file, np.float32, "r", _HEAD + 8 * rows, (rows, dims))
    return found
