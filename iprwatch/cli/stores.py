"""`iprwatch backup | doctor | migrate | reindex | replay | restore`: the stores by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import json_option, print_json, settings_of, space_option, tell

if TYPE_CHECKING:
    from iprwatch.doctor import Finding


@click.command("migrate")
@space_option
@json_option
def migrate_command(demo: bool | None, as_json: bool) -> None:
    """Bring the ledger's schema up to date."""
    from iprwatch.ledger.store import Ledger
    from iprwatch.logs import configure_logs, open_log

    settings = settings_of(demo).prepared()
    configure_logs(settings.log_folder)
    ledger = Ledger(settings.database_url)
    schema = ledger.migrate()
    ledger.close()
    open_log(__name__).info("ledger_migrated", schema=schema)
    tell(as_json, {"schema": schema}, f"The ledger is at schema {schema}")


@click.command("reindex")
@click.option("--force", is_flag=True, help="Even where many articles would vanish from the index.")
@click.option("--drop-old", is_flag=True, help="Elasticsearch: delete the former generations after the swap.")
@space_option
@json_option
def reindex_command(force: bool, drop_old: bool, demo: bool | None, as_json: bool) -> None:
    """Make the search index again from the ledger; encodes nothing."""
    import contextlib

    from iprwatch.cli.progress import progress_display
    from iprwatch.context import Context
    from iprwatch.flow import whole_run
    from iprwatch.logs import configure_logs, open_log
    from iprwatch.reindex import reindex

    settings = settings_of(demo).prepared()
    with Context(settings) as context, progress_display() as progress:
        configure_logs(settings.log_folder)
        # The embedded file is made anew in place; Elasticsearch fills a generation beside the live one, and runs go on.
        alone = whole_run(context) if settings.index == "sqlite" else contextlib.nullcontext()
        with alone:
            indexed = reindex(context, progress, force=force, drop_old=drop_old)
        open_log(__name__).info("index_remade", articles=indexed)
    tell(as_json, {"indexed": indexed}, f"{indexed} articles indexed")


@click.command("replay")
@space_option
@json_option
def replay_command(demo: bool | None, as_json: bool) -> int:
    """Build the record again from the landed responses; says which articles differ (exit code 8)."""
    from iprwatch.cli.progress import progress_display
    from iprwatch.context import Context
    from iprwatch.errors import EXIT_UNHEALTHY
    from iprwatch.flow import whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.replay import replay

    settings = settings_of(demo)
    with Context(settings) as context, whole_run(context), progress_display() as progress:
        configure_logs(settings.log_folder)
        done = replay(context, progress)
    said = f"{done.articles} articles, {len(done.changed)} differ from before"
    tell(as_json, done, "\n  ".join([said, *done.changed]))
    return EXIT_UNHEALTHY if done.changed else 0


@click.command("doctor")
@space_option
@json_option
def doctor_command(demo: bool | None, as_json: bool) -> int:
    """What is installed and reachable, what is not, and the remedy; exit code 8 when something needed is missing."""
    from iprwatch.doctor import examine
    from iprwatch.errors import EXIT_UNHEALTHY

    findings = examine(settings_of(demo))
    if as_json:
        print_json(findings)
    else:
        print_findings(findings)
    return EXIT_UNHEALTHY if any(f.needed and not f.good for f in findings) else 0


def print_findings(findings: Sequence[Finding]) -> None:
    """Good, BAD (a run needs it) or missing (it does not), with the fact and the remedy."""
    from rich.markup import escape

    from iprwatch.cli.screen import print_table

    marks = {True: "good", False: "BAD"}
    rows = [
        (
            marks[f.good] if f.good or f.needed else "missing",
            escape(f.part),
            escape(f.fact if f.good else f"{f.fact}. {f.remedy}"),
        )
        for f in findings
    ]
    print_table(("state", "part", "fact"), rows)


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@space_option
@json_option
def backup_command(target: Path, demo: bool | None, as_json: bool) -> None:
    """Copy the SQLite ledger to a file, safely while others write. The landing is plain files: copy its folder."""
    from iprwatch.cli.progress import progress_display
    from iprwatch.ledger.backup import backup
    from iprwatch.redact import hide_secrets

    settings = settings_of(demo)
    with progress_display() as progress:
        size = backup(settings.database_url, target, lambda done, total: progress("backup", done, total))
    landing = hide_secrets(settings.landing_url)
    said = f"{size} bytes in {target}; the landing is {landing}"
    tell(as_json, {"file": target, "bytes": size, "landing": landing}, said)


@click.command("restore")
@click.argument("copy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@space_option
@json_option
def restore_command(copy: Path, demo: bool | None, as_json: bool) -> None:
    """Put a copy back in the ledger's place, then make the index from it."""
    from iprwatch.cli.progress import progress_display
    from iprwatch.context import Context
    from iprwatch.flow import whole_run
    from iprwatch.ledger.backup import restore
    from iprwatch.logs import configure_logs, open_log
    from iprwatch.reindex import reindex

    settings = settings_of(demo).prepared()
    with Context(settings) as context, whole_run(context), progress_display() as progress:
        configure_logs(settings.log_folder)
        restore(copy, settings.database_url, settings.current, lambda done, total: progress("restore", done, total))
        indexed = reindex(context, progress)
        open_log(__name__).info("ledger_restored", copy=str(copy), articles=indexed)
    tell(as_json, {"indexed": indexed}, f"Restored; {indexed} articles indexed")
