"""Opens the ledger: engine, short write transactions, migrations under a lock. Knows no table's meaning.

SQLite on a local disk (WAL, writers BEGIN IMMEDIATE) or PostgreSQL. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from iprwatch.errors import StoreError

SCHEMA_HEAD = "0004"  # revision this code is written for; a test compares it with the newest migration
MIGRATION_LOCK = 0x19_1711  # any number, the same in every process: PostgreSQL's advisory lock of our migrations
BUSY_SECONDS = 30  # a writer waits so long for another's short transaction


class Ledger:
    """One open ledger. `write()` and `read()` give a connection inside a transaction."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            self.engine = sa.create_engine(
                parsed, connect_args={"timeout": BUSY_SECONDS} if self._sqlite(parsed) else {}
            )
        except (ArgumentError, sa.exc.NoSuchModuleError) as error:
            raise StoreError(
                f"IPRWATCH_DATABASE is not a database address: {error}", "Use sqlite:///… or postgresql://…"
            ) from None
        except OSError as error:
            raise StoreError(
                f"The ledger's folder cannot be made: {error}", "Set IPRWATCH_HOME to a folder you own"
            ) from None
        if self._sqlite(parsed):
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

    @staticmethod
    def _sqlite(url: sa.URL) -> bool:
        return url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self, durable: bool = False) -> Iterator[sa.Connection]:
        """A write transaction: committed at the end, rolled back on an error. Keep it short.

        Whatever is committed survives the end of the process; `durable`: also a power cut, at the price of an fsync.
        """
        engine = self.engine.execution_options(iprwatch_durable=durable)
        with self._guarded(), engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A read transaction: one consistent view."""
        with self._guarded(), self.engine.connect().execution_options(iprwatch_read=True) as connection:
            yield connection

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"The ledger answered: {error.orig}", _remedy(str(error.orig))) from error

    def version(self) -> str:
        """The ledger's schema revision; empty where it has none yet."""
        with self.read() as connection:
            if not sa.inspect(connection).has_table("iprwatch_version"):
                return ""
            return str(connection.execute(sa.text("select version_num from iprwatch_version")).scalar() or "")

    def check(self) -> None:
        """Raises StoreError unless the ledger has this code's schema."""
        found = self.version()
        if found != SCHEMA_HEAD:
            what = f"is at schema {found}" if found else "has no schema yet"
            raise StoreError(f"The ledger {what}; this version needs {SCHEMA_HEAD}", "Run: iprwatch migrate")

    def migrate(self) -> str:
        """Bring the schema up to date, under a lock; returns its revision. Raises StoreError."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(files("iprwatch.ledger") / "migrations"))
        try:
            with self.write() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except SQLAlchemyError as error:
            raise StoreError(f"The migration failed: {error}", "Restore the last backup, then report this") from error
        return SCHEMA_HEAD

    def ensure(self) -> None:
        """Make the schema where there is none; raises StoreError where it is another version's."""
        if self.version():
            self.check()
        else:
            self.migrate()

    def close(self) -> None:
        """Release all connections."""
        self.engine.dispose()


def _configure_sqlite(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # we begin transactions ourselves
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "mmap_size=268435456"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("iprwatch_read"):
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('iprwatch_durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN" if options.get("iprwatch_read") else "BEGIN IMMEDIATE")


def _remedy(fault: str) -> str:
    if "full" in fault:
        return "Free disk space, then run again: nothing is lost"
    if "disk I/O" in fault:  # also SQLite's word for a quota
        return "Check the disk and its free space, then run again: nothing is lost"
    if "readonly" in fault or "unable to open" in fault:
        return "Check that the data folder is writable, or set IPRWATCH_HOME"
    if "malformed" in fault or "not a database" in fault:
        return "Restore a backup (iprwatch restore) or rebuild from the landing (iprwatch replay)"
    return "Check IPRWATCH_DATABASE and that the server is up"
