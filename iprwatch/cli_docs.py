"""The command line's own help as one page, docs/cli.md. `python -m iprwatch.cli_docs > docs/cli.md` writes it anew."""

from __future__ import annotations

import click

from iprwatch.cli.main import cli

HEAD = """# Commands

Made from the commands' own help. Exit codes: 0 done, 1 unexpected, 2 usage, 3 input or configuration, 4 not found,
5 nothing could be fetched, 6 a store or model cannot be used, 7 another run is at work, 8 unhealthy, 130 interrupted.

Shell completion: `eval "$(iprwatch completion bash)"` in `~/.bashrc`, the same with `zsh` in `~/.zshrc`, and
`iprwatch completion fish | source` in `~/.config/fish/config.fish`.

`--json` writes one document to standard output, or one object a line where results come one after the other; progress and
errors go to standard error, progress only where that is a terminal. Its fields: [fields.md](fields.md).
"""


def render_commands() -> str:
    """The page."""
    return HEAD + "".join(_section(cli, "iprwatch"))


def _section(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name, terminal_width=100)
    parts = [f"\n## `{name}`\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            parts += _section(found, f"{name} {below}") if found else []
    return parts


if __name__ == "__main__":
    print(render_commands(), end="")
