"""`iprwatch add FILE|URL`: one document by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import json_option, settings_of, space_option, tell

if TYPE_CHECKING:
    from iprwatch.addition import Added
    from iprwatch.context import Context
    from iprwatch.flow import Visit

SAID = {
    "new": "Added",
    "revised": "Added as a revision",
    "unchanged": "Known already, and unchanged",
    "known": "Known already, not fetched again",
    "landed": "Landed; the run at work, or the next, reads it",
}
VERDICTS = {"not_ip": "not about intellectual property", "outside": "intellectual property, outside the themes"}


@click.command("add")
@click.argument("document", metavar="FILE|URL")
@click.option("--title", default="", help="Default: a page's own, what a PDF says, or the file's name.")
@click.option("--published", default="", help="A file's date, as people write it; a page says its own.")
@space_option
@json_option
def add_command(document: str, title: str, published: str, demo: bool | None, as_json: bool) -> None:
    """Add one document by hand: text, PDF or the address of a page. It is landed, tagged and indexed like any other."""
    from iprwatch.addition import add_file, add_url, find_added
    from iprwatch.cli.progress import progress_display
    from iprwatch.context import Context
    from iprwatch.logs import configure_logs
    from iprwatch.seeds import Given

    settings = settings_of(demo)
    file = None if "://" in document else find_file(document)
    with Context(settings.prepared()) as context, progress_display() as progress:
        configure_logs(settings.log_folder)
        if file:
            added = add_file(context, Given(file, title, published), progress)
        else:
            added = find_added(context, document) or add_url(
                context, document, settle_visit(context, document), title, progress
            )
    tell(as_json, added, render_added(added))


def find_file(document: str) -> Path:
    """The file that is meant. Raises InputError."""
    from iprwatch.errors import InputError

    path = Path(document)
    if not path.is_file():
        raise InputError(f"{document} is neither a file nor an address", "An address begins with https:// or http://")
    return path


def settle_visit(context: Context, url: str) -> Visit:
    """How to fetch an address: in demo space from a running newsroom if it is one of its offices, else politely from the network."""
    from iprwatch.cli.newsroom import find_hosts
    from iprwatch.contact import settle_contact
    from iprwatch.flow import Visit
    from spiders.net import map_url

    hosts = find_hosts(context.settings.folder / "newsroom") if context.settings.current == "demo" else {}
    if map_url(url, hosts):
        return Visit(host_map=hosts, delay_scale=0.0)
    settle_contact(context)
    return Visit(host_map=hosts)


def render_added(added: Added) -> str:
    """What was done, with the article's title, address, id and themes."""
    from pipelines.tag import load_themes

    if added.done == "landed":
        return f"{SAID[added.done]}: {added.url}"
    labels = {theme.id: theme.label for theme in load_themes().themes.values()}
    found = [f"{theme:<6} {labels[theme]}" for theme in added.themes]
    address = [added.url] if added.url != added.id else []
    lines = [*address, f"id {added.id}", *(found or ["no theme: " + VERDICTS[added.verdict]])]
    return "\n  ".join([f"{SAID[added.done]}: {added.title}", *lines])
