"""Copies of a SQLite ledger, made while others write (SQLite's own backup). PostgreSQL has its own tools.

Raises InputError for another database, StoreError for a copy that is no ledger; then nothing is replaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from iprwatch.errors import InputError, StoreError
from iprwatch.ledger.facts import SPACE, refuse_other
from iprwatch.ledger.store import SCHEMA_HEAD

PAGES = 2560  # of 4 KiB a time, 10 MiB: a bar moves, and a writer waits for milliseconds only

Hear = Callable[[int, int], None]
"""Hears (pages done, pages in all)."""


COPY_REMEDY = "Check the disk's free space, and that both folders can be written"


def ignore(_done: int, _total: int) -> None:
    """Shows nothing."""


def find_file(url: str) -> Path:
    """The file of a SQLite ledger."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise InputError("Only a SQLite ledger is copied by this command", "Use pg_dump and pg_restore")
    return Path(parsed.database)


def backup(url: str, target: Path, hear: Hear = ignore) -> int:
    """Write a copy; it appears whole or not at all. Returns its size in bytes."""
    source = find_file(url)
    if not source.exists():
        raise StoreError(f"There is no ledger in {source}", "Run: iprwatch run")
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent}", "Make it, or name another file")
    partial = target.with_name(f"{target.name}.part")
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as live, closing(sqlite3.connect(partial)) as copy:
            live.execute("begin")
            live.execute(
                "select 1 from sqlite_master"
            ).fetchone()  # one view from here on, else a write begins the copy anew
            live.backup(copy, pages=PAGES, progress=lambda _, left, total: hear(total - left, total))
        partial.replace(target)
    except sqlite3.Error as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"{source} cannot be copied to {target}: {error}", COPY_REMEDY) from None
    return target.stat().st_size


def restore(copy: Path, url: str, space: str, hear: Hear = ignore) -> None:
    """Put a sound copy of this schema and space in the ledger's place."""
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as opened:
            sound = opened.execute("pragma integrity_check").fetchone()[0]
            version = opened.execute("select version_num from iprwatch_version").fetchone()[0]
            held = opened.execute("select value from settings where name = ?", (SPACE,)).fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{copy} is no ledger: {error}", "Give a file that iprwatch backup wrote") from None
    if sound != "ok" or version != SCHEMA_HEAD:
        raise StoreError(
            f"{copy} cannot be used: integrity {sound}, schema {version}", f"This version needs {SCHEMA_HEAD}"
        )
    if held:
        refuse_other("ledger", held[0], space)
    target = find_file(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(copy)) as opened, closing(sqlite3.connect(target)) as live:
            opened.backup(live, pages=PAGES, progress=lambda _, left, total: hear(total - left, total))
    except sqlite3.Error as error:
        raise StoreError(f"{copy} cannot be copied to {target}: {error}", COPY_REMEDY) from None
