"""`iprwatch completion SHELL`: the script that teaches a shell our commands, options and their values."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> None:
    """Print the completion script of a shell, for example: eval "$(iprwatch completion bash)"."""
    from click.shell_completion import get_completion_class

    from iprwatch.cli.main import cli

    script = get_completion_class(shell)
    assert script
    click.echo(script(cli, {}, "iprwatch", "_IPRWATCH_COMPLETE").source())


def complete_source(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Ids of declared sources that begin so."""
    from spiders.source import load_sources

    return sorted(id for id in load_sources() if id.startswith(begun))


def complete_theme(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Ids of themes that begin so."""
    from pipelines.tag.themes import load_themes

    return [id for id in load_themes().themes if id.startswith(begun.upper())]
