"""`make stack`: writes .env, starts docker-compose.yml with the newsroom, makes a first run, installs the Kibana objects, says where all is.

Standard library only, so that it runs without our environment. Again and again with the same result: secrets once written are kept. With
IPRWATCH_SPACE=live in .env the real offices are visited instead, by Airflow, and nothing is run here. Does not install Docker.
Raises InputError where Docker cannot be used, StoreError where a service does not start.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from iprwatch.errors import Busy, InputError, IprwatchError, StoreError

ROOT = Path(__file__).resolve().parent.parent
WAIT_SECONDS = (
    900  # for every service to be healthy, images there: Airflow's migrations and Kibana's first start take minutes
)


def make_password() -> str:
    """48 hexadecimal digits: they stand in an address, a shell and .env as they are."""
    return secrets.token_hex(24)


def make_fernet_key() -> str:
    """32 random bytes in the form that Airflow's encryption of connections asks for."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


VARIABLES: dict[str, Callable[[], str]] = {
    "IPRWATCH_SPACE": lambda: "demo",
    "IPRWATCH_CONTACT": str,
    "ELASTIC_PASSWORD": make_password,
    "KIBANA_SYSTEM_PASSWORD": make_password,
    "KIBANA_ENCRYPTION_KEY": make_password,
    "ANALYST_PASSWORD": make_password,
    "POSTGRES_PASSWORD": make_password,
    "LEDGER_PASSWORD": make_password,
    "LEDGER_READER_PASSWORD": make_password,
    "AIRFLOW_DATABASE_PASSWORD": make_password,
    "AIRFLOW_PASSWORD": make_password,
    "AIRFLOW_FERNET_KEY": make_fernet_key,
    "AIRFLOW_SECRET_KEY": make_password,
    "AIRFLOW_JWT_SECRET": make_password,
}
"""What docker-compose.yml takes from .env, and what makes each."""

ADDRESSES = """\
The page    http://localhost:8642
Kibana      https://localhost:5601   user analyst, ANALYST_PASSWORD in .env
Airflow     https://localhost:8080   user admin, AIRFLOW_PASSWORD in .env
Mail        http://localhost:8025    what would have been sent

The certificates are our own; what a browser needs to trust them: docker compose cp kibana:/authority/ca.crt .
One more item: docker compose exec newsroom iprwatch newsroom publish
End it: docker compose --profile demo down   (with --volumes everything is forgotten)"""


def write_env(path: Path) -> list[str]:
    """Write what .env lacks, readable by its owner only; returns the names written. What is there is kept."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        held = file.read()
        missing = [name for name in VARIABLES if name not in parse_env(held)]
        if missing:
            file.write("\n" if held and not held.endswith("\n") else "")
            file.writelines(f"{name}={VARIABLES[name]()}\n" for name in missing)
    return missing


def parse_env(text: str) -> dict[str, str]:
    """Names and values of .env, comments left out."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def find_docker() -> str:
    """Docker's program, with its Compose plug-in and an engine that answers. Raises InputError."""
    docker = shutil.which("docker")
    if docker is None:
        raise InputError("The stack needs Docker, which is not installed", "Without it there is the demo: make run")
    if _fails([docker, "compose", "version"]):
        raise InputError(
            "The stack needs Docker's Compose plug-in, which is not installed", "Install docker-compose-plugin"
        )
    if _fails([docker, "info"]):
        raise InputError("Docker's engine does not answer", "Start it, or use a user who may: docker info says more")
    return docker


def start(root: Path) -> str:
    """Everything, in order; returns what to say at the end. Raises InputError, StoreError."""
    docker = find_docker()
    written = write_env(root / ".env")
    if written:
        print(f"{len(written)} values are written to {root / '.env'}", flush=True)
    demo = parse_env((root / ".env").read_text("utf-8"))["IPRWATCH_SPACE"] == "demo"
    compose = [docker, "compose", "--project-directory", str(root), *(("--profile", "demo") if demo else ())]
    call([*compose, "up", "--detach", "--build", "--wait", "--wait-timeout", str(WAIT_SECONDS)])
    operate = [*compose, "run", "--rm", "operator", "iprwatch"]
    if demo:
        call([*operate, "run", "--demo"], allowed=(Busy.exit_code,))  # a run that Airflow has begun does the same
    call([*operate, "kibana", "install"])
    return ADDRESSES


def call(command: Sequence[str], allowed: Sequence[int] = ()) -> None:
    """Run a command, its output shown. Raises StoreError unless it ends well or as allowed."""
    code = subprocess.run(command, check=False).returncode
    if code and code not in allowed:
        raise StoreError(
            f"This ended with exit code {code}: {' '.join(command)}",
            "The lines above say why; make stack goes on from there",
        )


def _fails(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode != 0


def main() -> int:
    """Exit code: 0 running, 3 Docker cannot be used, 6 a service did not start, 130 stopped."""
    try:
        print(start(ROOT))
    except IprwatchError as error:
        print(f"iprwatch: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted. What has started runs on: docker compose ps", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
