"""The closing screen of a run: at most 40 lines of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from rich.text import Text

from iprwatch.cli.screen import WIDTH, console, outcome_line, print_hit, print_troubles, shorten
from iprwatch.ledger.tables import articles, tags

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.flow import Report

NEWEST = 3  # items shown with their reason
QUESTION = "who is the inventor of what artificial intelligence made"


def print_hops(source: str, title: str, hop: Report, total: float) -> None:
    """The way of one published item, with seconds per hop."""
    steps = " → ".join(f"{name} {hop.seconds[name]:.1f} s" for name in ("collect", "understand", "index"))
    console.print(Text(shorten(f"Published at {source}: {title}", WIDTH)), no_wrap=True)
    console.print(f"  {steps}; findable after [bold]{total:.1f} s[/]")


def print_closing(context: Context, report: Report) -> None:
    """Sources and outcomes, themes, newest items with reasons, one search, what ran, what next."""
    counts = report.counts
    console.rule(outcome_line(report.outcomes), style="dim")
    print_troubles(report.outcomes.values())
    console.print(
        f"{counts.new} new, {counts.revised} revised, {counts.unchanged} unchanged, {counts.buried} not readable; "
        f"{counts.encoded} passages encoded"
    )
    print_themes(context)
    print_newest(context)
    print_search(context)
    ran = " ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    console.print(f"[dim]Ran: {ran}; embedded index[/]")
    console.print("[dim]Not run: Elasticsearch, Kibana, Airflow (not built yet)[/]")
    console.print('Next: iprwatch search "counterfeits online" · iprwatch show ID · iprwatch status')


def print_themes(context: Context) -> None:
    """Articles per top theme, in two columns."""
    top = sa.func.substr(tags.c.theme, 1, 3)
    with context.ledger.read() as connection:
        rows = connection.execute(
            sa.select(top, sa.func.count(sa.distinct(tags.c.article))).group_by(top).order_by(top)
        )
        found = [(theme, count) for theme, count in rows]
    labels = {t.id: t.label for t in context.tagger.themes.themes.values() if not t.parent}
    cells = [f"{count:>4} {theme} {shorten(labels.get(theme, ''), 29)}" for theme, count in found]
    half = (len(cells) + 1) // 2
    for left, right in zip(cells[:half], [*cells[half:], ""], strict=False):
        console.print(f"{left:<40}{right}".rstrip(), no_wrap=True)


def print_newest(context: Context) -> None:
    """The newest themed items, and why: the statement's sentence beside the item's."""
    with context.ledger.read() as connection:
        rows = connection.execute(
            sa.select(articles.c.title, articles.c.source, articles.c.published, tags)
            .join_from(articles, tags, sa.and_(tags.c.article == articles.c.id, tags.c.rank == 0))
            .where(articles.c.relation == "head")
            .order_by(articles.c.published.desc())
            .limit(NEWEST)
        ).all()
    for row in rows:
        console.print(Text(shorten(f"{row.published:%Y-%m-%d} {row.title}", WIDTH), style="bold"), no_wrap=True)
        console.print(Text(shorten(f"  {row.theme} why: “{row.item_sentence}”", WIDTH)), no_wrap=True)
        console.print(Text(shorten(f"  statement: “{row.statement_sentence}”", WIDTH), style="dim"), no_wrap=True)


def print_search(context: Context) -> None:
    """One hybrid search with highlights."""
    from search.schema import Query

    vector = context.encoder.encode([QUESTION], "query")[0]
    answer = context.index.find(Query(text=QUESTION, vector=vector, limit=2))
    console.print(f"[dim]Search:[/] {QUESTION}")
    for hit in answer.hits:
        print_hit(hit)
