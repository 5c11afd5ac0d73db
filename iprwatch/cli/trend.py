"""`iprwatch trend`: themes over time as a table, for programs, as a picture or as a page of its own. Encodes nothing."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.options import json_option, plain, settings_of, space_option

if TYPE_CHECKING:
    from iprwatch.trends import Asked, Trend

FORMS = ("table", "csv", "json", "png", "svg", "html")
PICTURES = ("png", "svg", "html")
OUTAGES_MOST = 6  # lines about what was not seen; more would push the table off the screen
UNBOUNDED = 10_000  # columns: no line is longer
WORDS = {
    "more than usual": ("▲ more", "bold green"),
    "as usual": ("as usual", "dim"),
    "less than usual": ("▼ less", "bold red"),
    "too few to say": ("too few", "dim"),
}
"""What the table says of a comparison, so that it fits 80 columns, and in which style."""
DAY = click.DateTime(["%Y-%m-%d"])


@click.command("trend")
@click.option(
    "--theme", "themes", multiple=True, help="Theme id, e.g. T02; more than one may be given. Default: the top themes."
)
@click.option("--by", type=click.Choice(("day", "week", "month")), default="month", show_default=True)
@click.option("--economy", "economies", multiple=True)
@click.option("--source", "sources", multiple=True)
@click.option("--since", type=DAY, help="First day; default: 60 days, 26 weeks or 14 months back.")
@click.option("--until", type=DAY, help="Last day; default: today (UTC).")
@click.option("--stories/--articles", "stories", default=True, help="What is counted; default: stories.")
@click.option("--as", "form", type=click.Choice(FORMS), help="Default: by the file's name, else a table.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; pictures need one.")
@click.option("--link", help="Address that a bar leads to (svg, html), with {theme}, {since} and {until} in it.")
@space_option
@json_option
def trend_command(demo: bool | None, as_json: bool, **given: Any) -> None:  # fmt: skip
    """Stories per theme over time, the usual beside them, and when not all sources were seen."""
    form, out = choose_form(given["form"], given["out"], as_json), given["out"]
    check_link(given["link"])
    trend = ask_trend(settings_of(demo), read_asked(given))
    if form == "table" and out is None:
        from iprwatch.cli.screen import is_bounded

        click.echo(render_table(trend, get_terminal_size().columns if is_bounded() else None), nl=False)
        return
    content = render_trend(trend, form, given["link"])
    if out is None:
        sys.stdout.buffer.write(content)
        return
    write_file(out, content)
    click.echo(f"Written: {out}", err=True)


def choose_form(form: str | None, out: Path | None, as_json: bool) -> str:
    """The form asked for, else the one the file's name ends in, else a table. Raises InputError for a picture on a terminal."""
    from iprwatch.errors import InputError

    ending = out.suffix.lstrip(".").lower() if out else ""
    chosen = "json" if as_json else form or (ending if ending in FORMS else "table")
    if as_json and form not in (None, "json"):
        raise InputError(f"--json and --as {form} ask for two forms", "Give one of them")
    if chosen in PICTURES and out is None and sys.stdout.isatty():
        raise InputError(f"A terminal cannot show {chosen}", f"Give a file: --out themes.{chosen}")
    return chosen


def check_link(link: str | None) -> None:
    """Raises InputError for an address with other fields than a bar has."""
    from iprwatch.errors import InputError

    try:
        (link or "").format(theme="T01", since="2026-01-01", until="2026-01-31")
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise InputError(
            f"--link has a field that a bar has not: {error}", "There are {theme}, {since} and {until}"
        ) from None


def read_asked(given: dict[str, Any]) -> Asked:
    """The question of the options."""
    from iprwatch.trends import Asked

    def day(value: datetime | None) -> Any:
        return value.date() if value else None

    return Asked(
        by=given["by"],
        unit="stories" if given["stories"] else "articles",
        themes=tuple(dict.fromkeys(given["themes"])),
        economies=given["economies"],
        sources=given["sources"],
        since=day(given["since"]),
        until=day(given["until"]),
    )


def ask_trend(settings: Any, asked: Asked) -> Trend:
    """Open index and ledger, and ask. Raises IndexMissing, NotFound, InputError, StoreError."""
    from iprwatch.cli.filters import check_filters, find_themes
    from iprwatch.context import Context
    from iprwatch.engines import open_index
    from iprwatch.trends import find_trend
    from search.schema import Filters

    index = open_index(settings, read_only=True)
    try:
        check_filters(Filters(asked.themes, asked.sources, asked.economies), index)
        with Context(settings) as context:
            return find_trend(context, index, asked, find_themes())
    finally:
        index.close()


def render_trend(trend: Trend, form: str, link: str | None) -> bytes:
    """The trend in one of FORMS."""
    if form == "csv":
        from iprwatch.trend_forms import render_csv

        return render_csv(trend).encode()
    if form == "json":
        import json

        from iprwatch.trend_forms import describe_trend

        return (json.dumps(describe_trend(trend), ensure_ascii=False, indent=1, default=plain) + "\n").encode()
    if form == "html":
        from iprwatch.chart_page import render_page

        return render_page(trend, link).encode()
    if form in PICTURES:
        from iprwatch.charts import render_png, render_svg, theme_chart

        chart = theme_chart(trend, link)
        return render_png(chart) if form == "png" else render_svg(chart).encode()
    return render_table(trend, None).encode()


def write_file(out: Path, content: bytes) -> None:
    """Raises InputError where the file cannot be written."""
    from iprwatch.errors import InputError

    try:
        out.write_bytes(content)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}", "Give another --out") from None


def render_table(trend: Trend, width: int | None) -> str:
    """The table for people; without a width as wide as its text."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from iprwatch.trend_forms import headline, summarise, tell_outages

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
    table.add_column("Theme", overflow="fold")
    table.add_column("Over time", no_wrap=True)
    for name in ("Sum", "Last", "Usual"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for each in summarise(trend):
        word, style = WORDS[each.word]
        row = (f"{each.theme} {each.label}", each.sparkline, str(each.total), each.last, each.usual)
        table.add_row(*row, f"[{style}]{word}[/]" if style else word)
    told = tell_outages(trend.outages)
    console = Console(width=width or UNBOUNDED, highlight=False, force_terminal=width is not None)
    with console.capture() as drawn:
        console.print(f"[bold]{headline(trend)}[/]")
        console.print(table)
        console.print(f"[dim]{legend(trend)}[/]")
        for line in told[:OUTAGES_MOST]:
            console.print(f"[yellow]Partly seen[/] {escape(line)}")
        if len(told) > OUTAGES_MOST:
            console.print(f"[dim]and {len(told) - OUTAGES_MOST} earlier: --as csv[/]")
    return "".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines())


def legend(trend: Trend) -> str:
    """What the columns are."""
    from iprwatch.outages import spell_days

    if trend.compared_days is None:
        return f"No {trend.asked.by} is whole yet, so nothing can be compared."
    return f"Last: stories of {spell_days(*trend.compared_days)}. Usual: least and most of the {trend.asked.by}s it is compared with."
