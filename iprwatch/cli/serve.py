"""`iprwatch serve`: keeps going without a scheduler; visits each source when it is due."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import settings_of, space_option

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.flow import Visit

LOOK_SECONDS = 1.0  # between two looks at what is due: cheap, one query
DEMO_SECONDS = 3.0  # the newsroom's offices are all visited so often, whatever interval they declare


@click.command("serve")
@space_option
def serve_command(demo: bool | None) -> None:
    """Visit sources as they come due, until interrupted."""
    from iprwatch.contact import settle_contact
    from iprwatch.context import Context
    from iprwatch.flow import Visit, whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.newsroom.server import Server

    settings = settings_of(demo)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Context(settings) as context, whole_run(context), contextlib.suppress(KeyboardInterrupt):
        click.echo(
            f"Serving {settings.current} items from {settings.folder}, log {configure_logs(settings.log_folder)}"
        )
        if settings.current == "demo":
            with Server(settings.folder / "newsroom", settings.newsroom_port) as server:
                serve(context, Visit(host_map=server.hosts, delay_scale=0.0, time_limit=60.0))
        else:
            settle_contact(context)
            serve(context, Visit())


def serve(context: Context, visit: Visit) -> None:
    """Pass after pass; says what each brought. Ends by KeyboardInterrupt."""
    from iprwatch.flow import run_pass

    for due in due_sources(context, bool(visit.host_map)):
        report = run_pass(context, due, visit)
        for outcome in report.outcomes.values():
            if outcome.status not in ("ok", "unchanged"):
                click.echo(f"{outcome.source}: {outcome.status}. {outcome.cause}")
        if report.counts.new or report.counts.revised:
            spent = sum(report.seconds.values())
            click.echo(f"{report.counts.new} new, {report.counts.revised} revised, findable after {spent:.1f} s")


def due_sources(context: Context, demo: bool) -> Iterator[Sequence[str]]:
    """What to visit next, again and again; waits while nothing is due."""
    from iprwatch.flow import choose_sources, find_due

    while True:
        chosen = choose_sources(context)
        due = chosen if demo else find_due(context, chosen)
        if due:
            yield due
        time.sleep(DEMO_SECONDS if demo else LOOK_SECONDS)
