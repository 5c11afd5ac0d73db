"""The documents say what the code says: links, names of files, fields, settings, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import BaseModel

from iprwatch.alerts import channels, subscriptions, watches
from iprwatch.ledger.tables import metadata
from iprwatch.settings import Settings
from pipelines import model
from search import schema
from spiders import source

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {".venv", ".git", ".pytest_cache", "node_modules"}
DOCUMENTS = sorted(
    p for p in ROOT.rglob("*.md") if OUTSIDE.isdisjoint(p.relative_to(ROOT).parts) and "fixtures" not in p.parts
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
FILE = re.compile(r"`((?:dags|docs|iprwatch|pipelines|search|spiders|tests)/[\w/.-]+\.\w+)`")

VALUES = [
    *(getattr(model, n) for n in ("Entry", "Reading", "Page", "Stamp", "Article", "Passage", "Tag", "Tagging")),
    *(getattr(schema, n) for n in ("Document", "IndexedTag", "IndexedPassage", "Query", "Filters", "Hit", "Answer")),
]
DECLARED: dict[str, type[BaseModel]] = {
    "source": source.Source,
    "source: rows": source.Rows,
    "source: paging": source.Paging,
    "source: walk": source.Walk,
    "source: dates": source.Dates,
    "source: article": source.Article,
    "source: canonical": source.Canonical,
    "source: promise": source.Promise,
    "watch": watches.Watch,
    "watch: filters": watches.WatchFilters,
    "channel: mail": channels.Mail,
    "channel: notify": channels.Notify,
    "channel: webhook": channels.Webhook,
    "subscription": subscriptions.Subscription,
}
EXPECTED: dict[str, list[str]] = {
    **{kind.__name__: [f.name for f in fields(kind)] for kind in VALUES},
    **{title: [f.alias or n for n, f in kind.model_fields.items()] for title, kind in DECLARED.items()},
    **{f"ledger: {name}": list(table.columns.keys()) for name, table in metadata.tables.items()},
}


def documented(path: str) -> dict[str, list[str]]:
    """The first column of each `###` section's table."""
    parts = re.split(r"^### (.+)$", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE)
    return {
        title: ROW.findall(body.partition("\n## ")[0]) for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def missing(places: Iterable[str], base: Path) -> list[str]:
    return [place for place in places if not (base / place).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_resolve(path: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(path.read_text("utf-8"))]
    assert missing([link for link in links if link and "://" not in link and ":" not in link], path.parent) == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "NOTICE", "SECURITY.md", "docs/architecture.md", "docs/fields.md"])
def test_named_files_exist(name: str) -> None:
    assert missing(FILE.findall((ROOT / name).read_text("utf-8")), ROOT) == []


@pytest.mark.parametrize("title", EXPECTED)
def test_every_field_is_explained_and_no_other(title: str) -> None:
    assert documented("docs/fields.md").get(title) == EXPECTED[title]


def test_no_section_explains_what_is_gone() -> None:
    assert documented("docs/fields.md").keys() - EXPECTED.keys() == set()


def test_every_setting_is_explained_and_no_other() -> None:
    rows = ROW.findall((ROOT / "docs/settings.md").read_text("utf-8"))
    assert rows == [f"IPRWATCH_{name.upper()}" for name in Settings.model_fields]


def test_documents_name_only_settings_that_exist() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"(?<!_)IPRWATCH_[A-Z_]+", path.read_text("utf-8"))}
    assert named <= {f"IPRWATCH_{name.upper()}" for name in Settings.model_fields}


def test_decisions_are_numbered_without_gaps_and_titled_by_their_number() -> None:
    paths = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [p.name[:5] for p in paths] == [f"{n:04}-" for n in range(1, len(paths) + 1)]
    for n, path in enumerate(paths, 1):
        assert path.read_text("utf-8").startswith(f"# {n}. "), path.name


def test_the_readme_names_only_commands_that_exist() -> None:
    from iprwatch.cli.main import COMMANDS

    named = set(re.findall(r"iprwatch ([a-z]+) ", (ROOT / "README.md").read_text("utf-8")))
    assert named & COMMANDS.keys()
    assert named - {"fetches"} <= COMMANDS.keys()


def test_the_page_of_commands_is_that_of_the_code() -> None:
    from iprwatch.cli_docs import render_commands

    assert (ROOT / "docs/cli.md").read_text("utf-8") == render_commands()
