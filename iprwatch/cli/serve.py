"""`iprwatch serve`: keeps going without a scheduler; visits each source whose bell rings, and delivers what the watches fire."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import settings_of, space_option
from iprwatch.errors import InputError

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.flow import Visit
    from iprwatch.report import Report

LOOK_SECONDS = 1.0  # from one look to the next: one query, and one conditional request to each of the newsroom's lists
WHOLE_SECONDS = 300.0  # between visits to all of the newsroom: finds what no list shows, such as an edited page
SWEEP_SECONDS = 60.0  # between looks for real sources that had no visit for a day
STOP_SECONDS = 30.0  # an answer that is under way is waited for so long: without it the message would be sent again
GOOD = ("ok", "unchanged")
"""Read once at the start, so that the libraries which read pages are loaded when the first item comes."""


@click.command("serve")
@space_option
def serve_command(demo: bool | None) -> None:
    """Visit sources as they change and deliver alerts, until interrupted."""
    from iprwatch.contact import settle_contact
    from iprwatch.context import Context
    from iprwatch.flow import Visit, whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.newsroom.server import Server

    settings = settings_of(demo)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Context(settings) as context, whole_run(context), contextlib.suppress(KeyboardInterrupt):
        log = configure_logs(settings.log_folder)
        if settings.current == "live":
            settle_contact(context)
        click.echo(f"Serving {settings.current} items from {settings.folder}, log {log}")
        if settings.current == "demo":
            with Server(settings.folder / "newsroom", settings.newsroom_port) as server:
                serve(context, Visit(host_map=server.hosts, delay_scale=0.0, time_limit=60.0))
        else:
            serve(context, Visit())


def serve(context: Context, visit: Visit) -> None:
    """Pass after pass, and what they fired delivered beside them; says what each brought. Ends by KeyboardInterrupt."""
    from iprwatch.alerts.deliver import Courier
    from iprwatch.flow import run_pass

    warm(context)
    courier, say = Courier(context), Once()
    try:
        for due in look(context, visit):
            if due:
                report = run_pass(context, due, visit)
                say.told({o.source: f"{o.status}. {o.cause}" for o in report.outcomes.values() if o.status not in GOOD})
                say.told({f"watch {id}": fault for id, fault in report.matched.faults.items()})
                describe(report)
            try:
                make_digests(context, say)
                courier.ring()
            except InputError as error:
                say.told({"channels": str(error)})
    finally:
        courier.wait(STOP_SECONDS)


def warm(context: Context) -> None:
    """Load now what the first new item would wait for: readers of pages and dates, encoder, tagger, watches. Raises ModelError."""
    from iprwatch.alerts.match import match_queued
    from iprwatch.preload import preload

    preload()
    context.encoder.encode(["notice"])
    context.tagger.tag("", "", "en", (), None)
    match_queued(context)
    context.watches.standing(frozenset())


def make_digests(context: Context, say: Once) -> None:
    """Make the digests whose cut has come, and put them in the outbox. Raises InputError, StoreError."""
    from iprwatch.alerts.make import find_subscriptions, make_due_digests

    say.told({f"subscription {id}": fault for id, fault in find_subscriptions(context).faults.items()})
    for id in make_due_digests(context):
        click.echo(f"digest {id} made")


def describe(report: Report) -> None:
    """One line where a pass brought something."""
    counts, alerts = report.counts, report.matched.alerts
    if counts.new or counts.revised:
        spent = sum(report.seconds.values())
        fired = f", {alerts} alert{'s'[: alerts != 1]}" if alerts else ""
        click.echo(f"{counts.new} new, {counts.revised} revised{fired}, findable after {spent:.1f} s")


class Once:
    """Says a trouble when it begins or changes, not at every pass."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def told(self, troubles: dict[str, str]) -> None:
        """Print those that were not said yet."""
        for name, trouble in troubles.items():
            if self._said.get(name) != trouble:
                click.echo(f"{name}: {trouble}")
        self._said |= troubles


def look(context: Context, visit: Visit) -> Iterator[Sequence[str]]:
    """What to visit next, again and again, perhaps nothing: at once when a bell rings, else every second.

    Now and then also what no bell tells of: all of the newsroom, of the real offices those that had no visit for a day.
    """
    from iprwatch.flow import choose_sources, find_owed, find_stale

    ids = choose_sources(context)
    apart = WHOLE_SECONDS if visit.host_map else SWEEP_SECONDS
    with watching(context, visit.host_map) as wait:
        sweep = time.monotonic() + apart
        while True:
            wait(LOOK_SECONDS)
            due = find_owed(context, ids)
            if time.monotonic() > sweep:
                due, sweep = ids if visit.host_map else [*due, *find_stale(context, ids)], time.monotonic() + apart
            yield list(dict.fromkeys(due))


@contextmanager
def watching(context: Context, host_map: Mapping[str, str]) -> Iterator[Callable[[float], None]]:
    """The watcher, in a thread of its own: gives what waits for a bell, so many seconds at most, and raises what ended the watcher."""
    from anyio.from_thread import start_blocking_portal

    from iprwatch.bells import watch

    bell = Event()

    async def listen() -> None:
        async for _ in watch(context, host_map, LOOK_SECONDS if host_map else None):
            bell.set()

    def wait(seconds: float) -> None:
        bell.wait(seconds)
        bell.clear()
        if watcher.done():
            watcher.result()

    with start_blocking_portal() as portal:
        watcher = portal.start_task_soon(listen)
        watcher.add_done_callback(lambda _: bell.set())
        try:
            yield wait
        finally:
            watcher.cancel()
