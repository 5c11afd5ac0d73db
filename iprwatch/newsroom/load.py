"""Folders → Offices and scenes. Reads YAML; decides nothing. Raises InputError, naming the file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from iprwatch.errors import InputError
from iprwatch.newsroom.model import Office, Route
from spiders.source import Source, load_sources

HERE = Path(str(files("iprwatch") / "newsroom"))


def load_yaml(path: Path) -> Any:
    """What one YAML file says. Raises InputError."""
    try:
        return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from None


def load_office(folder: Path, source: Source) -> Office:
    """The office in one folder. Raises InputError for an unknown key or a file that is missing."""
    raw = load_yaml(folder / "office.yaml")
    path = folder / "items.yaml"
    try:
        routes = tuple(Route(**{"type": "text/html; charset=utf-8", **route}) for route in raw.pop("routes"))
        items = tuple(load_yaml(path) or ()) if path.exists() else ()
        return Office(source=source, folder=folder, routes=routes, items=items, **raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder / 'office.yaml'}: {error}") from None


def load_offices(folders: Iterable[Path], declarations: Iterable[Path] = ()) -> dict[str, Office]:
    """All offices in `folders` by source id; a folder without `office.yaml` or declaration is no office."""
    sources = load_sources(declarations)
    found = (path.parent for folder in folders for path in sorted(folder.glob("*/office.yaml")))
    return {place.name: load_office(place, sources[place.name]) for place in found if place.name in sources}


@cache
def load_shipped() -> dict[str, Office]:
    """The offices that come with the package."""
    return load_offices([HERE / "offices"])


@cache
def load_scene(number: int) -> dict[str, Any]:
    """`scenes/<number>.yaml`: `title`, `items`, `edits`, `faults`, each by source id. Empty where there is no such scene."""
    path = HERE / "scenes" / f"{number}.yaml"
    return dict(load_yaml(path)) if path.exists() else {}


@cache
def load_data(name: str) -> Any:
    """One data file of the newsroom: `faults`, `reserve` or `bank`."""
    return load_yaml(HERE / f"{name}.yaml")
