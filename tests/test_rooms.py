"""The house's rule: which room may import what, how long a file and a function may be, what a light command never loads."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines.embed.weights import MODEL_ID
from search.schema import Document, IndexedPassage
from search.sqlite_index import SqliteIndex

ROOT = Path(__file__).parent.parent
ROOMS = ("dags", "iprwatch", "pipelines", "search", "spiders")
FORBIDDEN = {
    "spiders": {"airflow", "elasticsearch", "sqlalchemy", "alembic", "search", "iprwatch", "dags"},
    "pipelines": {"scrapy", "twisted", "airflow", "elasticsearch", "sqlalchemy", "alembic", "spiders", "search", "iprwatch", "dags"},
    "search": {"scrapy", "twisted", "airflow", "sqlalchemy", "alembic", "torch", "transformers", "sentence_transformers", "spiders", "iprwatch", "dags"},
    "iprwatch": {"airflow", "elasticsearch", "dags"},
    "dags": {"scrapy", "twisted", "elasticsearch", "sqlalchemy", "alembic", "torch", "transformers", "spiders", "pipelines", "search"},
}  # fmt: skip
ALLOWED = {("search/client.py", "elasticsearch")}  # the one importer of the client
SPIDERS_FROM_PIPELINES = {"pipelines.model"}  # a fetched page is the only thing both rooms know
LINES_MOST = 400  # the aim is 300
FUNCTION_MOST = 70  # the aim is 50
CODE = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))
EVERY_FILE = [*CODE, ROOT / "bootstrap.py", *sorted((ROOT / "benchmarks").glob("*.py"))]
HEAVY = {"torch", "transformers", "sentence_transformers", "airflow", "scrapy", "twisted"}
LEDGER = {"sqlalchemy", "alembic"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in a file, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            names = (f"{module}.{alias.name}" for alias in node.names)
            yield from names if module in ROOMS else (module,)


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    found = set(imports(ast.parse(path.read_text("utf-8"))))
    wrong = {m for m in found if m.split(".")[0] in FORBIDDEN[room] and (name(path), m.split(".")[0]) not in ALLOWED}
    if room == "spiders":
        wrong |= {m for m in found if m.startswith("pipelines") and m not in SPIDERS_FROM_PIPELINES}
    assert not wrong, f"{name(path)} may not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("path", EVERY_FILE, ids=name)
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{name(path)} has no module docstring"
    assert text.count("\n") <= LINES_MOST, f"{name(path)} is too long"
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= FUNCTION_MOST
        and path.parent.name != "versions"  # a migration is a list of tables
    ]
    assert not long, f"too long in {name(path)}: {', '.join(long)}"


def test_every_room_is_seen() -> None:
    assert {p.relative_to(ROOT).parts[0] for p in CODE} == set(ROOMS)


SCRIPT = """
import atexit, pathlib, sys
place = pathlib.Path(sys.argv[1])
atexit.register(lambda: place.write_text("\\n".join(sys.modules)))
sys.argv = ["iprwatch", *sys.argv[2:]]
from iprwatch.cli.main import main
sys.exit(main())
"""


def run_and_list(place: Path, *words: str) -> tuple[set[str], str]:
    """What `iprwatch WORDS` has loaded when it ends (top-level names), and what it printed."""
    command = [sys.executable, "-c", SCRIPT, str(place), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    modules = place.read_text().split()
    assert "iprwatch.cli.main" in modules
    return {m.split(".")[0] for m in modules}, done.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    modules, printed = run_and_list(tmp_path / "modules", "--help")
    assert "search" in printed
    assert not modules & (
        HEAVY | LEDGER | {"pydantic", "pydantic_settings", "onnxruntime", "elasticsearch", "trafilatura"}
    )


@pytest.fixture
def indexed() -> None:
    """One article in the index of this test's data folder, with a vector of the default model's shape."""
    text = "Patent fees rise in April."
    vector = np.full(384, 384**-0.5, np.float32)
    at = datetime(2026, 11, 2, tzinfo=UTC)
    index = SqliteIndex(Path(os.environ["IPRWATCH_HOME"]) / "live" / "index", model=MODEL_ID)
    document = Document(
        "a", 1, "office", "XX", "en", "https://office.example/a", "Fees", text, "", at, at, "a", True, "outside", (),
        (IndexedPassage(0, 0, len(text), text, vector),), MODEL_ID,
    )  # fmt: skip
    index.upsert([document])
    index.close()


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_a_search_loads_nothing_heavy(mode: str, tmp_path: Path) -> None:
    modules, printed = run_and_list(tmp_path / "modules", "search", "--mode", mode, "patent fees")
    assert "Patent fees rise" in printed
    assert not modules & (HEAVY | LEDGER | {"trafilatura", "dateparser"})
