"""`iprwatch words`: the words that rise, as a table or for programs. Encodes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.options import json_option, print_json, settings_of, space_option

if TYPE_CHECKING:
    from search.elastic_words import Rising


@click.command("words")
@click.option("--theme", "themes", multiple=True, help="Theme id, e.g. T02; more than one may be given. Default: all.")
@click.option("--economy", "economies", multiple=True)
@click.option("--language", default="en", show_default=True, help="Words of two languages cannot be compared.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366), help="The last days.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200))
@space_option
@json_option
def words_command(themes: tuple[str, ...], demo: bool | None, as_json: bool, **given: Any) -> None:
    """Words that the last days' stories hold more often than those before. Needs IPRWATCH_INDEX=elasticsearch."""
    from iprwatch.cli.filters import find_themes, refuse_unknown
    from iprwatch.context import Context
    from iprwatch.words import find_words
    from search.schema import Filters

    refuse_unknown("theme", themes, find_themes(), "See: iprwatch themes")
    with Context(settings_of(demo)) as context:
        filters = Filters(themes, economies=given["economies"], languages=(given["language"],))
        rising = find_words(context, filters, given["days"], given["limit"])
    if as_json:
        print_json(rising)
    else:
        click.echo(render_words(rising), nl=False)


def render_words(rising: Rising) -> str:
    """The table for people."""
    head = (
        f"{rising.since} to {rising.until}: {rising.stories} stories; "
        f"{rising.earlier_since} until then: {rising.earlier}\n"
    )
    if not rising.earlier:
        return f"{head}There are no earlier stories to compare with\n"
    if not rising.words:
        return f"{head}No word rises: too few stories, or the same words as before\n"
    width = max(len(each.word) for each in rising.words)
    rows = (f"{each.word:{width}}  {each.stories:>7}  {each.earlier:>7}\n" for each in rising.words)
    return f"{head}{'':{width}}  stories  earlier\n{''.join(rows)}"
