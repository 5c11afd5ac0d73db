"""The closing screen of a run: what it brought, why items bear on the statement, one search, what is next.

A list of blocks, each a function of the Closing that gives the lines it has to say, or none. At most 40 lines of 80
columns in all. A label stands in the gutter; long texts are folded between words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from rich.text import Text

from iprwatch.cli.closing_news import digest, fired, page
from iprwatch.cli.screen import ROOM, console, fold, labelled, outcome_line, passage_lines
from iprwatch.ledger.tables import articles, tags

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.report import Report
    from spiders.plan import Outcome

HITS = 1  # of the search shown
NEWEST = 2  # items shown with their reason; one where offices failed, whose causes need the room
TROUBLES = 3  # failed offices named with their cause; the rest are counted
THEMES = 4  # themes with their months; the rest in one line
QUESTION = "who is the inventor of what artificial intelligence made"
GOOD = ("ok", "unchanged")
UNREACHED = "The crawl ended before"  # so begins the cause where the crawl's time was up
MULTILINGUAL = "intfloat/multilingual-e5-small"  # the best small one of those compared: 118M parameters, fp32
MULTILINGUAL_SIZE = "118M parameters, 471 MB"


@dataclass(frozen=True, slots=True)
class Followed:
    """One item that was published and followed until it could be found."""

    source: str
    title: str
    report: Report
    seconds: float  # from publication until it was findable


@dataclass(frozen=True, slots=True)
class Ready:
    """A digest that was made, and where its page lies."""

    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class Closing:
    """What the screen is drawn from."""

    context: Context
    report: Report
    followed: Followed | None = None
    digest: Ready | None = None
    page: str = ""  # address of the page that is served next; empty: it is not

    @property
    def troubles(self) -> list[Outcome]:
        """Offices that were visited and not read as promised."""
        found = self.report.outcomes.values()
        return [o for o in found if o.status not in GOOD and not o.cause.startswith(UNREACHED)]

    @property
    def unreached(self) -> list[Outcome]:
        """Offices that the time did not suffice for."""
        return [o for o in self.report.outcomes.values() if o.cause.startswith(UNREACHED)]


Block = Callable[[Closing], list[Text]]


def print_closing(closing: Closing, log: str) -> None:
    """Draw the screen; the log's place comes last, as it may be longer than a line."""
    for line in render_closing(closing):
        console.print(line, no_wrap=True, overflow="ellipsis")
    console.print(*labelled("log", [Text(log, style="dim")]), soft_wrap=True)


def render_closing(closing: Closing) -> list[Text]:
    """The lines of all blocks; an empty line stands between groups."""
    groups = [[line for block in group for line in block(closing)] for group in GROUPS]
    lines = [[Text(), *group] for group in groups if group]
    return [line for group in lines for line in group][1:]


def visited(closing: Closing) -> list[Text]:
    """How many offices, with what outcome, the seconds of each step; those in trouble with their cause."""
    troubles = closing.troubles
    said, spent = Text(outcome_line(closing.report.outcomes), style="bold"), Text(hops(closing.report), style="dim")
    fits = said.cell_len + 2 + spent.cell_len <= ROOM
    lines = [Text.assemble(said, "; ", spent)] if fits else [*fold(said, ROOM), spent]
    for outcome in troubles[:TROUBLES]:
        lines += fold(Text(f"{outcome.source}: {outcome.cause or outcome.status}", style="red"), ROOM)
    if len(troubles) > TROUBLES:
        names = ", ".join(o.source for o in troubles[TROUBLES:])
        lines += fold(Text(f"{len(troubles) - TROUBLES} more (see: iprwatch status): {names}", style="red"), ROOM, 1)
    if late := closing.unreached:
        names = ", ".join(o.source for o in late)
        lines += fold(Text(f"not reached in time, next run goes on: {names}", style="yellow"), ROOM, 4)
    return labelled("offices", lines)


def items(closing: Closing) -> list[Text]:
    """What came of it."""
    counts = closing.report.counts
    words = {
        "new": counts.new,
        "revised": counts.revised,
        "moved": counts.moved,
        "unchanged": counts.unchanged,
        "not readable": counts.buried,
        "left for the next run": sum(o.dropped for o in closing.report.outcomes.values()),
    }
    came = ", ".join(f"{number} {word}" for word, number in words.items() if number) or "nothing new"
    encoded = f", {counts.encoded} passages encoded" if counts.encoded else ""
    return labelled("items", fold(Text.assemble((came, "bold"), (encoded, "dim")), ROOM))


def published(closing: Closing) -> list[Text]:
    """The item that was followed, with the seconds of each hop."""
    if not (one := closing.followed):
        return []
    way = Text.assemble((f"after {one.seconds:.1f} s", "green"), (f": {hops(one.report)}", "dim"))
    return labelled("published", fold(one.title, ROOM)) + labelled("findable", fold(way, ROOM))


def hops(report: Report) -> str:
    """`collect 1.2 → understand 0.1 → index 0.0 s`."""
    return " → ".join(f"{name} {seconds:.1f}" for name, seconds in report.seconds.items()) + " s"


def themes(closing: Closing) -> list[Text]:
    """Articles per top theme, most first."""
    top = sa.func.substr(tags.c.theme, 1, 3)
    number = sa.func.count(sa.distinct(tags.c.article))
    with closing.context.ledger.read() as connection:
        found = connection.execute(sa.select(top, number).group_by(top).order_by(number.desc(), top)).all()
    if not found:
        return []
    labels = {t.id: t.label for t in closing.context.tagger.themes.themes.values()}
    width = max(len(labels[theme]) for theme, _ in found[:THEMES])
    lines = [
        Text.assemble(f"{count:>3}  {theme}  {labels[theme]:<{width}}  ", (months, "cyan"))
        for (theme, count), months in zip(
            found[:THEMES], over_time(closing, [t for t, _ in found[:THEMES]]), strict=True
        )
    ]
    if rest := found[THEMES:]:
        lines.append(
            Text(
                "     and " + ", ".join(f"{count} {theme}" for theme, count in rest) + "; stories by month", style="dim"
            )
        )
    return labelled("themes", lines)


def over_time(closing: Closing, shown: Sequence[str]) -> list[str]:
    """The stories of each theme by month, as blocks of one scale."""
    from iprwatch.trend_forms import summarise
    from iprwatch.trends import Asked, find_trend

    context = closing.context
    labels = {t.id: t.label for t in context.tagger.themes.themes.values()}
    trend = find_trend(context, context.index, Asked(by="month", unit="stories", themes=tuple(shown)), labels)
    lines = {each.theme: each.sparkline for each in summarise(trend)}
    return [lines[theme] for theme in shown]


def newest(closing: Closing) -> list[Text]:
    """The newest themed items, and why: the item's sentence and the statement's."""
    context = closing.context
    with context.ledger.read() as connection:
        rows = connection.execute(
            sa.select(articles.c.title, articles.c.source, articles.c.published, tags)
            .join_from(articles, tags, sa.and_(tags.c.article == articles.c.id, tags.c.rank == 0))
            .where(articles.c.relation == "head", articles.c.published_origin != "first_seen")  # dated by the office
            .order_by(articles.c.published.desc())
            .limit(1 if closing.troubles or closing.unreached else NEWEST)
        ).all()
    lines = []
    for row in rows:
        label = context.tagger.themes.themes[row.theme].label
        about = Text.assemble((f"{row.theme} {label}", "cyan"), (f"  {row.source}", "dim"))
        lines += labelled(
            f"{row.published:%Y-%m-%d}", [*fold(Text(row.title, style="bold"), ROOM), *fold(about, ROOM, 1)]
        )
        said = "its title says so" if row.item_sentence == row.title else f"“{row.item_sentence}”"
        lines += labelled(" item", fold(said, ROOM))
        lines += labelled(" statement", fold(Text(f"“{row.statement_sentence}”", style="dim"), ROOM))
    return lines


def search(closing: Closing) -> list[Text]:
    """One hybrid search with highlights."""
    from search.schema import Query

    vector = closing.context.encoder.encode([QUESTION], "query")[0]
    answer = closing.context.index.find(Query(text=QUESTION, vector=vector, limit=HITS))
    lines = labelled("search", [Text(QUESTION, style="italic")])
    for hit in answer.hits:
        title = fold(Text(hit.title, style="bold"), ROOM)
        lines += labelled(f"{hit.published:%Y-%m-%d}", [*title, *passage_lines(hit, 1)])
    return lines


def words_only(closing: Closing) -> list[Text]:
    """In live space: that the default model reads English only, and which one reads more, where other languages came."""
    context = closing.context
    if context.settings.current != "live" or context.settings.model != "default":
        return []
    with context.ledger.read() as connection:
        found = connection.execute(sa.select(articles.c.language, sa.func.count()).group_by(articles.c.language)).all()
    number = sum(count for language, count in found if not context.encoder.can_encode(language))
    if not number:
        return []
    hint = f"{number} items in other languages are found by words only. With meaning: IPRWATCH_MODEL={MULTILINGUAL} ({MULTILINGUAL_SIZE}), see docs/settings.md"
    return labelled("languages", fold(Text(hint, style="yellow"), ROOM, 3))


def stores(closing: Closing) -> list[Text]:
    """What ran, and what did not."""
    embedded = closing.context.settings.index == "sqlite"
    ran = "embedded index; not Elasticsearch (IPRWATCH_INDEX)," if embedded else "Elasticsearch; not"
    return labelled("ran", [Text(f"{ran} Kibana, Airflow", style="dim")])


def commands(_closing: Closing) -> list[Text]:
    """What to type next."""
    return labelled("next", [Text('iprwatch search "fake goods" · iprwatch show ID · iprwatch status')])


GROUPS: tuple[tuple[Block, ...], ...] = (
    (visited, items, published, fired),
    (themes,),
    (newest,),
    (search,),
    (digest, page, words_only, stores, commands),
)
"""The blocks in their order; a block that has nothing to say gives no line."""
