"""`iprwatch add | backup | doctor | migrate | reindex | replay | restore`: the stores by hand."""

from __future__ import annotations

from pathlib import Path

import click

from iprwatch.cli.options import settings_of, space_option


@click.command("migrate")
@space_option
def migrate_command(demo: bool | None) -> None:
    """Bring the ledger's schema up to date."""
    from iprwatch.ledger.store import Ledger

    ledger = Ledger(settings_of(demo).prepared().database_url)
    click.echo(f"The ledger is at schema {ledger.migrate()}")
    ledger.close()


@click.command("reindex")
@space_option
def reindex_command(demo: bool | None) -> None:
    """Make the search index again from the ledger; encodes nothing."""
    from iprwatch.cli.run import progress_display
    from iprwatch.context import Context
    from iprwatch.flow import reindex, whole_run

    with Context(settings_of(demo)) as context, whole_run(context), progress_display() as progress:
        click.echo(f"{reindex(context, progress)} articles indexed")


@click.command("replay")
@space_option
def replay_command(demo: bool | None) -> int:
    """Build the record again from the landed responses; says which articles differ (exit code 8)."""
    from iprwatch.cli.run import progress_display
    from iprwatch.context import Context
    from iprwatch.errors import EXIT_UNHEALTHY
    from iprwatch.flow import whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.replay import replay

    settings = settings_of(demo)
    with Context(settings) as context, whole_run(context), progress_display() as progress:
        configure_logs(settings.log_folder)
        done = replay(context, progress)
    click.echo(f"{done.articles} articles, {len(done.changed)} differ from before")
    for id in done.changed:
        click.echo(f"  {id}")
    return EXIT_UNHEALTHY if done.changed else 0


@click.command("doctor")
@space_option
def doctor_command(demo: bool | None) -> int:
    """What is installed and reachable, what is not, and the remedy; exit code 8 when something needed is missing."""
    from iprwatch.doctor import examine
    from iprwatch.errors import EXIT_UNHEALTHY

    findings = examine(settings_of(demo))
    for finding in findings:
        mark = "ok " if finding.good else "BAD" if finding.needed else "-- "
        click.echo(f"{mark} {finding.part}: {finding.fact}{'' if finding.good else f'. {finding.remedy}'}")
    return EXIT_UNHEALTHY if any(f.needed and not f.good for f in findings) else 0


@click.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--title", default="", help="Default: the file's name, or what a PDF says.")
@click.option("--published", default="", help="The date, as people write it.")
@space_option
def add_command(file: Path, title: str, published: str, demo: bool | None) -> None:
    """Add one document by hand: text or PDF. It is landed, tagged and indexed like any other."""
    from iprwatch.context import Context
    from iprwatch.flow import index_queued, understand, whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.seeds import Given, land_files

    settings = settings_of(demo)
    with Context(settings) as context, whole_run(context):
        configure_logs(settings.log_folder)
        (address,) = land_files(context, [Given(file, title, published)])
        counts = understand(context)
        index_queued(context)
    done = "new" if counts.new else "unchanged" if counts.unchanged else "revised" if counts.revised else "not readable"
    click.echo(f"{address}: {done}")


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@space_option
def backup_command(target: Path, demo: bool | None) -> None:
    """Copy the SQLite ledger to a file, safely while others write. The landing is plain files: copy its folder."""
    from iprwatch.ledger.backup import backup

    settings = settings_of(demo)
    click.echo(f"{backup(settings.database_url, target)} bytes in {target}; the landing is {settings.landing_url}")


@click.command("restore")
@click.argument("copy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@space_option
def restore_command(copy: Path, demo: bool | None) -> None:
    """Put a copy back in the ledger's place, then make the index from it."""
    from iprwatch.context import Context
    from iprwatch.flow import reindex, whole_run
    from iprwatch.ledger.backup import restore

    with Context(settings_of(demo)) as context, whole_run(context):
        restore(copy, context.settings.database_url)
        click.echo(f"Restored; {reindex(context)} articles indexed")
