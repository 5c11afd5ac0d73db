"""A real Airflow from nothing: an item is published and the alert is out; its parts are killed in a burst and nothing is lost or doubled.

The four parts are started on free ports in a folder of their own, and none of their processes is left. About two minutes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from benchmarks._airflow import Landed, await_quiet, burst, prepare
from iprwatch.airflow_run import Airflow, choose_port, find_session, open_stage

COMMAND = [sys.executable, "-m", "iprwatch.cli.main"]
READY_SECONDS = 200
Strike = Callable[[Airflow], None]
KILLS = ("scheduler", "triggerer", "worker")
HASTE = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
"""What is dead is missed sooner, so that a test does not wait for minutes."""


@pytest.fixture(autouse=True)
def linux(require: Callable[[str, str, str], NoReturn]) -> None:
    if not Path("/proc").is_dir():
        require("/proc", "this system has none", "Linux")


def find_left(home: Path) -> list[str]:
    """Processes that have this folder in their environment."""
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and str(home).encode() in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return left


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IPRWATCH_MODEL", "hash")
    for name, value in HASTE.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def await_line(server: subprocess.Popen[str], words: str, seconds: float) -> str:
    """The next line with these words. Fails where the output ends first."""
    assert server.stdout
    ends = time.monotonic() + seconds
    heard = []
    for line in server.stdout:
        heard.append(line)
        if words in line:
            return line
        if time.monotonic() > ends:
            break
    pytest.fail(f"{words!r} was not said:\n{''.join(heard)}")


def test_from_a_fresh_folder_to_the_alert_and_nothing_is_left(home: Path) -> None:
    prepare(home)
    env = os.environ | {"IPRWATCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", choose_port(8080)))
        taken.listen()
        with subprocess.Popen([*COMMAND, "airflow"], env=env, stdout=subprocess.PIPE, text=True) as server:
            try:
                address = await_line(server, "Airflow  http://127.0.0.1:", READY_SECONDS).split()[1]
                assert not address.endswith(f":{taken.getsockname()[1]}")
                await_line(server, "newsroom publish", 10)
                published = subprocess.run([*COMMAND, "newsroom", "publish"], env=env, capture_output=True, text=True)
                assert published.returncode == 0, published.stderr
                title = published.stdout.split(": ", 1)[1].splitlines()[0]
                await_line(server, title, 120)
                told = await_line(server, "seconds:", 5)
                assert "alert of everything" in told
                hops = ("seen", "visited", "understood", "indexed", "matched")
                assert [hop for hop in hops if hop in told] == list(hops)
            finally:
                server.send_signal(signal.SIGINT)
            assert server.wait(30) == 130
    assert find_left(home) == []


def find_worker(airflow: Airflow) -> int | None:
    """A process that runs a task: in the scheduler's session, and the leader of a group of its own."""
    scheduler = airflow.parts["scheduler"].pid
    for pid in find_session([scheduler]):
        try:
            if pid != scheduler and os.getpgid(pid) == pid:
                return pid
        except ProcessLookupError:
            continue
    return None


def kill(airflow: Airflow, what: str) -> None:
    """Kill a part, or a task that is under way, for which it waits."""
    if what != "worker":
        airflow.parts[what].kill()
        airflow.parts[what].wait()
        return
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if pid := find_worker(airflow):
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.02)
    pytest.fail("no task was under way")


def hammer(home: Path, strikes: Sequence[Strike]) -> Landed:
    """A burst in which these are done, one after the other; a part that was killed is started again at once."""
    settings, names = prepare(home, 10, model="hash")
    with open_stage(settings) as (context, airflow):
        await_quiet(context)

        def at(strike: Strike) -> Callable[[], None]:
            def act() -> None:
                strike(airflow)
                context.ledger.close()
                airflow.mend()

            return act

        landed = burst(context, names, 100, {4 + 5 * n: at(strike) for n, strike in enumerate(strikes)})
    assert find_left(home) == []
    return landed


def test_parts_killed_in_a_burst_lose_and_double_nothing(home: Path) -> None:
    landed = hammer(home, [partial(kill, what=what) for what in KILLS])
    assert (landed.lost, landed.doubled) == (0, 0)
    assert landed.alerts > 50


@pytest.mark.soak
@pytest.mark.parametrize("what", [k for k in KILLS for _ in range(3)])
def test_each_part_killed_three_times_loses_and_doubles_nothing(home: Path, what: str) -> None:
    landed = hammer(home, [partial(kill, what=what)] * 3)
    assert (landed.lost, landed.doubled) == (0, 0)


@pytest.mark.soak
def test_a_database_that_is_restarted_in_a_burst_loses_and_doubles_nothing(
    home: Path, postgres_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL holds the ledger and Airflow's record, and is ended at once, as by a crash."""
    names = [f"{what}{os.urandom(4).hex()}" for what in ("ledger", "airflow")]
    with psycopg.connect(host=str(postgres_server), user="iprwatch", dbname="postgres", autocommit=True) as connection:
        for name in names:
            connection.execute(f"create database {name}".encode())
    address = "postgresql+psycopg://iprwatch@/{}?host=" + str(postgres_server)
    monkeypatch.setenv("IPRWATCH_DATABASE", address.format(names[0]))
    for setting in ("SQL_ALCHEMY_CONN", "SQL_ALCHEMY_CONN_ASYNC"):
        monkeypatch.setenv(f"AIRFLOW__DATABASE__{setting}", address.format(names[1]))

    def restart(_airflow: Airflow) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))[-1]
        plain: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        command = [
            programs,
            "-D",
            postgres_server / "data",
            "-w",
            "-m",
            "immediate",
            "-l",
            postgres_server / "log",
            "restart",
        ]
        subprocess.run(
            [str(word) for word in command], check=True, stdout=subprocess.DEVNULL, cwd=postgres_server, **plain
        )

    landed = hammer(home, [restart])
    assert (landed.lost, landed.doubled) == (0, 0)
