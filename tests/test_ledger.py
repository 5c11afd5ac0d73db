"""The ledger's schema and writes, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from office_server import declare

from iprwatch.errors import StoreError
from iprwatch.ledger.facts import find_fact, store_fact
from iprwatch.ledger.health import find_facts
from iprwatch.ledger.moves import absorb
from iprwatch.ledger.sources import enrol, find_rechecks, record_outcome
from iprwatch.ledger.store import SCHEMA_HEAD, Ledger
from iprwatch.ledger.tables import (
    article_keys,
    article_urls,
    articles,
    dead_letters,
    metadata,
    queue,
    revisions,
    runs,
    sources,
)
from iprwatch.ledger.upsert import upsert
from pipelines.model import Entry
from spiders.plan import Outcome, Recheck

NOW = datetime(2026, 11, 2, 9, 30, 0, 250, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    ledger.ensure()
    yield ledger
    ledger.close()


def test_the_migrations_make_the_declared_tables(ledger: Ledger) -> None:
    with ledger.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "iprwatch_version", "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
    assert ledger.version() == SCHEMA_HEAD


def test_the_code_is_written_for_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("iprwatch.ledger") / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_HEAD]


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    with ledger.write() as connection:
        store_fact(connection, "began", "today")
    assert ledger.migrate() == SCHEMA_HEAD
    with ledger.read() as connection:
        assert find_fact(connection, "began") == "today"


def test_two_that_start_at_once_make_one_schema(url: str) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        ledger = Ledger(url)
        try:
            ledger.migrate()
        except BaseException as error:  # noqa: BLE001  whatever it is, the test shows it
            faults.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []


def test_another_schema_is_named_with_its_remedy(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(sa.text("update iprwatch_version set version_num = '0000'"))
    with pytest.raises(StoreError, match=rf"is at schema 0000; this version needs {SCHEMA_HEAD}.*iprwatch migrate"):
        ledger.ensure()


def test_an_empty_database_has_no_schema_yet(url: str) -> None:
    ledger = Ledger(url)
    with pytest.raises(StoreError, match=r"has no schema yet.*iprwatch migrate"):
        ledger.check()
    ledger.close()


@pytest.mark.parametrize("bad", ["nonsense", "oracledb9://x", "sqlite"])
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(StoreError, match="IPRWATCH_DATABASE is not a database address"):
        Ledger(bad)


def test_a_file_that_is_no_database_says_how_to_recover(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database at all, only text\n" * 200)
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with pytest.raises(StoreError, match=r"not a database.*iprwatch restore"):
        ledger.ensure()
    ledger.close()


def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    ledger = Ledger(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(StoreError, match="that the server is up"):
        ledger.ensure()
    ledger.close()


def test_upsert_replaces_what_is_given_and_keeps_what_is_named(ledger: Ledger) -> None:
    first = {"id": "wipo", "joined": NOW, "due": NOW, "etag": "a"}
    with ledger.write() as connection:
        upsert(connection, sources, [first])
        upsert(connection, sources, [{**first, "due": NOW + timedelta(days=1), "etag": "b"}], keep=("due",))
        upsert(connection, sources, [])
    with ledger.read() as connection:
        row = connection.execute(sa.select(sources)).one()
    assert (row.etag, row.due, row.failures, row.lease_until) == ("b", NOW, 0, None)


def test_upsert_of_keys_alone_is_silent_about_known_rows(ledger: Ledger) -> None:
    row = {"key": "k", "article": "a"}
    with ledger.write() as connection:
        upsert(connection, article_keys, [row])
        upsert(connection, article_keys, [row, {"key": "k", "article": "b"}])
        assert connection.scalar(sa.select(sa.func.count()).select_from(article_keys)) == 2


def test_a_failed_write_leaves_nothing(ledger: Ledger) -> None:
    def write_then_fail() -> None:
        with ledger.write() as connection:
            upsert(connection, queue, [{"index": "search", "article": "a", "row_version": 1}])
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_then_fail()
    with ledger.read() as connection:
        assert connection.execute(sa.select(queue)).all() == []


def test_times_come_back_aware_and_sort(ledger: Ledger) -> None:
    east = timezone(timedelta(hours=9))
    times = {"old": NOW, "new": datetime(2026, 11, 2, 18, 31, tzinfo=east)}
    with ledger.write() as connection:
        upsert(connection, runs, [{"id": i, "started": t, "counts": {"pages": 1}} for i, t in times.items()])
    with ledger.read() as connection:
        rows = connection.execute(sa.select(runs).order_by(runs.c.started.desc())).all()
    assert [(r.id, r.started, r.counts) for r in rows] == [(i, times[i], {"pages": 1}) for i in ("new", "old")]
    assert all(r.started.utcoffset() == timedelta(0) for r in rows)


def article_row(id: str, seen: datetime, **keys: object) -> dict[str, object]:
    row = {"id": id, "source": "alpha", "key": id, "url": f"https://alpha.example/{id}", "title": id, "text": f"Text of {id}.",
           "published": seen, "published_precision": "day", "published_origin": "entry", "language": "en",
           "content_hash": id, "first_seen": seen, "last_changed": seen, "story": id}  # fmt: skip
    return row | keys


def test_an_article_that_moved_is_one_with_the_older(ledger: Ledger) -> None:
    later = NOW + timedelta(days=1)
    rows = [article_row("old", NOW, gone=later), article_row("new", later), article_row("third", later, story="new")]
    with ledger.write() as connection:
        upsert(connection, articles, [r | {"gone": r.get("gone")} for r in rows])
        for id, at in (("old", NOW), ("new", later)):
            said = {"article": id, "n": 1, "content_hash": id, "title": id, "text": f"Text of {id}.", "seen": at}
            upsert(connection, revisions, [said])
            upsert(connection, article_urls, [{"url": f"https://alpha.example/{id}", "article": id}])
        absorb(connection, "old", "new")
    with ledger.read() as connection:
        kept = {r.id: r for r in connection.execute(sa.select(articles))}
        told = connection.execute(sa.select(revisions.c.article, revisions.c.text).order_by(revisions.c.n)).all()
        owed = connection.scalars(sa.select(queue.c.article).where(queue.c.index == "search")).all()
        assert set(connection.scalars(sa.select(article_urls.c.article))) == {"old"}
    assert kept.keys() == {"old", "third"}
    old = kept["old"]
    assert (old.url, old.text, old.revision, old.gone) == ("https://alpha.example/new", "Text of new.", 2, None)
    assert (old.key, old.published, old.first_seen, old.last_changed) == ("old", NOW, NOW, later)
    assert kept["third"].story == "old"
    assert [tuple(r) for r in told] == [("old", "Text of old."), ("old", "Text of new.")]
    assert sorted(owed) == ["new", "old", "third"]  # the index drops one, and has a newer version of the others


def test_facts_of_a_source_are_gathered(ledger: Ledger) -> None:
    source = declare(id="alpha")
    entry = asdict(Entry("https://alpha.example/x"))
    lost = {"url": "https://alpha.example/x", "entry": entry, "hash": "h", "gone": True}
    with ledger.write() as connection:
        enrol(connection, ["alpha", "beta"], NOW)
        for status, rows in (("ok", 9), ("unchanged", 0), ("partial", 7), ("partial", 7), ("unchanged", 0)):
            outcome = Outcome("alpha", status, rows=rows, failed={"x": lost} if rows else {})
            record_outcome(connection, "run", outcome, source, NOW)
        dates = [NOW - timedelta(days=n) for n in (1, 3)]
        upsert(connection, articles, [article_row(str(n), at) for n, at in enumerate(dates)])
        upsert(connection, articles, [article_row("undated", NOW - timedelta(days=2), published_origin="first_seen")])
        for n, at in enumerate((NOW, NOW, NOW - timedelta(days=9))):
            buried = {
                "record_id": str(n),
                "source": "alpha",
                "url": f"https://alpha.example/{n % 2}",
                "error": "NoText",
            }
            upsert(connection, dead_letters, [buried | {"reason": "thin", "at": at}])
        facts = find_facts(connection)
        assert find_rechecks(connection, source, NOW + timedelta(days=8)) == (
            Recheck("https://alpha.example/x", "x", "", "", Entry("https://alpha.example/x")),
        )
    alpha = facts["alpha"]
    assert (alpha.status, alpha.rows, alpha.dead, alpha.unread) == ("unchanged", 7, 1, 2)
    assert (alpha.published, alpha.undated) == (tuple(dates), (NOW - timedelta(days=2),))
    assert facts["beta"].status == ""
