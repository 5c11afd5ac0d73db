"""Invented and real items never mix, wherever ledger and landing lie."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from iprwatch.context import Context
from iprwatch.errors import InputError
from iprwatch.ledger.backup import backup, restore
from iprwatch.ledger.facts import claim_space
from iprwatch.ledger.store import Ledger
from iprwatch.settings import Space, load_settings


def open_ledger(space: Space, **given: str) -> None:
    with Context(load_settings(space=space, **given)) as context:
        context.ledger.version()


@pytest.mark.parametrize(("first", "second"), [("demo", "live"), ("live", "demo")])
def test_a_ledger_takes_items_of_one_space_only(tmp_path: Path, first: Space, second: Space) -> None:
    address = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    open_ledger(first, database=address)
    open_ledger(first, database=address)
    with pytest.raises(InputError, match=rf"may not enter it\. .*IPRWATCH_DATABASE, or use --{first}"):
        open_ledger(second, database=address)


def test_a_landing_takes_items_of_one_space_only(tmp_path: Path) -> None:
    folder = str(tmp_path / "landing")
    demo, live = (Context(load_settings(space=s, landing=folder)) for s in ("demo", "live"))
    assert demo.landing.names() == []
    with pytest.raises(InputError, match="IPRWATCH_LANDING"):
        live.landing.names()


def test_postgresql_remembers_it_too(postgres_url: str) -> None:
    ledger = Ledger(postgres_url)
    ledger.ensure()
    claim_space(ledger, "live")
    with pytest.raises(InputError, match="real"):
        claim_space(ledger, "demo")
    ledger.close()


def test_a_copy_is_not_restored_into_the_other_space(tmp_path: Path) -> None:
    open_ledger("demo")
    copy = tmp_path / "copy"
    heard: list[tuple[int, int]] = []
    assert backup(load_settings(space="demo").database_url, copy, lambda *news: heard.append(news)) > 0
    assert heard[-1][0] == heard[-1][1] > 0
    target = tmp_path / "other.sqlite"
    with pytest.raises(InputError, match="invented"):
        restore(copy, f"sqlite:///{target}", "live")
    assert not target.exists()
    restore(copy, f"sqlite:///{target}", "demo")
    assert target.exists()


def test_a_copy_is_made_in_one_go_while_others_write(tmp_path: Path) -> None:
    source = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("pragma journal_mode=wal")
        writer.execute("create table t (x)")
        writer.executemany("insert into t values (?)", [("a" * 3000,)] * 20_000)
        writer.commit()
        steps: list[int] = []

        def write(done: int, _total: int) -> None:
            steps.append(done)
            if len(steps) < 50:
                writer.execute("insert into t values ('meanwhile')")
                writer.commit()

        backup(f"sqlite:///{source}", tmp_path / "copy", write)
    assert steps == sorted(steps)
    assert len(steps) < 20
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("select count(*) from t").fetchone() == (20_000,)
