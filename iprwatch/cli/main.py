"""`iprwatch`: finds the command, keeps its imports lazy, turns errors into one sentence and an exit code.

Imports click alone, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("iprwatch.cli.stores", "Add one document by hand: text or PDF."),
    "backup": ("iprwatch.cli.stores", "Copy the ledger to a file."),
    "doctor": ("iprwatch.cli.stores", "What is installed, what is missing, and the remedy."),
    "extract": ("iprwatch.cli.steps", "Title, text, date and language of one page."),
    "import": ("iprwatch.cli.steps", "Bring articles in from JSON Lines."),
    "migrate": ("iprwatch.cli.stores", "Bring the ledger's schema up to date."),
    "newsroom": ("iprwatch.cli.newsroom", "The bundled offices: serve them, publish an item, switch a fault."),
    "parse": ("iprwatch.cli.steps", "Entries of a feed, sitemap, listing or API answer."),
    "reindex": ("iprwatch.cli.stores", "Make the search index again from the ledger; encodes nothing."),
    "replay": ("iprwatch.cli.stores", "Build the record again from the landed responses, to the same ids."),
    "restore": ("iprwatch.cli.stores", "Put a copy of the ledger back and make the index from it."),
    "run": ("iprwatch.cli.run", "One full pass: collect, understand, index."),
    "search": ("iprwatch.cli.search", "Search in words and meaning."),
    "serve": ("iprwatch.cli.serve", "Keep going without a scheduler: visit each source when it is due."),
    "show": ("iprwatch.cli.look", "One article with its themes and reasons."),
    "source": ("iprwatch.cli.look", "The declared sources: list, check."),
    "status": ("iprwatch.cli.look", "Health of sources and stores; exit code 8 when something is red."),
    "tag": ("iprwatch.cli.steps", "Themes of each item, with their reasons; JSON Lines."),
    "themes": ("iprwatch.cli.look", "The themes of the statement."),
}
"""Name → module that holds it (as `<name>_command`), and the line that `--help` shows."""


class LazyGroup(click.Group):
    """Lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of `--help`, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


def print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    """Versions of program, ledger schema, index layout and default model."""
    if not value or ctx.resilient_parsing:
        return
    from iprwatch import __version__
    from iprwatch.ledger.store import SCHEMA_HEAD
    from pipelines.embed.weights import MODEL_ID
    from search.schema import SCHEMA_VERSION

    click.echo(f"iprwatch {__version__}  ledger schema {SCHEMA_HEAD}  index {SCHEMA_VERSION}  model {MODEL_ID}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Versions.")
def cli() -> None:
    """Watch what intellectual-property offices publish, and find it again by theme, word and meaning."""


def main() -> None:
    """Run a command; errors of ours are one sentence, everything else is a bug and shows its trace."""
    from iprwatch.errors import EXIT_INTERRUPTED, exit_code

    try:
        result: Any = cli.main(standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. Nothing is lost: the next run goes on.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        code = exit_code(error)
        if code == 1:
            raise
        click.echo(f"iprwatch: {error}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
