"""`iprwatch`: finds the command, keeps its imports lazy, turns errors into one sentence and an exit code.

Imports click alone, so that `--help` answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("iprwatch.cli.add", "Add one document by hand: a file, or a page by its address."),
    "airflow": (
        "iprwatch.cli.airflow",
        "Airflow over the demo on this machine; says what becomes of each published item.",
    ),
    "alerts": ("iprwatch.cli.watch", "What the watches fired, why, and what became of each delivery."),
    "backup": ("iprwatch.cli.stores", "Copy the ledger to a file."),
    "completion": ("iprwatch.cli.completion", "The script that completes commands in bash, zsh or fish."),
    "digest": (
        "iprwatch.cli.digest",
        "What is new for a subscription, told once: subscribe, list, make, show, open, send.",
    ),
    "doctor": ("iprwatch.cli.stores", "What is installed, what is missing, and the remedy."),
    "extract": ("iprwatch.cli.steps", "Title, text, date and language of one page."),
    "import": ("iprwatch.cli.steps", "Bring articles in from JSON Lines."),
    "kibana": ("iprwatch.cli.kibana", "Search in meaning inside Kibana: install, check, open."),
    "migrate": ("iprwatch.cli.stores", "Bring the ledger's schema up to date."),
    "newsroom": ("iprwatch.cli.newsroom", "The bundled offices: serve them, publish an item, switch a fault."),
    "parse": ("iprwatch.cli.steps", "Entries of a feed, sitemap, listing or API answer."),
    "reindex": ("iprwatch.cli.stores", "Make the search index again from the ledger; encodes nothing."),
    "replay": ("iprwatch.cli.stores", "Build the record again from the landed responses, to the same ids."),
    "restore": ("iprwatch.cli.stores", "Put a copy of the ledger back and make the index from it."),
    "run": ("iprwatch.cli.run", "One full pass: collect, understand, index, match, deliver."),
    "search": ("iprwatch.cli.search", "Search in words and meaning."),
    "serve": ("iprwatch.cli.serve", "Keep going without a scheduler: visit each source when it has changed."),
    "show": ("iprwatch.cli.look", "One article with its themes and reasons."),
    "source": ("iprwatch.cli.look", "The declared sources: list, check."),
    "status": ("iprwatch.cli.look", "Health of sources and stores; exit code 8 when something is red."),
    "tag": ("iprwatch.cli.steps", "Themes of each item, with their reasons; JSON Lines."),
    "themes": ("iprwatch.cli.look", "The themes of the statement."),
    "trend": ("iprwatch.cli.trend", "Themes over time: table, CSV, picture or page."),
    "watch": ("iprwatch.cli.watch", "Standing questions: add, list, show, test, remove."),
    "web": ("iprwatch.cli.web", "The page in the browser: search, items, today, themes over time; reads only."),
    "words": ("iprwatch.cli.words", "Words that rise in the last days; with Elasticsearch only."),
}
"""Name → module that holds it (as `<name>_command`), and the line that `--help` shows."""


INTERRUPTED = "Interrupted. Nothing is lost: the next run goes on."


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
    keep_screen_clean()
    try:
        result: Any = cli.main(prog_name="iprwatch", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        leave_interrupted()
    except BrokenPipeError:  # whoever reads has had enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception as error:  # noqa: BLE001  shown by its class: a sentence, or the trace of a bug
        if was_interrupted(error):
            leave_interrupted()
        sys.exit(show_error(error))


def leave_interrupted() -> NoReturn:
    """Say so and end at once. An ordinary exit would end by the signal itself where Ctrl-C met Python code that a compiled module ran."""
    from iprwatch.errors import EXIT_INTERRUPTED

    click.echo(INTERRUPTED, err=True)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_INTERRUPTED)


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: while a compiled module is imported, it comes out as that module's ImportError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def keep_screen_clean() -> None:
    """What libraries warn of belongs into the log, where a command has one, and never on the screen."""
    logging.getLogger().addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def show_error(error: Exception) -> int:
    """One sentence for an error of ours, the trace for a bug, without secrets, on the screen and in the log. Returns the exit code."""
    from iprwatch.errors import exit_code, name_disk_error
    from iprwatch.redact import hide_secrets

    error = (name_disk_error(error) if isinstance(error, OSError) else None) or error
    code = exit_code(error)
    told = f"iprwatch: {error}" if code != 1 else "".join(traceback.format_exception(error)).rstrip()
    click.echo(hide_secrets(told), err=True)
    logging.getLogger(__name__).error("command_failed", extra={"exit_code": code, "told": told})
    return code


if __name__ == "__main__":
    main()
