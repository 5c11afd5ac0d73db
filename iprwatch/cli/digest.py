"""`iprwatch digest`: what is new for a subscription, once: subscribe, list, make, show, open, send."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import json_option, print_json, settings_of, space_option, tell

if TYPE_CHECKING:
    from iprwatch.alerts.digest import Digest
    from iprwatch.alerts.subscriptions import Subscription
    from iprwatch.context import Context

LISTED = 10  # digests shown by `digest list`


@click.group("digest")
def digest_command() -> None:
    """What is new for a subscription, told once."""


@digest_command.command("list")
@space_option
@json_option
def digest_list(demo: bool | None, as_json: bool) -> None:
    """Subscriptions, and the newest digests."""
    from rich.text import Text

    from iprwatch.alerts.digest import load_digest
    from iprwatch.alerts.make import find_subscriptions
    from iprwatch.alerts.phrases import subject
    from iprwatch.cli.screen import print_table
    from iprwatch.context import Context
    from iprwatch.ledger.digests import find_digests

    with Context(settings_of(demo)) as context:
        found = find_subscriptions(context)
        with context.ledger.read() as connection:
            pasts = find_digests(connection, most=LISTED)
    if as_json:
        subscribed = [{"id": s.id, **s.model_dump(mode="json")} for s in found.by_id.values()]
        told = [{"id": past.id, "subject": subject(load_digest(past.body))} for past in pasts]
        print_json({"subscriptions": subscribed, "faults": list(found.faults.values()), "digests": told})
        return
    if found.by_id:
        print_table(
            ("subscription", "when", "to", "title"), [(*describe(s), Text(s.title)) for s in found.by_id.values()]
        )
    elif not found.faults:
        click.echo('No subscription yet: iprwatch digest subscribe --title "IP policy today"')
    for fault in found.faults.values():
        click.secho(fault, fg="red")
    if pasts:
        print_table(("digest", "subject"), [(p.id, Text(subject(load_digest(p.body)))) for p in pasts])


def describe(subscription: Subscription) -> tuple[str, str, str]:
    """Id, when and where to."""
    when = f"{subscription.days} at {subscription.at:%H:%M} {subscription.timezone}"
    to = ", ".join(("inbox", *subscription.channels))
    return subscription.id, when if subscription.enabled else "not enabled", to


@digest_command.command("make")
@click.argument("subscription", default="")
@click.option(
    "--cut",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]),
    help="A past time in the reader's zone; default: now.",
)
@space_option
@json_option
def digest_make(subscription: str, cut: datetime | None, demo: bool | None, as_json: bool) -> None:
    """Make the digest of a subscription (default: of every enabled one) and put it in the outbox."""
    from iprwatch.alerts.desk import Desk
    from iprwatch.alerts.make import choose_subscriptions, make_digest
    from iprwatch.alerts.phrases import headline
    from iprwatch.alerts.publish import find_page, publish_digests
    from iprwatch.context import Context

    with Context(settings_of(demo)) as context:
        now, desk = context.clock.now(), Desk(context)
        cuts = {s: cut.replace(tzinfo=s.zone) if cut else now for s in choose_subscriptions(context, subscription)}
        made = [make_digest(context, s, at, desk) for s, at in cuts.items()]
        publish_digests(context, made)
        rows = [(digest.id, headline(digest), find_page(context, digest.id).as_uri()) for digest in made]
    if as_json:
        print_json([{"id": id, "headline": head, "page": page} for id, head, page in rows])
        return
    for id, head, page in rows:
        click.echo(f"{id}  {head}\n  {page}")
    if not made:
        click.echo('No subscription is enabled: iprwatch digest subscribe --title "IP policy today"')


@digest_command.command("show")
@click.argument("id", default="")
@click.option("--all", "every", is_flag=True, help="Every story, also those that are otherwise counted.")
@json_option
@space_option
def digest_show(id: str, every: bool, as_json: bool, demo: bool | None) -> None:
    """One digest as text; default: the newest."""
    from iprwatch.alerts.digest import dump_digest
    from iprwatch.alerts.render import render_text
    from iprwatch.context import Context

    with Context(settings_of(demo)) as context:
        digest = find_newest(context, id)
    if as_json:
        print_json(dump_digest(digest))
    else:
        click.echo(render_text(digest, every))


@digest_command.command("open")
@click.argument("id", default="")
@space_option
@json_option
def digest_open(id: str, demo: bool | None, as_json: bool) -> None:
    """Open a digest's page in the browser (not with OPEN=0); default: the newest."""
    from iprwatch.alerts.publish import find_page, publish_digests
    from iprwatch.context import Context

    with Context(settings_of(demo)) as context:
        digest = find_newest(context, id)
        publish_digests(context, [digest])
        address = find_page(context, digest.id).as_uri()
    tell(as_json, {"page": address}, address)
    if os.environ.get("OPEN") != "0":
        click.launch(address)


@digest_command.command("send")
@space_option
@json_option
def digest_send(demo: bool | None, as_json: bool) -> None:
    """Make every digest that is due, then send what waits in the outbox."""
    from iprwatch.alerts.deliver import deliver_due
    from iprwatch.alerts.make import make_due_digests
    from iprwatch.context import Context

    with Context(settings_of(demo)) as context:
        made = make_due_digests(context)
        counts = deliver_due(context)
    told = ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "nothing to send"
    tell(as_json, {"made": made, "sent": dict(counts)}, f"{len(made)} made; {told}")


@digest_command.command("subscribe")
@click.option("--title", required=True, help="Heads the digest.")
@click.option("--id", help="Name of the file; default: from the title.")
@click.option("--theme", "themes", multiple=True, help="Only this theme and those below it; repeat for more.")
@click.option("--economy", "economies", multiple=True, help="Only this economy.")
@click.option("--language", "languages", multiple=True, help="Only items in this language.")
@click.option("--source", "sources", multiple=True, help="Only this source.")
@click.option("--channel", "channels", multiple=True, help="Name in channels.yaml; the inbox always has it.")
@click.option("--at", default="08:00", show_default=True, help="Time of the reader's day.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA name, such as Europe/London.")
@click.option("--days", default="daily", show_default=True, type=click.Choice(["daily", "weekdays", "weekly"]))
@space_option
@json_option
def digest_subscribe(demo: bool | None, as_json: bool, id: str | None, **given: object) -> None:
    """Write a subscription's file, from today on."""
    from pydantic import ValidationError

    from iprwatch.alerts.channels import load_channels
    from iprwatch.alerts.make import find_subscriptions, load_names
    from iprwatch.alerts.subscriptions import Subscription, build_subscription_id, check_names, write_subscription
    from iprwatch.context import Context
    from iprwatch.errors import InputError

    with Context(settings_of(demo)) as context:
        find_subscriptions(context)  # the demo's own comes first, while the folder is not there yet
        config = context.settings.config_folder
        name = id or build_subscription_id(str(given["title"]))
        try:
            wanted = Subscription.model_validate({**given, "id": name})
        except ValidationError as error:
            fault = error.errors()[0]
            raise InputError(f"--{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}") from None
        today = context.clock.now().astimezone(wanted.zone).date()
        wanted = wanted.model_copy(update={"created": today})
        check_names(wanted, load_names(), context.sources, load_channels(config))
        path = write_subscription(config, wanted)
    tell(as_json, {"id": wanted.id, "path": path}, f"Written: {path}")


def find_newest(context: Context, id: str) -> Digest:
    """The digest of this id, or the newest. Raises NotFound."""
    from iprwatch.alerts.digest import load_digest
    from iprwatch.errors import NotFound
    from iprwatch.ledger.digests import find_digest, find_digests

    with context.ledger.read() as connection:
        past = find_digest(connection, id) if id else next(iter(find_digests(connection, most=1)), None)
    if past is None:
        raise NotFound(
            f"No digest is called {id}" if id else "No digest was made yet",
            "See: iprwatch digest list; iprwatch digest make",
        )
    return load_digest(past.body)
