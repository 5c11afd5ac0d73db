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
