"""Options that many commands share, and how a result is written for programs."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, is_dataclass
from typing import Any

import click

space_option = click.option(
    "--demo/--live", "demo", default=None, help="Invented or real items; default: those used last."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON for programs.")
json_lines_only = click.option(
    "--json", is_flag=True, expose_value=False, help="Changes nothing: this command writes JSON Lines only."
)


def settings_of(demo: bool | None) -> Any:
    """The settings with the chosen space."""
    from iprwatch.settings import load_settings

    return load_settings(space=None if demo is None else "demo" if demo else "live")


def print_json(result: object) -> None:
    """A result as one JSON document on standard output; times as ISO 8601."""
    click.echo(json.dumps(result, ensure_ascii=False, indent=1, default=plain))


def tell(as_json: bool, result: object, sentence: str) -> None:
    """A result for programs, or the sentence for people."""
    if as_json:
        print_json(result)
    else:
        click.echo(sentence)


def plain(value: Any) -> Any:
    """What JSON does not know: dataclasses, moments, paths."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def has_desktop() -> bool:
    """Whether there is a person at a screen who sees a browser open."""
    shown = sys.platform in ("darwin", "win32") or any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))
    return shown and sys.stdout.isatty()
