"""`iprwatch kibana install | check | open`: our objects in Kibana, and links into it."""

from __future__ import annotations

import click

from iprwatch.cli.options import has_desktop, json_option, settings_of, space_option, tell

DAYS = 90  # as search.kibana.pills.DAYS, which is not imported for --help


@click.group("kibana")
def kibana_command() -> None:
    """Search in meaning inside Kibana: data views, a search per theme, dashboards, links. Needs IPRWATCH_INDEX=elasticsearch."""


@kibana_command.command("install")
@space_option
@json_option
def install_objects(demo: bool | None, as_json: bool) -> None:
    """Store the vectors of themes and watches, put our objects in place; again and again with the same result."""
    from iprwatch.context import Context
    from iprwatch.kibana import install

    settings = settings_of(demo)
    with Context(settings) as context:
        done = install(context)
    said = f"{done.vectors} vectors and {done.objects} objects are in place at {settings.kibana_url}"
    tell(as_json, done, "\n  ".join([said, *done.notes]))


@kibana_command.command("check")
@space_option
@json_option
def check_objects(demo: bool | None, as_json: bool) -> int:
    """What is missing in Kibana or not of this version; exit code 8 where anything is."""
    from iprwatch.context import Context
    from iprwatch.errors import EXIT_UNHEALTHY
    from iprwatch.kibana import check

    with Context(settings_of(demo)) as context:
        said = check(context)
    heading = f"{len(said)} differ; remedy: iprwatch kibana install" if said else "Every object and vector is in place"
    tell(as_json, {"differences": said}, "\n  ".join([heading, *said]))
    return EXIT_UNHEALTHY if said else 0


@kibana_command.command("open")
@click.argument("question", nargs=-1)
@click.option("--item", default="", metavar="ID", help="More like this article, instead of a question.")
@click.option(
    "--days", default=DAYS, show_default=True, type=click.IntRange(1, 3660), help="Published in the last days."
)
@click.option("--print", "only_print", is_flag=True, help="Print the address, open no browser.")
@space_option
@json_option
def open_question(question: tuple[str, ...], item: str, days: int, only_print: bool, **given: bool | None) -> None:
    """Ask in meaning inside Kibana: iprwatch kibana open "genetic resources disclosure"."""
    from iprwatch.context import Context
    from iprwatch.kibana import elastic, link_item, link_question

    if bool(question) == bool(item):
        raise click.UsageError("Give either a question or --item ID")
    as_json = bool(given["as_json"])
    with Context(settings_of(given["demo"])) as context:
        if item:
            link = link_item(elastic(context), context.settings, item, days)
        else:
            link = link_question(context, " ".join(question), days)
    tell(as_json, {"url": link}, link)
    if not (only_print or as_json) and has_desktop():
        click.launch(link)
