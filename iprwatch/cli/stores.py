"""`iprwatch migrate | reindex`: the stores by hand."""

from __future__ import annotations

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
