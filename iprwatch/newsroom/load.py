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
    """What one YAML file says; None where there is no such file. Raises InputError."""
    try:
        return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except FileNotFoundError:
        return None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from None


def load_office(folder: Path, source: Source) -> Office:
    """The office in one folder. Raises InputError for an unknown key or a key that is missing."""
    items = tuple(load_yaml(folder / "items.yaml") or ())
    try:
        raw = load_yaml(folder / "office.yaml")
        routes = tuple(Route(**route) for route in raw.pop("routes"))
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
def load_data(name: str) -> Any:
    """One data file of the newsroom: `faults`, `reserve`, `bank` or `scenes/<number>`; None beyond the last scene."""
    return load_yaml(HERE / f"{name}.yaml")
