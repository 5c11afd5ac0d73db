"""Documents ↔ rows of `index.sqlite`: its tables, how a document is taken apart, and put together again. Opened by plain sqlite3.

The words table holds terms of `pipelines.analyse` parted by spaces, one row a passage with its article's title; FTS5 itself only splits at spaces.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.analyse import ANALYSER_VERSION, terms
from search.columns import microseconds, moment
from search.index import IndexBusy, IndexMismatch, IndexMissing, SearchError
from search.schema import SCHEMA_VERSION, Document, IndexedPassage, IndexedTag
from search.vectors import PASSAGE_BITS

FILE = "index.sqlite"
CACHE = "vectors.cache"
REMEDY = "remake it: iprwatch reindex"
BUSY_SECONDS = 30.0
"""A batch of 200 documents is written in well under a second; half a minute means that something hangs."""

LAYOUT = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE document (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, row_version INTEGER NOT NULL, published INTEGER NOT NULL, first_seen INTEGER NOT NULL,
    head INTEGER NOT NULL, source TEXT NOT NULL, economy TEXT NOT NULL, language TEXT NOT NULL, verdict TEXT NOT NULL, story TEXT NOT NULL,
    url TEXT NOT NULL, title TEXT NOT NULL, author TEXT NOT NULL, model TEXT NOT NULL);
CREATE TABLE body (no INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE tag (
    no INTEGER NOT NULL, place INTEGER NOT NULL, theme TEXT NOT NULL, probability REAL NOT NULL, statement_sentence TEXT NOT NULL,
    item_sentence TEXT NOT NULL, PRIMARY KEY (no, place)) WITHOUT ROWID;
CREATE TABLE passage (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE vector (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE gone (seq INTEGER PRIMARY KEY AUTOINCREMENT, no INTEGER NOT NULL);
CREATE VIRTUAL TABLE word USING fts5 (title, body, tokenize = 'ascii');
"""

_DOCUMENT = "no, id, row_version, published, first_seen, head, source, economy, language, verdict, story, url, title, author, model"  # in LAYOUT's order


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A document with its terms: analysing takes time and is done before the lock is taken."""

    document: Document
    title: str
    bodies: tuple[str, ...]  # one a passage; the whole text where there is none


def connect(folder: Path, read_only: bool) -> sqlite3.Connection:
    """Open the index, making it where it may. Raises IndexMissing, IndexMismatch, IndexBusy, SearchError."""
    path = folder / FILE
    if not path.exists():
        if read_only:
            raise IndexMissing(f"there is no index in {folder}; make it: iprwatch run or iprwatch reindex")
        with translated(folder), contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)
    with translated(folder):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                _create(connection)
            connection.execute("PRAGMA cache_size = -32768")  # 32 MiB: the words table's hot pages
            connection.execute("PRAGMA synchronous = NORMAL")  # a lost last batch is written again from the ledger
            _check(folder, dict(connection.execute("SELECT key, value FROM meta")))
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def translated(folder: Path) -> Iterator[None]:
    """SQLite's and the system's errors as this room's."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise IndexBusy(
                f"another process has been writing to the index in {folder} for {BUSY_SECONDS:.0f} s; try again"
            ) from error
        if "no such" in str(error):
            raise IndexMismatch(f"the index in {folder} has not the tables it must have; {REMEDY}") from error
        raise SearchError(f"the index in {folder} cannot be used ({error}); check space and permissions") from error
    except sqlite3.DatabaseError as error:
        raise IndexMismatch(f"the index in {folder} is damaged ({error}); {REMEDY}") from error
    except OSError as error:
        raise SearchError(f"the index in {folder} cannot be used ({error}); check space and permissions") from error


def prepare(document: Document) -> Prepared:
    """The terms of a document."""
    bodies = [passage.text for passage in document.passages] or [document.text]
    return Prepared(
        document, terms(document.title, document.language), tuple(terms(body, document.language) for body in bodies)
    )


def insert(connection: sqlite3.Connection, prepared: Prepared) -> None:
    """Write a document under a new number."""
    d = prepared.document
    values = (
        None, d.id, d.row_version, microseconds(d.published), microseconds(d.first_seen), d.head,
        d.source, d.economy, d.language, d.verdict, d.story, d.url, d.title, d.author, d.model,
    )  # fmt: skip
    marks = ",".join("?" * len(values))
    sql = f"INSERT INTO document ({_DOCUMENT}) VALUES ({marks})"  # noqa: S608  names of ours
    no = connection.execute(sql, values).lastrowid
    assert no is not None
    first = no << PASSAGE_BITS
    connection.execute("INSERT INTO body VALUES (?, ?)", (no, d.text))
    tags = [(no, i, t.theme, t.probability, t.statement_sentence, t.item_sentence) for i, t in enumerate(d.tags)]
    connection.executemany("INSERT INTO tag VALUES (?, ?, ?, ?, ?, ?)", tags)
    connection.executemany(
        "INSERT INTO passage VALUES (?, ?, ?, ?, ?)",
        [(first + i, p.n, p.start, p.end, p.text) for i, p in enumerate(d.passages)],
    )
    vectors = [(first + i, p.vector.astype("<f4").tobytes()) for i, p in enumerate(d.passages) if p.vector is not None]
    connection.executemany("INSERT INTO vector VALUES (?, ?)", vectors)
    words = [(first + i, prepared.title, body) for i, body in enumerate(prepared.bodies)]
    connection.executemany("INSERT INTO word (rowid, title, body) VALUES (?, ?, ?)", words)


def remove(connection: sqlite3.Connection, no: int) -> None:
    """Forget the document of this number, and note that it went."""
    rows = (no << PASSAGE_BITS, (no + 1) << PASSAGE_BITS)
    connection.execute("DELETE FROM word WHERE rowid >= ? AND rowid < ?", rows)
    connection.execute("DELETE FROM passage WHERE id >= ? AND id < ?", rows)
    connection.execute("DELETE FROM vector WHERE id >= ? AND id < ?", rows)
    for table in ("tag", "body", "document"):
        connection.execute(f"DELETE FROM {table} WHERE no = ?", (no,))  # noqa: S608  names of ours
    connection.execute("INSERT INTO gone (no) VALUES (?)", (no,))


def read_row(connection: sqlite3.Connection, key: str, value: str | int) -> dict[str, Any] | None:
    """A document's own row by `id` or `no`: column → value, dates as datetimes."""
    cursor = connection.execute(f"SELECT {_DOCUMENT} FROM document WHERE {key} = ?", (value,))  # noqa: S608  names of ours
    found = cursor.fetchone()
    if found is None:
        return None
    row = dict(zip((column[0] for column in cursor.description), found, strict=True))
    return {
        **row,
        "published": moment(row["published"]),
        "first_seen": moment(row["first_seen"]),
        "head": bool(row["head"]),
    }


def read_tags(connection: sqlite3.Connection, no: int) -> tuple[IndexedTag, ...]:
    """A document's tags in their order."""
    sql = "SELECT theme, probability, statement_sentence, item_sentence FROM tag WHERE no = ? ORDER BY place"
    return tuple(IndexedTag(*row) for row in connection.execute(sql, (no,)))


def read_document(connection: sqlite3.Connection, article: str) -> Document | None:
    """A whole document, vectors included; None if unknown."""
    row = read_row(connection, "id", article)
    if row is None:
        return None
    no = row.pop("no")
    (text,) = connection.execute("SELECT text FROM body WHERE no = ?", (no,)).fetchone()
    passages = connection.execute(
        'SELECT n, start, "end", text, vector FROM passage LEFT JOIN vector USING (id) WHERE passage.id >= ? AND passage.id < ? ORDER BY passage.id',
        (no << PASSAGE_BITS, (no + 1) << PASSAGE_BITS),
    )
    read = tuple(
        IndexedPassage(n, start, end, passage, None if blob is None else np.frombuffer(blob, "<f4"))
        for n, start, end, passage, blob in passages
    )
    return Document(**row, text=text, tags=read_tags(connection, no), passages=read)


def erase_index(folder: Path) -> None:
    """Delete the index in `folder`, so that the next writer makes it anew; nothing happens where there is none."""
    with translated(folder):
        for name in (CACHE, FILE, f"{FILE}-wal", f"{FILE}-shm"):
            (folder / name).unlink(missing_ok=True)


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        for statement in LAYOUT.split(";\n"):
            connection.execute(statement)
        meta = {"schema": SCHEMA_VERSION, "analyser": ANALYSER_VERSION, "index": secrets.token_hex(8)}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in meta.items()])
    connection.execute("COMMIT")


def _check(folder: Path, meta: dict[str, str]) -> None:
    for key, ours in (("schema", SCHEMA_VERSION), ("analyser", ANALYSER_VERSION)):
        if meta.get(key) != str(ours):
            raise IndexMismatch(
                f"the index in {folder} has {key} version {meta.get(key)}, this program {ours}; {REMEDY}"
            )
