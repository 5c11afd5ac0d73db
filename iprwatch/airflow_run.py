"""Airflow's four parts on this machine: what environment they get, how they start, how nothing is left of them.

They are those that `airflow standalone` starts, begun one by one: it would open two log servers to the network, and leave nine processes behind
when it is ended by a signal other than Ctrl-C. SQLite, loopback, LocalExecutor. Runs programs; knows no Airflow. Raises StoreError, InputError.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from iprwatch.errors import InputError, StoreError
from iprwatch.settings import Settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from iprwatch.context import Context

USER, POOL = "admin", "visits"
PORT = 8080
VISITS = 3  # crawls at once; the fourth slot stays free for what is understood
PARTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),  # the page reads the logs from the disk
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
READY_SECONDS = 180.0  # 20 s on two idle cores; a busy machine may need long
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
TUNED = {
    "AIRFLOW__CORE__EXECUTOR": "dags.warm.WarmExecutor",
    "OPENBLAS_NUM_THREADS": "1",  # it would start threads when loaded, before the fork; a task's vectors are few
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",  # an event waits for half of it at each of two hops
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # a task whose process was killed holds up its next run so long
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",  # reading them all costs 8 s of a core; they change with subscriptions only
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__API__WORKERS": "1",
}
"""Settings for one machine; the environment's own win."""


def find_airflow() -> Path:
    """The folder of the DAG files. Raises InputError where Airflow or they are not installed."""
    if find_spec("airflow") is None:
        raise InputError("Airflow is not installed", "Run: make install")
    found = find_spec("dags")
    if found is None or not found.submodule_search_locations:
        raise InputError("The DAG files are not installed", "Run: make install")
    return Path(next(iter(found.submodule_search_locations)))


def choose_port(wanted: int) -> int:
    """The wanted port where it is free, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise InputError("No port of 127.0.0.1 is free", "End another program")


def reserve_port(wanted: int) -> tuple[int, BaseFileLock]:
    """The wanted port or another, and the lock that keeps further Airflows of ours from it: one is bound seconds after it is chosen."""
    from filelock import FileLock, Timeout

    while True:
        port = choose_port(wanted)
        lock = FileLock(Path(tempfile.gettempdir()) / f"iprwatch-port-{port}.lock", mode=0o666)
        try:
            return port, lock.acquire(timeout=0).lock
        except (Timeout, PermissionError):
            wanted = 0


def build_environment(settings: Settings, home: Path, port: int) -> dict[str, str]:
    """What the four parts get."""
    address = f"http://127.0.0.1:{port}"
    ours = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(find_airflow()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",  # the port alone would leave tasks calling 8080
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "IPRWATCH_HOME": str(settings.home),
        "IPRWATCH_SPACE": settings.current,
        "PYTHONUNBUFFERED": "1",
    }
    return {**TUNED, **os.environ, **ours}


def write_password(home: Path) -> str:
    """The password of this folder's Airflow, made at the first start, readable by its owner only."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "passwords.json"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({USER: secrets.token_urlsafe(12)}, file)
    return str(json.loads(path.read_text("utf-8"))[USER])


@contextmanager
def open_stage(settings: Settings, port: int = 0) -> Iterator[tuple[Context, Airflow]]:
    """The newsroom as the offices, and Airflow over it, ready. Raises InputError outside demo space, Busy, StoreError."""
    from iprwatch.cli.newsroom import announced
    from iprwatch.context import Context
    from iprwatch.newsroom.server import Server
    from iprwatch.newsroom.state import read_state, start_scene

    if settings.current != "demo":
        raise InputError("The newsroom serves invented items only", "Use --demo")
    folder = settings.prepared().folder / "newsroom"
    if read_state(folder) is None:
        start_scene(folder)
    with Server(folder, settings.newsroom_port) as server, announced(folder, server.port), Context(settings) as context:
        context.ledger.ensure()
        with Airflow(settings, port) as airflow:
            airflow.await_ready()
            yield context, airflow


@dataclass
class Airflow:
    """The parts under way. `with Airflow(settings) as airflow:`; each part leaves its output in `<home>/<part>.log`."""

    settings: Settings
    port: int = 0
    home: Path = field(init=False)
    password: str = field(init=False, default="")
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.settings.folder / "airflow"
        self.port, self.lock = reserve_port(self.port or PORT)
        self.environment = build_environment(self.settings, self.home, self.port)

    @property
    def address(self) -> str:
        """Of the pages, on loopback."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Airflow:
        self.password = write_password(self.home)
        try:
            self.call("db", "migrate")
            self.call("pools", "set", POOL, str(VISITS), "Visits of offices at once")
            for name in PARTS:
                self.begin(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(self, *words: str) -> None:
        """Run one of Airflow's commands. Raises StoreError."""
        command = [sys.executable, "-m", "airflow", *words]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, start_new_session=True
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise StoreError(f"airflow {' '.join(words)} failed: {' '.join(last)}", f"Delete {self.home} to start anew")

    def begin(self, name: str) -> None:
        """Start a part in a session of its own, so that Ctrl-C reaches us alone and we end it in order. Killed, we take it with us (Linux)."""
        system = ctypes.CDLL(None)

        def end_with_parent() -> None:
            if hasattr(system, "prctl"):
                system.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

        with (self.home / f"{name}.log").open("ab") as output:
            self.parts[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *PARTS[name]],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def mend(self) -> list[str]:
        """Start again the parts that have ended; returns which."""
        ended = [name for name, part in self.parts.items() if part.poll() is not None]
        for name in ended:
            end_sessions([self.parts[name].pid])
            self.begin(name)
        return ended

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Until every part says that it is well. Raises StoreError where one ends or patience does."""
        ends = time.monotonic() + seconds
        while not is_healthy(self.address):
            for name, part in self.parts.items():
                if part.poll() is not None:
                    raise StoreError(f"Airflow's {name} ended", f"See {self.home / f'{name}.log'}")
            if time.monotonic() > ends:
                raise StoreError(f"Airflow was not ready after {seconds:.0f} s", f"See the logs in {self.home}")
            time.sleep(0.5)

    def stop(self) -> None:
        """End every part, politely, then by force; nothing is left."""
        for part in self.parts.values():
            if part.poll() is None:
                part.terminate()
        ends = time.monotonic() + STOP_SECONDS
        for part in self.parts.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                part.wait(max(0.1, ends - time.monotonic()))
        end_sessions([part.pid for part in self.parts.values()])
        for part in self.parts.values():
            part.wait()
        self.parts.clear()
        self.lock.release()


def end_sessions(leaders: list[int]) -> None:
    """Kill what is left of these sessions: tasks and workers of a part that has ended."""
    for pid in find_session(leaders):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def find_session(leaders: list[int]) -> list[int]:
    """The processes of these sessions, by the system's word."""
    found = []
    for pid in (int(p.name) for p in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) in leaders:
                found.append(pid)
    return found


def is_healthy(address: str) -> bool:
    """Whether database, scheduler, triggerer and DAG processor are all well."""
    try:
        health = httpx.get(f"{address}/api/v2/monitor/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(part.get("status") == "healthy" for part in health.values())
