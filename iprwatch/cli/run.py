"""`iprwatch run`: one full pass with live progress, then a closing screen worth looking at."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.completion import complete_source
from iprwatch.cli.options import has_desktop, json_option, print_json, settings_of

if TYPE_CHECKING:
    from iprwatch.cli.closing import Closing, Followed, Ready
    from iprwatch.context import Context
    from iprwatch.flow import Visit
    from iprwatch.report import Report
    from spiders.source import Source

LIVE_LIMIT = 10  # newest items of each office on a first look
LIVE_SECONDS = 120.0  # a person waits no longer; what is not finished is named and goes on next time
DEMO_SECONDS = 60.0
READ = ("ok", "unchanged", "partial")

Say = Callable[[str], None]


@click.command("run")
@click.argument("sources", nargs=-1, shell_complete=complete_source)
@click.option("--demo/--live", "demo", default=None, help="Bundled offices with invented items, or the real ones.")
@click.option("--full", is_flag=True, help="Ignore validators: fetch every list again.")
@click.option(
    "--page", is_flag=True, help="On a terminal: serve the page afterwards; opened on a desktop unless OPEN=0."
)
@json_option
def run_command(sources: tuple[str, ...], demo: bool | None, full: bool, page: bool, as_json: bool) -> None:
    """Collect, understand, index, match and deliver: all enabled sources, or those named."""
    from iprwatch.cli.closing import Closing
    from iprwatch.cli.web import LOOPBACK, PORT, serve_page
    from iprwatch.context import Context
    from iprwatch.flow import Visit, whole_run
    from iprwatch.logs import configure_logs

    settings = settings_of(demo)
    with Context(settings) as context, whole_run(context):
        log = configure_logs(settings.log_folder)
        say: Say = _ignore if as_json else show_header
        if settings.current == "demo":
            closing = Closing(context, *run_demo(context, sources, full, say))
        else:
            visit = Visit(limit=LIVE_LIMIT, full=full, time_limit=LIVE_SECONDS)
            closing = Closing(context, run_live(context, sources, visit, say))
        send_fired(context, say)
        serving = page and not as_json and sys.stdout.isatty()
        address = f"http://{LOOPBACK}:{PORT}/" if serving else ""
        finish(replace(closing, digest=make_ready(context), page=address), str(log), as_json)
    if serving:
        serve_page(settings, LOOPBACK, PORT, opens=has_desktop() and os.environ.get("OPEN") != "0")


def make_ready(context: Context) -> Ready | None:
    """In demo space: a digest of everything until now, with its page. Elsewhere digests are made at their hour."""
    from iprwatch.alerts.make import choose_subscriptions, make_digest
    from iprwatch.alerts.phrases import subject
    from iprwatch.alerts.publish import find_page, publish_digests
    from iprwatch.cli.closing import Ready

    if context.settings.current != "demo" or not (chosen := choose_subscriptions(context)):
        return None
    digest = make_digest(context, chosen[0], context.clock.now())
    publish_digests(context, [digest])
    return Ready(subject(digest), find_page(context, digest.id).as_uri())


def send_fired(context: Context, say: Say) -> None:
    """Deliver what the watches fired; a channels file that cannot be read is named and loses nothing."""
    from rich.markup import escape

    from iprwatch.alerts.deliver import deliver_due
    from iprwatch.errors import InputError

    try:
        deliver_due(context)
    except InputError as error:
        say(f"[red]{escape(str(error))}[/]")


def run_demo(context: Context, wanted: Sequence[str], full: bool, say: Say) -> tuple[Report, Followed]:
    """The next scene of the newsroom, then one item published and followed until it can be found."""
    from iprwatch.cli.closing import Followed
    from iprwatch.flow import Visit, choose_sources, run_pass, understand
    from iprwatch.newsroom.server import Server
    from iprwatch.newsroom.state import publish, start_scene
    from iprwatch.seeds import has_seeds, land_files, load_seeds

    chosen, first = choose_sources(context, wanted), not has_seeds(context)
    folder = context.settings.folder / "newsroom"
    say(f"[bold]DEMO: bundled offices, invented items[/]  [dim]scene {start_scene(folder)}[/]")
    with Server(folder) as server:
        visit = Visit(host_map=server.hosts, delay_scale=0.0, time_limit=DEMO_SECONDS, full=full)
        if first:
            land_files(context, load_seeds())
            understand(context)
        report = show_pass(context, chosen, visit)
        item = publish(folder)
        started = time.perf_counter()
        hop = run_pass(context, [item.source], visit)
        return report, Followed(item.source, item.title, hop, time.perf_counter() - started)


def run_live(context: Context, wanted: Sequence[str], visit: Visit, say: Say) -> Report:
    """The real offices, or those of the visit's host map; the surest come first."""
    from iprwatch.contact import settle_contact
    from iprwatch.flow import choose_sources

    settle_contact(context)
    chosen = sorted(choose_sources(context, wanted), key=lambda i: rank(context.sources[i]))
    say(f"[bold]LIVE: real offices[/]  [dim]newest {visit.limit} items each, {visit.time_limit:.0f} s at most[/]")
    return show_pass(context, chosen, visit)


def rank(source: Source) -> int:
    """Confirmed feeds and APIs first, then other confirmed sources, then the likely ones."""
    return 2 * (source.evidence != "confirmed") + (source.kind not in ("feed", "api"))


def finish(closing: Closing, log: str, as_json: bool) -> None:
    """Show what the pass did. Raises FetchError when every office failed; one that was read is a success."""
    from iprwatch.cli.closing import print_closing
    from iprwatch.errors import FetchError

    if as_json:
        print_json(describe(closing, log))
    else:
        print_closing(closing, log)
    outcomes = closing.report.outcomes.values()
    if outcomes and not any(o.status in READ for o in outcomes):
        raise FetchError("Every office failed", "Check the network; causes: iprwatch status")


def show_pass(context: Context, chosen: Sequence[str], visit: Visit) -> Report:
    """A pass with its progress on the terminal."""
    from iprwatch.cli.progress import progress_display
    from iprwatch.flow import run_pass

    with progress_display() as progress:
        return run_pass(context, chosen, visit, progress)


def show_header(line: str) -> None:
    """What runs, before it runs."""
    from iprwatch.cli.screen import console

    console.print(line)


def _ignore(_line: str) -> None:
    return


def describe(closing: Closing, log: str) -> dict[str, Any]:
    """The pass for programs; fields as in docs/fields.md."""
    report, followed = closing.report, closing.followed
    told = ("source", "status", "cause", "new", "changed", "known", "dropped", "failed_pages", "http_status", "seconds")
    return {
        "run": report.run,
        "space": closing.context.settings.current,
        "log": log,
        "outcomes": [{name: getattr(o, name) for name in told} for o in report.outcomes.values()],
        "counts": asdict(report.counts),
        "indexed": report.indexed,
        "seconds": report.seconds,
        "alerts": report.matched.alerts + (followed.report.matched.alerts if followed else 0),
        "digest": closing.digest and asdict(closing.digest),
        "published": followed and {"source": followed.source, "title": followed.title, "seconds": followed.seconds},
    }
