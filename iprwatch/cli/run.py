"""`iprwatch run`: one full pass with live progress, then a closing screen worth looking at."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import settings_of

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.flow import Progress, Report, Visit

LIVE_LIMIT = 10  # newest items of each office on a first look
LIVE_SECONDS = 120.0  # a person waits no longer; what is not finished is named and goes on next time
DEMO_SECONDS = 60.0


@click.command("run")
@click.argument("sources", nargs=-1)
@click.option("--demo/--live", "demo", default=None, help="Bundled offices with invented items, or the real ones.")
@click.option("--full", is_flag=True, help="Ignore validators: fetch every list again.")
def run_command(sources: tuple[str, ...], demo: bool | None, full: bool) -> None:
    """Collect, understand and index: all enabled sources, or those named."""
    from iprwatch.context import Context
    from iprwatch.flow import whole_run
    from iprwatch.logs import configure_logs

    settings = settings_of(demo)
    with Context(settings) as context, whole_run(context):
        log = configure_logs(settings.log_folder)
        if settings.current == "demo":
            run_demo(context, sources, full, str(log))
        else:
            run_live(context, sources, full, str(log))


def run_demo(context: Context, sources: tuple[str, ...], full: bool, log: str) -> None:
    """The next scene of the newsroom, then one item published and followed."""
    from iprwatch.cli.closing import print_closing, print_hops
    from iprwatch.cli.screen import console
    from iprwatch.flow import Visit, choose_sources, run_pass, understand
    from iprwatch.newsroom.server import Server
    from iprwatch.newsroom.state import publish, start_scene
    from iprwatch.seeds import has_seeds, land_files, load_seeds

    folder = context.settings.folder / "newsroom"
    scene = start_scene(folder)
    console.print(f"[bold]DEMO: bundled offices, invented items[/]  scene {scene}, log {log}", soft_wrap=True)
    with Server(folder) as server:
        visit = Visit(host_map=server.hosts, delay_scale=0.0, time_limit=DEMO_SECONDS, full=full)
        if not has_seeds(context):
            land_files(context, load_seeds())
            understand(context)
        report = show_pass(context, choose_sources(context, sources), visit)
        item = publish(folder)
        started = time.perf_counter()
        hop = run_pass(context, [item.source], visit)
        print_hops(item.source, item.title, hop, time.perf_counter() - started)
    print_closing(context, report)


def run_live(context: Context, sources: tuple[str, ...], full: bool, log: str) -> None:
    """The real offices, newest items first; every office that failed is named. Raises FetchError when all did."""
    from iprwatch.cli.closing import print_closing
    from iprwatch.cli.screen import console
    from iprwatch.contact import settle_contact
    from iprwatch.errors import FetchError
    from iprwatch.flow import Visit, choose_sources

    settle_contact(context)
    console.print(f"[bold]LIVE: real offices, newest {LIVE_LIMIT} items each[/]  log {log}", soft_wrap=True)
    chosen = choose_sources(context, sources)
    order = {"feed": 0, "api": 0}
    chosen.sort(key=lambda i: (context.sources[i].evidence != "confirmed", order.get(context.sources[i].kind, 1)))
    report = show_pass(context, chosen, Visit(limit=LIVE_LIMIT, full=full, time_limit=LIVE_SECONDS))
    print_closing(context, report)
    if report.outcomes and not any(o.status in ("ok", "unchanged", "partial") for o in report.outcomes.values()):
        raise FetchError("Every office failed", "Check the network; causes: iprwatch status")


def show_pass(context: Context, chosen: list[str], visit: Visit) -> Report:
    """A pass with its progress on the terminal."""
    from iprwatch.flow import run_pass

    with progress_display() as progress:
        return run_pass(context, chosen, visit, progress)


@contextlib.contextmanager
def progress_display() -> Iterator[Progress]:
    """A bar per step on a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from iprwatch.cli.screen import console

    columns = (TextColumn("{task.description:<12}"), BarColumn(30), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def hear(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield hear
