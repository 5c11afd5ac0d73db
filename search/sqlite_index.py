"""The embedded index: SQLite FTS5 for words, exact NumPy products for meaning, one file and its cache in a folder.

In: documents and questions. Out: answers. What is filtered by and the vectors are held in memory and follow every committed write of any process.
Words rank by BM25 of an article's best passage, meaning by the cosine of its best passage, hybrid by reciprocal rank.
Not for network drives (WAL). Raises the errors of search.index; a batch is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search.columns import Columns, Mask
from search.find import Found, Row, find_matches, matching_numbers, page_of
from search.highlight import highlight
from search.index import BadQuery, IndexMismatch
from search.query import ParsedQuery, parse_query, read_cursor, write_cursor
from search.schema import FACETS, PERIODS, Answer, Count, Document, Filters, Hit, Period, Query
from search.sqlite_rows import (
    CACHE,
    FILE,
    REMEDY,
    connect,
    insert,
    prepare,
    read_document,
    read_row,
    read_tags,
    remove,
    translated,
)
from search.vectors import PASSAGE_BITS, Vectors

BATCH = 200
"""Documents a transaction: long enough to be cheap, short enough (about 0.2 s) that other writers hardly wait."""

SHOWN = ("id", "url", "title", "source", "economy", "language", "published", "first_seen", "story", "head", "verdict")
"""Fields of a hit that stand in the document's own row."""

MAX_LIMIT = 1000
"""Hits a page: beyond it, page."""


@dataclass(slots=True)
class _Memory:
    """What a running process keeps of the index."""

    columns: Columns
    vectors: Vectors | None = None


class SqliteIndex:
    """See search.index.Index. `model` and `dims`: whose vectors this process brings; checked against the index's when used."""

    name = "sqlite"

    def __init__(self, folder: Path, *, dims: int = 384, model: str = "", read_only: bool = False) -> None:
        """Open, and make unless `read_only`. Raises IndexMissing, IndexMismatch, IndexBusy."""
        self._folder, self._dims, self._model, self._read_only = folder, dims, model, read_only
        self._lock = threading.RLock()
        self._open()

    def upsert(self, documents: Iterable[Document]) -> dict[str, int]:
        """Write whole documents; an older row_version never replaces a newer one. Returns {id: row_version now held}."""
        held: dict[str, int] = {}
        remaining = iter(documents)
        while batch := list(itertools.islice(remaining, BATCH)):
            prepared = [prepare(document) for document in batch]
            with self._lock, translated(self._folder):
                self._follow()
                with self._transaction("BEGIN IMMEDIATE"):
                    self._claim_model(batch)
                    for each in prepared:
                        found = self._connection.execute(
                            "SELECT no, row_version FROM document WHERE id = ?", (each.document.id,)
                        ).fetchone()
                        if found and found[1] > each.document.row_version:
                            held[each.document.id] = found[1]
                            continue
                        if found:
                            remove(self._connection, found[0])
                        insert(self._connection, each)
                        held[each.document.id] = each.document.row_version
        return held

    def delete(self, ids: Iterable[str]) -> None:
        """Forget these articles; unknown ids are ignored."""
        with self._lock, translated(self._folder):
            self._follow()
            with self._transaction("BEGIN IMMEDIATE"):
                for article in ids:
                    found = self._connection.execute("SELECT no FROM document WHERE id = ?", (article,)).fetchone()
                    if found:
                        remove(self._connection, found[0])

    def find(self, query: Query) -> Answer:
        """Answer a question on one consistent state of the index. Raises BadQuery, IndexMissing, IndexMismatch."""
        if not 0 <= query.limit <= MAX_LIMIT:
            raise BadQuery(f"limit {query.limit} is not between 0 and {MAX_LIMIT}")
        if unknown := [name for name in query.facets if name not in FACETS]:
            raise BadQuery(f"unknown facet {unknown[0]!r}; there are {', '.join(FACETS)}")
        offset, horizon = read_cursor(query)
        with self._lock, translated(self._folder):
            self._follow()
            with self._transaction("BEGIN"):
                columns = self._memory.columns
                columns.refresh(self._connection)
                vectors, note = self._usable_vectors(query)
                horizon = columns.newest if horizon is None else horizon
                parsed = parse_query(query.text, columns.values("language"))
                allowed = self._allowed(query, parsed) & (columns["no"] <= horizon)
                if vectors is None and query.mode != "keyword":
                    query = replace(query, mode="keyword")
                found = find_matches(self._connection, columns, vectors, query, parsed, allowed)
                page = page_of(found, columns, query, offset)
                hits = tuple(self._hit(query, parsed, found, row) for row in page.rows)
        following = offset + len(page.rows)
        return Answer(
            hits=hits,
            total=page.total,
            facets={name: columns.facet(name, found.positions) for name in query.facets},
            next=write_cursor(query, following, horizon) if page.rows and following < page.total else "",
            mode=query.mode,
            note=note or found.note,
        )

    def count_over_time(self, filters: Filters, by: Period, group: str = "theme") -> tuple[Count, ...]:
        """Articles and stories per period and value of one of FACETS, oldest first; none where zero. Raises BadQuery."""
        if by not in PERIODS:
            raise BadQuery(f"unknown period {by!r}; there are {', '.join(PERIODS)}")
        if group not in FACETS:
            raise BadQuery(f"unknown facet {group!r}; there are {', '.join(FACETS)}")
        with self._lock, translated(self._folder):
            self._follow()
            with self._transaction("BEGIN"):
                columns = self._memory.columns
                columns.refresh(self._connection)
                return columns.count_over_time(self._allowed(Query(filters=filters), ParsedQuery()), by, group)

    def get(self, id: str) -> Document | None:
        """One document as indexed, vectors included; None if unknown."""
        with self._lock, translated(self._folder):
            self._follow()
            with self._transaction("BEGIN"):
                return read_document(self._connection, id)

    def scan(self) -> Iterator[tuple[str, int]]:
        """All (id, row_version) in id order, of one moment."""
        with self._lock, translated(self._folder):
            self._follow()
            rows: list[tuple[str, int]] = self._connection.execute(
                "SELECT id, row_version FROM document ORDER BY id"
            ).fetchall()
        return iter(rows)

    def count(self) -> int:
        """Number of articles."""
        with self._lock, translated(self._folder):
            self._follow()
            return int(self._connection.execute("SELECT count(*) FROM document").fetchone()[0])

    def model(self) -> str:
        """Id of the model whose vectors the index holds; empty if none."""
        with self._lock, translated(self._folder):
            self._follow()
            return self._meta().get("model", "")

    def close(self) -> None:
        """Release files and connections."""
        with self._lock:
            self._connection.close()

    def _open(self) -> None:
        self._connection = connect(self._folder, self._read_only)
        self._inode = (self._folder / FILE).stat().st_ino
        self._memory = _Memory(Columns())

    def _follow(self) -> None:
        """Open anew where the file was deleted or remade under us."""
        try:
            inode = (self._folder / FILE).stat().st_ino
        except FileNotFoundError:
            inode = -1
        if inode != self._inode:
            self._connection.close()
            self._open()

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _meta(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT key, value FROM meta"))

    def _claim_model(self, documents: list[Document]) -> None:
        """The first vectors decide the index's model and length; others are refused."""
        meta = self._meta()
        for document in documents:
            for passage in document.passages:
                if passage.vector is None:
                    continue
                brought = {"model": document.model or self._model, "dims": str(passage.vector.size)}
                if "dims" not in meta:
                    self._connection.executemany("INSERT INTO meta VALUES (?, ?)", list(brought.items()))
                    meta |= brought
                self._refuse_other_model(meta, brought)

    def _refuse_other_model(self, meta: dict[str, str], brought: dict[str, str]) -> None:
        held = {key: meta[key] for key in brought}
        if held != brought:
            raise IndexMismatch(
                f"the index in {self._folder} holds vectors of {held['model'] or 'an unnamed model'} ({held['dims']} numbers), "
                f"not of {brought['model'] or 'an unnamed model'} ({brought['dims']}); {REMEDY}"
            )

    def _usable_vectors(self, query: Query) -> tuple[Vectors | None, str]:
        """The matrix for this question, or None and why words alone must do."""
        if query.mode == "keyword" or not (query.text.strip() or query.vector is not None):
            return None, ""
        if query.vector is None:
            return None, "by words only: the question has no vector"
        meta = self._meta()
        if "dims" not in meta:
            return None, "by words only: the index holds no vectors"
        brought = {"model": self._model or meta["model"], "dims": str(query.vector.size)}
        self._refuse_other_model(meta, brought)
        vectors = self._memory.vectors or Vectors(self._folder / CACHE, meta["index"], int(meta["dims"]))
        self._memory.vectors = vectors
        vectors.refresh(self._connection, self._memory.columns, writable=not self._read_only)
        return vectors, ""

    def _allowed(self, query: Query, parsed: ParsedQuery) -> Mask:
        """Filters, required phrases and exclusions as one mask, before any ranking."""
        columns = self._memory.columns
        mask = columns.mask(query.filters)
        if query.filters.ids:
            lookup = "SELECT no FROM document WHERE id IN (SELECT value FROM json_each(?))"
            mask &= self._mask_of(no for (no,) in self._connection.execute(lookup, (json.dumps(query.filters.ids),)))
        for unit in parsed.phrases:
            mask &= self._mask_of(matching_numbers(self._connection, unit))
        for unit in parsed.excluded:
            mask &= ~self._mask_of(matching_numbers(self._connection, unit))
        return mask

    def _mask_of(self, numbers: Iterable[int]) -> Mask:
        positions, known = self._memory.columns.positions(numbers)
        mask = np.zeros(len(self._memory.columns), np.bool_)
        mask[positions[known]] = True
        return mask

    def _hit(self, query: Query, parsed: ParsedQuery, found: Found, ranked: Row) -> Hit:
        position = ranked.position
        no = int(self._memory.columns["no"][position])
        row = read_row(self._connection, "no", no)
        assert row is not None, "the memory is of this transaction"
        words, meaning = found.by_words.place(position), found.by_meaning.place(position)
        better = min((place for place in (words, meaning) if place), key=lambda place: place.rank, default=None)
        shown = better.row if better else no << PASSAGE_BITS
        n, snippet = self._connection.execute("SELECT n, text FROM passage WHERE id = ?", (shown,)).fetchone() or (
            None,
            "",
        )
        units = parsed.units if query.highlight else ()
        kept = {name: row[name] for name in SHOWN}
        return Hit(
            **kept,
            tags=read_tags(self._connection, no),
            score=ranked.score,
            snippet=snippet,
            passage=n,
            highlights=highlight(snippet, row["language"], units),
            title_highlights=highlight(row["title"], row["language"], units),
            rank_keyword=words.rank if words else None,
            rank_semantic=meaning.rank if meaning else None,
            cosine=meaning.score if meaning else None,
            folded=ranked.folded,
        )
