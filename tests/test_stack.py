"""The stack: what docker-compose.yml names exists, fits and stays on this machine; .env keeps secrets; keys, databases and certificates are least.

There is no Docker engine in the tests: the file is held against the Compose specification and against what it names, the scripts that the containers run
are run here against a real PostgreSQL and a played Elasticsearch. The containers themselves have not been run.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from iprwatch import __version__, stack
from iprwatch.errors import InputError, StoreError
from iprwatch.settings import Settings
from search.cluster import CLUSTER_PRIVILEGES, PRIVILEGES

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
GRANTS = json.loads((ROOT / "docker/privileges.json").read_text("utf-8"))
PRODUCTION = (ROOT / "docs/production.md").read_text("utf-8")
ONCE = ("certificates", "access", "prepare")
MEMORY_MOST = 14 << 30  # of 16 GiB: the system and a browser need the rest
UNITS = {"m": 1 << 20, "g": 1 << 30}


def words(service: dict[str, Any]) -> list[str]:
    return [*service.get("entrypoint", ()), *service.get("command", ())]


def mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(volume or file, place in the container, mode) of each mount."""
    return [
        (source, place, (mode or ["rw"])[0])
        for source, place, *mode in (v.split(":") for v in service.get("volumes", ()))
    ]


# The file


def test_the_file_is_as_the_compose_specification_says() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        ROOT / "docker-compose.yml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_one_that_env_holds_and_the_reverse() -> None:
    named = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    assert named == {*stack.VARIABLES, "RENEW"}


def test_a_secret_that_is_missing_ends_the_start() -> None:
    open_ended = re.findall(r"(?<!\$)\$\{(\w+)(?!:\?)[:}]", TEXT)
    assert set(open_ended) == {"IPRWATCH_SPACE", "IPRWATCH_CONTACT", "RENEW"}


def test_every_volume_and_network_is_declared_and_used() -> None:
    named = {source for s in SERVICES.values() for source, _, _ in mounts(s) if not source.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    assert {n for s in SERVICES.values() for n in s.get("networks", ())} == set(COMPOSE["networks"])


def test_every_mounted_file_exists() -> None:
    files = {source for s in SERVICES.values() for source, _, _ in mounts(s) if source.startswith(".")}
    assert [file for file in files if not (ROOT / file).exists()] == []
    scripts = [w.removeprefix("/docker/") for s in SERVICES.values() for w in words(s) if w.startswith("/docker/")]
    assert scripts
    assert [name for name in scripts if not (ROOT / "docker" / name).is_file()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_exists_and_can_come_true(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        condition = wait["condition"]
        assert (condition == "service_completed_successfully") == (other in ONCE), other
        assert condition != "service_healthy" or "healthcheck" in SERVICES[other], other
        assert not SERVICES[other].get("profiles"), f"{other} is not started with the others"


def test_nothing_waits_in_a_circle() -> None:
    after = {name: set(s.get("depends_on", ())) for name, s in SERVICES.items()}
    while ready := {name for name, others in after.items() if not others & after.keys()}:
        after = {name: others for name, others in after.items() if name not in ready}
    assert after == {}


def test_whoever_uses_a_server_waits_for_it() -> None:
    for name, service in SERVICES.items():
        before, queue = set(), [name]
        while queue:
            new = set(SERVICES[queue.pop()].get("depends_on", ())) - before
            before |= new
            queue += new
        held = json.dumps(service.get("environment", {}))
        used = {s for s in ("elasticsearch", "postgres") if re.search(rf"(https://|@){s}:", held)} - {name}
        assert used <= before or name == "prepare", f"{name} uses {used - before}"
        keys = {source for source, _, mode in mounts(service) if source.endswith("-key") and mode == "ro"}
        assert not keys or "access" in before, f"{name} reads a key that is not there yet"


def test_what_serves_is_asked_for_its_health_and_what_runs_once_stays_ended() -> None:
    for name, service in SERVICES.items():
        lasting = name not in ONCE and service.get("profiles") != ["tools"]
        assert service["restart"] == ("unless-stopped" if lasting else "no"), name
        assert ("healthcheck" in service) == (lasting and name != "loopback"), name


def test_ports_are_open_on_this_machine_only() -> None:
    published = {name: port for name, s in SERVICES.items() for port in s.get("ports", ())}
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in published.values())
    assert set(published) == {"kibana", "api-server", "page", "mail"}
    shown = set(re.findall(r"localhost:(\d+)", stack.ADDRESSES))
    assert shown == {port.split(":")[1] for port in published.values()}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for closed in ("elasticsearch", "postgres"):
        assert SERVICES[closed]["networks"] == ["inside"]


def test_memory_is_limited_and_fits() -> None:
    limits = {name: int(s["mem_limit"][:-1]) * UNITS[s["mem_limit"][-1]] for name, s in SERVICES.items()}
    assert sum(limits.values()) <= MEMORY_MOST
    heap = re.search(r"-Xmx(\d+)m", SERVICES["elasticsearch"]["environment"]["ES_JAVA_OPTS"])
    assert heap
    assert int(heap[1]) << 20 <= limits["elasticsearch"] / 2


def test_every_image_has_an_exact_version() -> None:
    images = {s["image"] for s in SERVICES.values()} | set(re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE))
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.?\d*[\w.-]*$", image)] == []
    assert SERVICES["page"]["image"] == f"iprwatch:{__version__}"
    assert SERVICES["elasticsearch"]["image"].split(":")[1] == SERVICES["kibana"]["image"].split(":")[1]


def test_every_setting_of_ours_exists() -> None:
    given = {name for s in SERVICES.values() for name in s.get("environment", {}) if name.startswith("IPRWATCH_")}
    assert given <= {f"IPRWATCH_{name.upper()}" for name in Settings.model_fields}


def named_commands() -> list[list[str]]:
    """Every `iprwatch …` of the compose file, the scripts, the closing words and the production page."""
    lists = [words(s)[1:] for s in SERVICES.values() if words(s)[:1] == ["iprwatch"]]
    pages = (PRODUCTION, stack.ADDRESSES, *(p.read_text("utf-8") for p in (ROOT / "docker").glob("*.sh")))
    found = [
        m.split()
        for page in pages
        for m in re.findall(r"(?:^|`|operator |newsroom )iprwatch ([a-z][a-z -]*[a-z])", page, re.MULTILINE)
    ]
    return [*lists, *found]


@pytest.mark.parametrize("command", named_commands(), ids=" ".join)
def test_every_command_of_ours_exists_with_its_options(command: list[str]) -> None:
    from iprwatch.cli.main import cli

    group: click.Command = cli
    while isinstance(group, click.Group) and command and not command[0].startswith("-"):
        found = group.get_command(click.Context(group), command[0])
        assert found, f"there is no {command[0]}"
        group, command = found, command[1:]
    options = {o for p in group.params for o in (*p.opts, *p.secondary_opts)}
    assert {w for w in command if w.startswith("--")} <= options
    assert CliRunner().invoke(group, ["--help"]).exit_code == 0


AIRFLOW_CHECK = """
import json, sys
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
commands, settings = json.loads(sys.argv[1])
for command in commands:
    get_parser().parse_args(command[1:])
known = {(section, option) for section, held in conf.configuration_description.items() for option in held["options"]}
unknown = [s for s in settings if tuple(s.removeprefix("AIRFLOW__").lower().split("__", 1)) not in known]
sys.exit(f"Airflow has no {unknown}" if unknown else 0)
"""


def test_every_command_and_setting_of_airflow_exists(tmp_path: Path) -> None:
    said = [c for s in SERVICES.values() for c in (words(s), s.get("healthcheck", {}).get("test", [])[1:])]
    commands = [command for command in said if command[:1] == ["airflow"]]
    settings = {n for s in SERVICES.values() for n in s.get("environment", {}) if n.startswith("AIRFLOW__")}
    assert len(commands) == 7
    assert settings
    asked = [sys.executable, "-c", AIRFLOW_CHECK, json.dumps([commands, sorted(settings)])]
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}  # importing Airflow writes there
    done = subprocess.run(asked, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# Who may what


def test_each_sees_its_own_key_only() -> None:
    keys = {
        n: {v for v, _, _ in mounts(s) if v.endswith(("-key", "-tls"))}
        for n, s in SERVICES.items()
        if n not in ("certificates", "access")
    }
    assert {n: held for n, held in keys.items() if held} == {
        "elasticsearch": {"elasticsearch-tls"},
        "kibana": {"kibana-tls"},
        "postgres": {"postgres-tls"},
        "api-server": {"airflow-tls"},
        "scheduler": {"ingest-key"},
        "triggerer": {"ingest-key"},
        "page": {"page-key"},
        "operator": {"ingest-key", "kibana-key"},
    }


def test_the_superuser_is_known_to_whom_it_belongs_only() -> None:
    assert {n for n, s in SERVICES.items() if "ELASTIC_PASSWORD" in s.get("environment", {})} == {
        "elasticsearch",
        "access",
    }


def test_all_that_crosses_the_network_is_encrypted_and_checked() -> None:
    databases = re.findall(r"postgresql(?:\+psycopg)?://.*", TEXT)
    assert databases
    assert all("sslmode=verify-full&sslrootcert=/authority/ca.crt" in address for address in databases)
    plain = set(re.findall(r"http://([\w.-]+)", TEXT)) - {"127.0.0.1", "localhost"}
    assert plain == set()


def test_a_key_may_do_what_the_doctor_asks_for_and_a_reader_may_not_write() -> None:
    ingest, page = GRANTS["keys"]["ingest"], GRANTS["keys"]["page"]
    assert set(ingest["indices"][0]["privileges"]) == set(PRIVILEGES)
    assert set(CLUSTER_PRIVILEGES) <= set(ingest["cluster"])
    for reader in (page, GRANTS["roles"]["iprwatch_analyst"]):
        assert reader["indices"][0] == {"names": ["iprwatch-*"], "privileges": ["read", "view_index_metadata"]}
    named = ["iprwatch-vectors*", "iprwatch-demo-vectors*"]  # what Kibana looks up: the page stores a question's vector
    assert page["indices"][1:] == [{"names": named, "privileges": ["write", "maintenance"]}]
    everything = [i for grant in (*GRANTS["keys"].values(), *GRANTS["roles"].values()) for i in grant["indices"]]
    assert {name for i in everything for name in i["names"]} == {"iprwatch-*", *named}


def test_the_production_page_lists_exactly_these_privileges() -> None:
    section = PRODUCTION.partition("\n## Privileges\n")[2].partition("\n## ")[0]
    for name, grant in {**GRANTS["keys"], **GRANTS["roles"]}.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", section, re.MULTILINE)
        cluster, indices, kibana = (set(re.findall(r"`([a-z_:/]+)`", cell)) for cell in row.split("|")[3:6])
        assert cluster == set(grant["cluster"])
        assert indices == {p for i in grant["indices"] for p in i["privileges"]}
        assert kibana == {p for a in grant.get("applications", ()) for p in a["privileges"]}


def test_certificates_and_addresses_agree_on_names() -> None:
    issued = set(re.findall(r"^issue (\S+) \d+", (ROOT / "docker/certificates.sh").read_text("utf-8"), re.MULTILINE))
    used = set(re.findall(r"(?:https://|@)([\w-]+):\d+", TEXT)) - {"localhost"}
    assert used == issued


def test_the_demos_mail_channel_and_digest_can_be_read(tmp_path: Path) -> None:
    from iprwatch.alerts.channels import load_channels
    from iprwatch.alerts.subscriptions import find_files, load_subscription

    config = tmp_path / "demo"
    shutil.copytree(ROOT / "docker/demo", config)
    channels = load_channels(config)
    assert {c for path in find_files(config) for c in load_subscription(path).channels} == set(channels)
    assert channels["office"].smtp.partition(":")[0] in SERVICES  # type: ignore[union-attr]


# The image


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text("utf-8")


def test_the_image_holds_what_the_compose_file_counts_on() -> None:
    text = dockerfile()
    made = set(re.findall(r"(/(?:var/lib|var/cache|keys)/\w+)", text))
    mounted = {
        place
        for s in SERVICES.values()
        if s["image"].startswith("iprwatch:")
        for v, place, _ in mounts(s)
        if v in ("home", "airflow") or v.endswith("-key")
    }
    assert mounted <= made, "a volume in a place that the image lacks would belong to root"
    user = re.search(r"--uid (\d+)", text)
    assert user
    assert f"issue api-server {user[1]} " in (ROOT / "docker/certificates.sh").read_text("utf-8")
    assert re.search(r"^USER iprwatch$", text, re.MULTILINE)
    assert "://" not in text


def test_the_image_gets_no_more_of_the_folder_than_it_needs() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[1] == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert [name for name in let_in if not (ROOT / name).exists()] == []
    assert {
        "dags",
        "iprwatch",
        "pipelines",
        "search",
        "spiders",
        "pyproject.toml",
        "requirements.txt",
        "README.md",
    } <= set(let_in)


# .env


def test_env_is_private_complete_and_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert stack.write_env(path) == list(stack.VARIABLES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text("utf-8")
    assert stack.write_env(path) == []
    assert path.read_text("utf-8") == first


def test_every_secret_is_another_and_long_enough(tmp_path: Path) -> None:
    for name in ("a", "b"):
        stack.write_env(tmp_path / name)
    both = [stack.parse_env((tmp_path / name).read_text("utf-8")) for name in ("a", "b")]
    secrets = [value for held in both for name, value in held.items() if not name.startswith("IPRWATCH_")]
    assert len(set(secrets)) == len(secrets) == 2 * (len(stack.VARIABLES) - 2)
    assert min(map(len, secrets)) >= 32
    assert all(re.fullmatch(r"[\w=-]+", secret) for secret in secrets), "it stands in addresses and shells as it is"
    assert len(base64.urlsafe_b64decode(both[0]["AIRFLOW_FERNET_KEY"])) == 32


def test_what_a_person_wrote_into_env_stays_and_what_lacks_is_added(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text('# mine\nIPRWATCH_SPACE=live\nELASTIC_PASSWORD="my own"')
    path.chmod(0o644)
    added = stack.write_env(path)
    assert "ELASTIC_PASSWORD" not in added
    assert path.read_text("utf-8").startswith('# mine\nIPRWATCH_SPACE=live\nELASTIC_PASSWORD="my own"\n')
    held = stack.parse_env(path.read_text("utf-8"))
    assert (held["IPRWATCH_SPACE"], held["ELASTIC_PASSWORD"]) == ("live", "my own")
    assert held.keys() == stack.VARIABLES.keys()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# make stack

DOCKER = """#!/bin/sh
echo "$@" >>"$DOCKER_LOG"
case "$*" in
"compose version") exit ${NO_COMPOSE:-0} ;;
info) exit ${NO_ENGINE:-0} ;;
*"up --detach"*) exit ${UP:-0} ;;
*"run --demo") exit ${RUN:-0} ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A played Docker, first on the path; the file that holds what it was asked."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_the_stack_starts_runs_once_and_installs_kibanas_objects(docker: Path, tmp_path: Path) -> None:
    assert stack.start(tmp_path) == stack.ADDRESSES
    compose = f"compose --project-directory {tmp_path} --profile demo"
    assert docker.read_text().splitlines()[2:] == [
        f"{compose} up --detach --build --wait --wait-timeout {stack.WAIT_SECONDS}",
        f"{compose} run --rm operator iprwatch run --demo",
        f"{compose} run --rm operator iprwatch kibana install",
    ]


def test_with_real_offices_there_is_no_newsroom(docker: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IPRWATCH_SPACE=live\n")
    stack.start(tmp_path)
    assert "demo" not in docker.read_text().replace(str(tmp_path), "")


def test_a_run_that_is_under_way_is_no_failure(docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN", "7")
    assert stack.start(tmp_path) == stack.ADDRESSES


def test_a_service_that_does_not_start_is_said(docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UP", "1")
    with pytest.raises(StoreError, match="exit code 1"):
        stack.start(tmp_path)


@pytest.mark.parametrize(("lack", "said"), [("NO_COMPOSE", "Compose plug-in"), ("NO_ENGINE", "engine does not answer")])
def test_a_docker_that_cannot_be_used_is_one_sentence_and_writes_nothing(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str, said: str
) -> None:
    monkeypatch.setenv(lack, "1")
    with pytest.raises(InputError, match=said):
        stack.start(tmp_path)
    assert not (tmp_path / ".env").exists()


def test_without_docker_make_stack_ends_with_a_sentence(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "iprwatch.stack"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        done.stderr
        == "iprwatch: The stack needs Docker, which is not installed. Without it there is the demo: make run\n"
    )
