"""What this machine has and lacks, each with the remedy. Looks only; changes nothing but the model's cache."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iprwatch.errors import InputError
from iprwatch.redact import hide_secrets

if TYPE_CHECKING:
    from iprwatch.settings import Settings

LOW_DISK = 1 << 30  # bytes: a year of 100 offices lands in less


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: good or not, whether a run needs it, the fact, and what to do."""

    part: str
    good: bool
    needed: bool
    fact: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at every part."""
    return [
        _folder(settings),
        _try("sources", _sources, "Correct the declaration it names"),
        _try("model", lambda: _model(settings), "Install again: make install"),
        _try("ledger", lambda: _ledger(settings), "See docs/settings.md"),
        Finding("SQLite FTS5", _has_fts5(), True, sqlite3.sqlite_version, "Use a Python whose SQLite has FTS5"),
        _tool("PostgreSQL client", "psql", "Needed only for a ledger on PostgreSQL"),
        _tool("Docker", "docker", "Needed only for a stack of services"),
        *(_cluster(settings) if settings.index == "elasticsearch" else ()),
    ]


def _folder(settings: Settings) -> Finding:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    good = os.access(place, os.W_OK) and free > LOW_DISK
    return Finding("data folder", good, True, f"{settings.folder}, {free >> 30} GiB free", "Set IPRWATCH_HOME")


def _try(part: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(part, True, True, look())
    except Exception as error:  # noqa: BLE001  whatever is wrong is the finding
        return Finding(part, False, True, hide_secrets(str(error)), remedy)


def _sources() -> str:
    from spiders.source import load_sources

    found = load_sources().values()
    return f"{len(found)} declared, {sum(s.enabled for s in found)} enabled"


def _model(settings: Settings) -> str:
    from pipelines.embed import load_encoder

    return load_encoder(settings.model, revision=settings.model_revision, cache=settings.cache).model_id


def _ledger(settings: Settings) -> str:
    from iprwatch.ledger.store import Ledger

    if not settings.database and not (settings.folder / "ledger.sqlite").exists():
        return "none yet; the first run makes it"
    ledger = Ledger(settings.database_url)
    ledger.check()
    return f"schema {ledger.version()}"


def _cluster(settings: Settings) -> list[Finding]:
    from iprwatch.engines import connect_elasticsearch, index_prefix
    from search.cluster import probe_cluster
    from search.index import SearchError

    try:
        with connect_elasticsearch(settings) as client:
            probes = probe_cluster(client, index_prefix(settings))
    except (InputError, SearchError) as error:
        return [Finding("Elasticsearch", False, True, hide_secrets(str(error)), "See docs/production.md")]
    return [Finding(f"Elasticsearch {p.part}", p.good, p.needed, p.fact, p.remedy) for p in probes]


def _has_fts5() -> bool:
    with sqlite3.connect(":memory:") as connection:
        return bool(connection.execute("select sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])


def _tool(part: str, name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return Finding(part, path is not None, False, path or "not found", remedy)
