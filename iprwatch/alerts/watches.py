"""A watch is one YAML file: a standing question, in words and meaning, whose answers become alerts.

The file's path is its registration: `<config>/watches/<id>.yaml`. Unknown keys are errors. A watch means what the same search means,
restricted to what is new; `search/watches.py` matches, `iprwatch/alerts/match.py` decides what is new. Raises InputError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from iprwatch.alerts.declared import load_declared
from iprwatch.errors import InputError, NotFound
from search.schema import Filters, Mode, Query, Vector
from search.watches import Standing

FOLDER = "watches"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")

MIN_COSINE = 0.4
"""The edge that gave the best F1 (0.47, precision 0.51) of the default model: 12 questions × the 108 English labelled items
(`benchmarks/watches.py`; 0.35: precision 0.31, 0.45: recall 0.25). Another model has another scale."""


class WatchFilters(BaseModel):
    """All must hold; within one, any value may match. Empty: no restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    themes: tuple[str, ...] = ()  # a top theme includes those below it
    sources: tuple[str, ...] = ()
    economies: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    verdicts: tuple[Literal["themed", "outside", "not_ip"], ...] = ()


class Watch(BaseModel):
    """A standing question, as its file declares it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=200)]  # heads its alerts
    query: str = ""  # as typed into search; empty: everything that passes the filters
    mode: Mode = "hybrid"
    min_cosine: Annotated[float, Field(ge=0, le=1)] = MIN_COSINE  # how near by meaning; not used by keyword
    filters: WatchFilters = WatchFilters()
    channels: tuple[str, ...] = ()  # names of channels.yaml, beside the inbox
    revisions: bool = False  # alert again when an item is revised
    enabled: bool = True
    created: date | None = None  # what was published more than a day before never alerts

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.query.strip() and self.filters == WatchFilters():
            raise ValueError("a watch needs a query or a filter; without, every item would alert")
        return self


WATCH = TypeAdapter(Watch)


def build_query(watch: Watch, vector: Vector | None = None, **filters: object) -> Query:
    """The search that a watch stands for. `vector`: embedding of its query; `filters`: further restrictions, as in Filters."""
    return Query(
        text=watch.query,
        mode=watch.mode,
        vector=vector,
        min_cosine=watch.min_cosine,
        filters=Filters(**{**watch.filters.model_dump(), **filters}),
    )


def find_faults(
    watch: Watch, themes: Collection[str], sources: Collection[str], channels: Collection[str]
) -> list[str]:
    """Why a watch could never fire or never arrive: it names what does not exist."""
    named = (
        ("theme", watch.filters.themes, themes), ("source", watch.filters.sources, sources),
        ("channel", watch.channels, channels),
    )  # fmt: skip
    return [f"no {what} is called {name}" for what, names, known in named for name in names if name not in known]


def load_watch(config: Path, id: str) -> Watch:
    """One watch. Raises InputError, NotFound."""
    path = config / FOLDER / f"{id}.yaml"
    if not ID.fullmatch(id) or not path.is_file():
        raise NotFound(f"No watch is called {id}", "See: iprwatch watch list")
    return load_declared(path, WATCH)


def write_watch(config: Path, id: str, watch: Watch) -> Path:
    """Write a new file with what differs from the defaults; returns its path. Raises InputError where it exists."""
    path = config / FOLDER / f"{id}.yaml"
    if not ID.fullmatch(id):
        raise InputError(f"{id!r} is no id of a watch", "Use up to 60 small letters, digits and hyphens")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            yaml.safe_dump(watch.model_dump(exclude_defaults=True), file, allow_unicode=True, sort_keys=False)
    except FileExistsError:
        raise InputError(f"{path} exists already", "Edit it, or choose another --id") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    return path


def remove_watch(config: Path, id: str) -> Path:
    """Delete a watch's file; its alerts stay in the record. Raises NotFound, InputError."""
    path = config / FOLDER / f"{id}.yaml"
    if not ID.fullmatch(id) or not path.is_file():
        raise NotFound(f"No watch is called {id}", "See: iprwatch watch list")
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"{path} cannot be deleted: {error.strerror}") from None
    return path


def settle_demo_watches(config: Path, today: date) -> None:
    """Put the shipped demo watches in place, created today, where the folder has none yet."""
    folder = config / FOLDER
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    for shipped in (files("iprwatch.alerts") / "demo" / FOLDER).iterdir():
        (folder / shipped.name).write_text(f"{shipped.read_text('utf-8')}created: {today}\n", "utf-8")


class Watches:
    """The watches of a folder, ready to meet documents; follows every change of a file. `encode`: a query → its vector."""

    def __init__(self, config: Path, encode: Callable[[str], Vector]) -> None:
        self._folder, self._encode = config / FOLDER, encode
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._vectors: dict[str, Vector] = {}
        self._standing: tuple[frozenset[str], Standing] | None = None
        self.by_id: Mapping[str, Watch] = {}  # those that can be read, disabled ones included
        self.faults: Mapping[str, str] = {}  # id → why its file cannot be read

    def refresh(self) -> Watches:
        """Read anew what has changed. A file that cannot be read is named in `faults` and holds up no other."""
        paths = sorted(self._folder.glob("*.yaml"))
        stamps = {p: (s.st_mtime_ns, s.st_size) for p in paths for s in [p.stat()]}
        if stamps != self._stamps:
            by_id, faults = {}, {}
            for path in paths:
                try:
                    by_id[path.stem] = load_declared(path, WATCH)
                except InputError as error:
                    faults[path.stem] = str(error)
            self._stamps, self._standing = stamps, None
            self.by_id, self.faults = by_id, faults
        return self

    @property
    def enabled(self) -> dict[str, Watch]:
        """Those that alert."""
        return {id: watch for id, watch in self.by_id.items() if watch.enabled}

    def query(self, watch: Watch, **filters: object) -> Query:
        """The search that a watch stands for, with its vector. Raises ModelError."""
        text = watch.query.strip()
        if text and watch.mode != "keyword" and text not in self._vectors:
            self._vectors[text] = self._encode(text)
        vector = self._vectors[text] if text and watch.mode != "keyword" else None
        return build_query(watch, vector, **filters)

    def standing(self, languages: frozenset[str]) -> Standing:
        """The enabled watches as standing questions in an index of these languages. Raises ModelError."""
        if self._standing is None or self._standing[0] != languages:
            queries = {id: self.query(watch) for id, watch in self.enabled.items()}
            self._standing = languages, Standing(queries, languages)
        return self._standing[1]
