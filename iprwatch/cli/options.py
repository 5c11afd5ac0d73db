"""Options that many commands share."""

from __future__ import annotations

from typing import Any

import click

space_option = click.option(
    "--demo/--live", "demo", default=None, help="Invented or real items; default: those used last."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON for programs.")


def settings_of(demo: bool | None) -> Any:
    """The settings with the chosen space."""
    from iprwatch.settings import load_settings

    return load_settings(space=None if demo is None else "demo" if demo else "live")
