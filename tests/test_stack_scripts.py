"""What the stack's one-off services do: users and keys on a played Elasticsearch, certificates by a stand-in for its tool, databases on a real PostgreSQL.

Certificates, pg_hba.conf and databases.sh are used as the containers get them, but for paths and users that only a container has.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import httpx
import psycopg
import pytest
from cryptography import x509
from stack_certificates import write_pair

ROOT = Path(__file__).resolve().parent.parent
GRANTS = json.loads((ROOT / "docker/privileges.json").read_text("utf-8"))

# Keys


def load_access() -> ModuleType:
    spec = importlib.util.spec_from_file_location("access", ROOT / "docker/access.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class PlayedSecurity:
    """Elasticsearch's security interface, as far as docker/access.py talks to it."""

    keys: dict[str, Any] = field(default_factory=dict)  # id → role descriptors
    users: dict[str, Any] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or b"{}")
        scheme, _, login = request.headers["authorization"].partition(" ")
        if path == "/_security/_authenticate":
            return httpx.Response(
                200 if scheme == "ApiKey" and base64.b64decode(login).decode().split(":")[0] in self.keys else 401
            )
        assert scheme == "Basic"
        if (request.method, path) == ("POST", "/_security/api_key"):
            id = f"id{len(self.keys)}"
            self.keys[id] = body["role_descriptors"]
            return httpx.Response(200, json={"id": id, "encoded": base64.b64encode(f"{id}:secret".encode()).decode()})
        if (request.method, path) == ("GET", "/_security/api_key"):
            name = request.url.params["name"].removeprefix("iprwatch-")
            return httpx.Response(
                200, json={"api_keys": [{"id": id} for id, roles in self.keys.items() if name in roles]}
            )
        if (request.method, path) == ("DELETE", "/_security/api_key"):
            for id in body["ids"]:
                del self.keys[id]
        elif request.method == "PUT" and path.startswith("/_security/api_key/"):
            self.keys[path.rpartition("/")[2]] = body["role_descriptors"]
        elif "refused" in str(body):
            return httpx.Response(400, json={"error": "unknown privilege"})
        else:
            self.users[path] = body
        return httpx.Response(200, json={})


@pytest.fixture
def played(tmp_path: Path) -> Iterator[tuple[Any, PlayedSecurity]]:
    """docker/access.py at work on a played server, its keys in a folder."""
    server = PlayedSecurity()
    for name in GRANTS["keys"]:
        (tmp_path / name).mkdir()
    with httpx.Client(
        transport=httpx.MockTransport(server), base_url="https://elasticsearch:9200", auth=("elastic", "secret")
    ) as client:
        yield load_access().Access(client, tmp_path), server


def test_each_program_gets_a_key_with_its_privileges_in_a_private_file(
    played: tuple[Any, PlayedSecurity], tmp_path: Path
) -> None:
    access, server = played
    for name, role in GRANTS["keys"].items():
        assert access.settle_key(name, role) == "made"
        assert stat.S_IMODE((tmp_path / name / "key").stat().st_mode) == 0o400
    assert {name: role for roles in server.keys.values() for name, role in roles.items()} == GRANTS["keys"]


def test_a_key_that_works_is_kept_with_todays_privileges_and_a_lost_one_made_again(
    played: tuple[Any, PlayedSecurity], tmp_path: Path
) -> None:
    access, server = played
    access.settle_key("page", {"cluster": ["all"]})
    before = (tmp_path / "page/key").read_text()
    assert access.settle_key("page", GRANTS["keys"]["page"]) == "kept"
    assert (tmp_path / "page/key").read_text() == before
    assert server.keys == {"id0": {"page": GRANTS["keys"]["page"]}}
    server.keys.clear()  # the index of keys was lost
    assert access.settle_key("page", GRANTS["keys"]["page"]) == "made"


def test_a_rotated_key_stands_beside_the_old_one_until_that_is_retired(
    played: tuple[Any, PlayedSecurity], tmp_path: Path
) -> None:
    access, server = played
    role = GRANTS["keys"]["ingest"]
    access.settle_key("ingest", role)
    old = (tmp_path / "ingest/key").read_text()
    assert access.settle_key("ingest", role, rotate=True) == "made"
    assert (tmp_path / "ingest/key").read_text() != old
    assert set(server.keys) == {"id0", "id1"}
    assert access.retire_keys("ingest") == 1
    assert set(server.keys) == {"id1"}
    assert access.retire_keys("ingest") == 0


def test_users_are_set_and_a_refusal_is_shown(played: tuple[Any, PlayedSecurity]) -> None:
    access, server = played
    access.set_users(GRANTS["roles"], "k", "a")
    assert server.users["/_security/user/kibana_system/_password"] == {"password": "k"}
    assert server.users["/_security/user/analyst"] == {"password": "a", "roles": list(GRANTS["roles"])}
    with pytest.raises(SystemExit, match=r"/_security/role/x was refused \(400\).*unknown privilege"):
        access.set_users({"x": {"cluster": ["refused"]}}, "k", "a")


# Certificates and databases

CERTUTIL = """#!{python}
import sys, zipfile
sys.path.insert(0, {tests!r})
from stack_certificates import certutil
certutil(sys.argv[1:])
"""


UNZIP = """#!/bin/sh
[ "$1 $2 $4" = "-q -o -d" ] && exec {python} -m zipfile -e "$3" "$5"
"""


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """The folders that docker/certificates.sh filled, its tool played by tests/stack_certificates.py."""
    (tmp_path / "bin").mkdir()
    for name, text in (("elasticsearch-certutil", CERTUTIL), ("unzip", UNZIP)):
        program = tmp_path / "bin" / name
        program.write_text(text.format(python=sys.executable, tests=str(ROOT / "tests")))
        program.chmod(0o755)
    for folder in (
        "private",
        "authority",
        *(f"tls/{name}" for name in ("elasticsearch", "kibana", "postgres", "api-server")),
    ):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def make_certificates(folder: Path, **env: str) -> None:
    """Run the script with its folders below `folder`; files stay ours, since only root may give them away."""
    text = (ROOT / "docker/certificates.sh").read_text("utf-8")
    text = text.replace("/usr/share/elasticsearch/bin", f"{folder}/bin").replace(' -o "$2"', "")
    text = re.sub(r"(?<=[ \"])/(private|authority|tls)\b", rf"{folder}/\1", text)
    env = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", **env}
    done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_each_server_gets_a_certificate_of_its_own_once(certificates: Path) -> None:
    make_certificates(certificates)
    authority = x509.load_pem_x509_certificate((certificates / "authority/ca.crt").read_bytes())
    made = {p.parent.name: p.read_bytes() for p in certificates.glob("tls/*/server.crt")}
    assert len(made) == 4
    for name, pem in made.items():
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(authority)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [name, "localhost"]
        assert stat.S_IMODE((certificates / "tls" / name / "server.key").stat().st_mode) == 0o400
    make_certificates(certificates)
    assert {p.parent.name: p.read_bytes() for p in certificates.glob("tls/*/server.crt")} == made
    make_certificates(certificates, RENEW="1")
    assert not {p.read_bytes() for p in certificates.glob("tls/*/server.crt")} & set(made.values())
    assert x509.load_pem_x509_certificate((certificates / "authority/ca.crt").read_bytes()) == authority


PASSWORDS = {"LEDGER_PASSWORD": "own'er", "LEDGER_READER_PASSWORD": "rea\\der", "AIRFLOW_DATABASE_PASSWORD": 'air"flow'}


@pytest.fixture(scope="module")
def databases(require: Callable[[str, str, str], NoReturn]) -> Iterator[int]:
    """The port of a PostgreSQL with TLS, our pg_hba.conf, and what docker/databases.sh made in it."""
    from conftest import find_postgres

    if (programs := find_postgres()) is None:
        require("PostgreSQL", "no initdb was found", "apt-get install postgresql, or put its bin folder on PATH")
    folder = Path("/tmp") / f"iprwatch-stack-{os.urandom(4).hex()}"  # short: a socket's path has 107 characters at most
    folder.mkdir()
    write_pair(folder, "localhost")
    (folder / "hba").write_text(
        (ROOT / "docker/pg_hba.conf").read_text("utf-8").replace("peer", "trust")
    )  # we are not its user
    plain: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    if plain:  # initdb refuses root
        for place in (folder, *folder.iterdir()):
            shutil.chown(place, "nobody", "nogroup")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def call(program: str, *args: object) -> None:
        command = [str(w) for w in (programs / program, "-D", folder / "data", *args)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env={**os.environ, "LC_ALL": "C.UTF-8"}, **plain
        )
        assert done.returncode == 0, done.stdout + done.stderr

    options = (
        f"-k {folder} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c ssl=on -c ssl_cert_file={folder}/server.crt "
        f"-c ssl_key_file={folder}/server.key -c hba_file={folder}/hba"
    )
    call("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    try:
        call("pg_ctl", "-w", "-l", folder / "log", "-o", options, "start")
        env = {**os.environ, **PASSWORDS, "PGHOST": str(folder), "PGPORT": str(port)}
        done = subprocess.run(["sh", ROOT / "docker/databases.sh"], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        yield port
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            call("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def log_in(port: int, user: str, database: str, **more: str) -> psycopg.Connection:
    names = {
        "iprwatch": "LEDGER_PASSWORD",
        "iprwatch_reader": "LEDGER_READER_PASSWORD",
        "airflow": "AIRFLOW_DATABASE_PASSWORD",
    }
    given = {"sslmode": "require", **more}
    return psycopg.connect(
        host="localhost",
        port=port,
        user=user,
        dbname=database,
        password=PASSWORDS[names[user]],
        connect_timeout=10,
        **given,
    )


def test_the_reader_reads_the_ledger_and_changes_nothing(databases: int) -> None:
    from urllib.parse import quote

    from iprwatch.ledger.store import Ledger

    ledger = Ledger(
        f"postgresql://iprwatch:{quote(PASSWORDS['LEDGER_PASSWORD'])}@localhost:{databases}/iprwatch?sslmode=require"
    )
    ledger.migrate()
    ledger.close()
    with log_in(databases, "iprwatch_reader", "iprwatch") as reader:
        assert reader.execute("select count(*) from articles").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("delete from articles")


def test_each_owner_has_its_own_database_only(databases: int) -> None:
    log_in(databases, "airflow", "airflow").execute("create table t (n integer)").connection.close()
    for user, database in (("airflow", "iprwatch"), ("iprwatch", "airflow"), ("iprwatch_reader", "airflow")):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            log_in(databases, user, database)


def test_the_database_refuses_who_does_not_encrypt(databases: int) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        log_in(databases, "iprwatch", "iprwatch", sslmode="disable")
