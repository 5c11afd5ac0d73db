"""`iprwatch watch add | list | show | test | remove` and `iprwatch alerts`: standing questions, and what they fired."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.options import json_option, print_json, settings_of, space_option, tell

if TYPE_CHECKING:
    from iprwatch.alerts.estimate import Estimate
    from iprwatch.alerts.watches import Watch
    from iprwatch.context import Context
    from iprwatch.ledger.outbox import Row

MODES = ("hybrid", "keyword", "semantic")
BAR = 40  # columns of the longest bar
LAST = 5  # alerts shown with a watch


@click.group("watch")
def watch_command() -> None:
    """Standing questions: what is new and answers one becomes an alert."""


@watch_command.command("list")
@space_option
@json_option
def list_watches(demo: bool | None, as_json: bool) -> None:
    """Every watch, whether it alerts, and how often it did."""
    from iprwatch.cli.screen import print_table
    from iprwatch.context import Context
    from iprwatch.ledger.outbox import count_alerts

    with Context(settings_of(demo)) as context:
        watches = context.watches.refresh()
        faults = {id: faults for id, watch in watches.by_id.items() if (faults := name_faults(context, watch))}
        with context.ledger.read() as connection:
            counts = count_alerts(connection)
    state = {
        **{
            id: "; ".join(faults[id]) if id in faults else "on" if w.enabled else "off"
            for id, w in watches.by_id.items()
        },
        **watches.faults,
    }
    if as_json:
        declared = {id: watch.model_dump(mode="json") for id, watch in watches.by_id.items()}
        print_json(
            [
                {"id": id, "state": state[id], "alerts": counts.get(id, 0), **declared.get(id, {})}
                for id in sorted(state)
            ]
        )
        return
    rows = [
        [id, str(counts.get(id, 0)), watches.by_id[id].title if state[id] in ("on", "off") else "", state[id]]
        for id in sorted(state)
    ]
    print_table(("watch", "alerts", "title", "state"), rows)
    if not rows:
        click.echo("No watch yet: iprwatch watch add --query WORDS")


@watch_command.command("show")
@click.argument("id")
@space_option
@json_option
def show_watch(id: str, demo: bool | None, as_json: bool) -> None:
    """A watch's file, and its newest alerts."""
    from iprwatch.alerts.watches import FOLDER, load_watch
    from iprwatch.context import Context
    from iprwatch.ledger.outbox import find_alerts

    with Context(settings_of(demo)) as context:
        watches = context.watches.refresh()
        config = context.settings.config_folder
        watch = watches.by_id.get(id) or load_watch(config, id)
        faults = name_faults(context, watch)
        with context.ledger.read() as connection:
            alerts = find_alerts(connection, LAST, id)
    if as_json:
        print_json(
            {"id": id, **watch.model_dump(mode="json"), "faults": faults, "alerts": [describe(r) for r in alerts]}
        )
        return
    path = config / FOLDER / f"{id}.yaml"
    click.echo(f"{path}\n\n{path.read_text('utf-8')}")
    for fault in faults:
        click.secho(f"It cannot work as it is: {fault}", fg="red")
    print_alerts(alerts)


@watch_command.command("test")
@click.argument("id")
@space_option
@json_option
def test_watch(id: str, demo: bool | None, as_json: bool) -> None:
    """What a watch would have fired in the last 90 days."""
    from iprwatch.alerts.estimate import estimate
    from iprwatch.alerts.watches import load_watch
    from iprwatch.context import Context

    with Context(settings_of(demo)) as context:
        watches = context.watches.refresh()
        found = estimate(context, watches.by_id.get(id) or load_watch(context.settings.config_folder, id))
        space = context.settings.current
    if as_json:
        print_json(plain_estimate(found))
    else:
        print_estimate(found, space)


@watch_command.command("add")
@click.option("--query", default="", help="As typed into search; empty: everything that passes the filters.")
@click.option("--title", default="", help="Heads its alerts; default: the query.")
@click.option("--id", "id", default="", help="Name of its file; default: made from the title.")
@click.option("--mode", type=click.Choice(MODES), default="hybrid", show_default=True)
@click.option("--min-cosine", type=click.FloatRange(0, 1), default=None, help="How near by meaning.")
@click.option("--theme", "themes", multiple=True, help="Theme id; a top theme includes those below it.")
@click.option("--source", "sources", multiple=True)
@click.option("--economy", "economies", multiple=True)
@click.option("--language", "languages", multiple=True)
@click.option("--channel", "channels", multiple=True, help="A name of channels.yaml, beside the inbox.")
@click.option("--revisions", is_flag=True, help="Alert again when an item is revised.")
@click.option("--anyway", is_flag=True, help="Also where it would fire more often than anybody reads.")
@space_option
@json_option
def add_watch(id: str, anyway: bool, demo: bool | None, as_json: bool, **given: Any) -> None:
    """Show what a watch would have fired, then write its file."""
    from iprwatch.alerts.estimate import estimate
    from iprwatch.alerts.watches import write_watch
    from iprwatch.context import Context
    from iprwatch.errors import InputError

    with Context(settings_of(demo)) as context:
        watch = build_watch(context, given)
        if faults := name_faults(context, watch):
            raise InputError(
                f"Such a watch could not work: {'; '.join(faults)}", "See: iprwatch themes, iprwatch source list"
            )
        found = estimate(context, watch)
        if not as_json:
            print_estimate(found, context.settings.current)
        if found.too_many and not anyway:
            raise InputError(
                f"It would fire {found.a_day:.0f} times a day, more than anybody reads", "Narrow it, or say --anyway"
            )
        path = write_watch(context.settings.config_folder, id or slug(watch.title), watch)
    tell(as_json, {"id": path.stem, "path": path, "estimate": plain_estimate(found)}, f"Written: {path}")


@watch_command.command("remove")
@click.argument("id")
@space_option
@json_option
def remove_watch_file(id: str, demo: bool | None, as_json: bool) -> None:
    """Delete a watch's file; its alerts stay in the record."""
    from iprwatch.alerts.watches import remove_watch

    path = remove_watch(settings_of(demo).config_folder, id)
    tell(as_json, {"id": id, "path": path}, f"Deleted: {path}")


@click.command("alerts")
@click.option("--watch", "watch", default="", help="Of one watch only.")
@click.option("--limit", default=20, show_default=True)
@click.option("--retry", "again", is_flag=True, help="First let what failed to be delivered be tried once more.")
@space_option
@json_option
def alerts_command(watch: str, limit: int, again: bool, demo: bool | None, as_json: bool) -> None:
    """The newest alerts, why each fired, and what became of its delivery."""
    from iprwatch.context import Context
    from iprwatch.ledger.outbox import count_states, find_alerts, find_deliveries, retry

    with Context(settings_of(demo)) as context:
        if again:
            with context.ledger.write() as connection:
                retried = retry(connection, context.clock.now())
            click.echo(f"{retried} to be tried again, by the next run or serve", err=True)
        with context.ledger.read() as connection:
            rows = find_alerts(connection, limit, watch)
            sent = find_deliveries(connection, [r.story for r in rows])
            counts = count_states(connection)
    if as_json:
        print_json([describe(row, sent) for row in rows])
        return
    print_alerts(rows, sent)
    if not rows:
        click.echo("No alert yet. Watches: iprwatch watch list")
    elif counts:
        click.echo("Deliveries: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())))


def build_watch(context: Context, given: dict[str, Any]) -> Watch:
    """The watch of the given options, created today. Raises InputError."""
    from pydantic import ValidationError

    from iprwatch.alerts.watches import MIN_COSINE, Watch
    from iprwatch.errors import InputError

    names = ("themes", "sources", "economies", "languages")
    try:
        return Watch(
            title=given["title"] or given["query"] or ", ".join(v for n in names for v in given[n]) or "everything",
            query=given["query"], mode=given["mode"], revisions=given["revisions"], channels=given["channels"],
            min_cosine=MIN_COSINE if given["min_cosine"] is None else given["min_cosine"],
            filters={n: given[n] for n in names}, created=context.clock.now().date(),
        )  # fmt: skip
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, "), "Give --query or a filter") from None


def name_faults(context: Context, watch: Watch) -> list[str]:
    """Why a watch could never fire or arrive. Raises InputError for channels.yaml."""
    from iprwatch.alerts.channels import load_channels
    from iprwatch.alerts.match import load_labels
    from iprwatch.alerts.watches import find_faults

    return find_faults(watch, load_labels(), context.sources, load_channels(context.settings.config_folder))


def slug(title: str) -> str:
    """A file's name from a title: small letters, digits, hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-") or "watch"


def plain_estimate(found: Estimate) -> dict[str, Any]:
    """An estimate for programs."""
    return {
        "days": found.days, "total": found.total, "a_day": round(found.a_day, 2), "too_many": found.too_many,
        "by_week": {week.isoformat(): count for week, count in found.by_week.items()}, "newest": found.newest,
    }  # fmt: skip


def print_estimate(found: Estimate, space: str) -> None:
    """How often, week by week, and the newest hits."""
    from iprwatch.cli.screen import console, find_room, hit_lines

    console.print(f"Would have fired [bold]{found.total}[/] times in the last {found.days} days, on {space} items")
    most = max(found.by_week.values(), default=0)
    for week, count in found.by_week.items():
        console.print(f"[dim]{week}[/]  {count:>4} {'▇' * -(-count * BAR // most) if count else ''}")
    for hit in found.newest:
        for line in hit_lines(hit, find_room()):
            console.print(line, soft_wrap=True)
    if found.too_many:
        console.print(f"[red]{found.a_day:.0f} a day: more than anybody reads. Narrow it, or take a digest[/]")


def print_alerts(rows: list[Row], sent: list[Row] | None = None) -> None:
    """Each alert: when, title, watch and themes, why, and its deliveries."""
    from rich.text import Text

    from iprwatch.alerts.alert import build_alert
    from iprwatch.cli.screen import INDENT, console, find_room, fold

    for row in rows:
        alert, room, gutter = build_alert(row, ""), find_room(), " " * INDENT
        first, *more = fold(Text(alert.subject, style="bold"), room)
        lines = [
            Text(f"{row.created:%m-%d %H:%M} ", style="dim").append_text(first),
            *(Text(gutter).append_text(m) for m in more),
        ]
        about = f"watch {row.owner}  {alert.origin}  {row.article[:12]}"
        lines += [Text(gutter).append_text(line) for line in fold(Text(about, style="dim"), room)]
        lines += [Text(gutter).append_text(line) for line in fold(f"{alert.why} {alert.passage}", room)]
        for delivery in (
            s for s in sent or () if (s.story, s.owner, s.revision) == (row.story, row.owner, row.revision)
        ):
            said = delivery.receipt or delivery.error
            lines += [
                Text(gutter).append_text(line) for line in fold(f"{delivery.channel}: {delivery.state} {said}", room)
            ]
        for line in lines:
            console.print(line, soft_wrap=True)


def describe(row: Row, sent: list[Row] | None = None) -> dict[str, Any]:
    """An alert for programs; `deliveries` by channel."""
    ours = (s for s in sent or () if (s.story, s.owner, s.revision) == (row.story, row.owner, row.revision))
    return {
        "watch": row.owner, "story": row.story, "item": row.article, "revision": row.revision, "created": row.created,
        "reason": row.reason,
        "deliveries": {
            s.channel: {"state": s.state, "attempts": s.attempts, "sent": s.sent, "receipt": s.receipt, "error": s.error}
            for s in ours
        },
    }  # fmt: skip
