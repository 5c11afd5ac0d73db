"""The DAG files: they are read quickly and reach for nothing, and each DAG does its work in `dag.test()`. Airflow runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iprwatch.cli.newsroom import announced
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import set_fault, start_scene
from iprwatch.settings import load_settings

ROOT = Path(__file__).parent.parent
PARSE_SECONDS = 0.3  # beyond `import airflow.sdk`, all files together; Airflow reads them again and again
QUIET = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


def tell(folder: Path, what: str) -> dict[str, Any]:
    """What the script says in a fresh AIRFLOW_HOME."""
    ours = {"AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags")}
    more = {"IPRWATCH_HOME": str(folder), "IPRWATCH_SPACE": "demo", "IPRWATCH_MODEL": "hash"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/airflow_script.py"), what],
        env=os.environ | QUIET | ours | more, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return min(
        (tell(tmp_path_factory.mktemp("parse"), "parse") for _ in range(2)), key=lambda t: sum(t["seconds"].values())
    )


def test_the_files_are_read_quickly(parsed: dict[str, Any]) -> None:
    assert sum(parsed["seconds"].values()) <= PARSE_SECONDS, parsed["seconds"]


def test_reading_them_reaches_for_no_network_and_no_database_and_loads_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert parsed["reached"] == []
    assert parsed["heavy"] == []


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every DAG once, with a newsroom in which one office is down."""
    home = tmp_path_factory.mktemp("run")
    folder = load_settings(space="demo", home=home).prepared().folder / "newsroom"
    start_scene(folder)
    set_fault(folder, "uspto-news", "down")
    with Server(folder) as server, announced(folder, server.port):
        ring_all(home)
        yield tell(home, "run")


def ring_all(home: Path) -> None:
    """Every source is owed its first visit."""
    from iprwatch.context import Context
    from iprwatch.ledger.looks import enrol_looks
    from iprwatch.ledger.sources import enrol

    with Context(load_settings(space="demo", home=home)) as context, context.ledger.write() as connection:
        enrol(connection, context.sources, context.clock.now())
        enrol_looks(connection, list(context.sources), context.clock.now())


def test_every_file_can_be_imported_and_every_dag_says_what_it_is(ran: dict[str, Any]) -> None:
    assert ran["errors"] == {}
    assert set(ran["dags"]) == {"collect", "digests_utc", "enrich", "replay", "upkeep"}
    assert all(len(told["doc"]) > 100 for told in ran["dags"].values())


def test_a_source_that_fails_is_red_by_itself_and_the_others_are_collected(ran: dict[str, Any]) -> None:
    told = ran["dags"]["collect"]
    assert told["tasks"] == {"visit": "success", "one_by_one[0]": "failed"}
    assert told["state"] == "failed"


def test_what_was_collected_is_enriched(ran: dict[str, Any]) -> None:
    told = ran["dags"]["enrich"]
    assert told["state"] == "success"
    assert told["tasks"]["understand_index_match"] == "success"
    assert told["tasks"]["deliver"] == "skipped", "no channel has anything to send"


def test_the_nightly_round_goes_on_though_no_source_was_missed(ran: dict[str, Any]) -> None:
    told = ran["dags"]["upkeep"]
    assert told["state"] == "success"
    assert told["tasks"]["visit_missed"] == "skipped"
    assert {told["tasks"][name] for name in ("check_sources", "check_index", "copy_ledger")} == {"success"}


def test_a_digest_has_ten_minutes_until_somebody_is_told(ran: dict[str, Any]) -> None:
    assert {name: told["deadlines"] for name, told in ran["dags"].items() if told["deadlines"]} == {
        "digests_utc": ["0:10:00"]
    }


def test_digests_and_back_fills_end_well(ran: dict[str, Any]) -> None:
    assert ran["dags"]["digests_utc"]["state"] == "success"
    assert ran["dags"]["replay"]["tasks"] == {"replay_day": "success"}
