"""`iprwatch show | source | status | themes`: what the record holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.completion import complete_source
from iprwatch.cli.options import json_option, print_json, settings_of, space_option, tell

if TYPE_CHECKING:
    import sqlalchemy as sa
    from rich.text import Text

    from iprwatch.health import Facts, Health
    from iprwatch.ledger.runs import Run
    from iprwatch.settings import Settings

    Row = sa.Row[Any]

SHOWN = (
    "id", "url", "source", "title", "text", "author", "language", "published", "published_origin", "first_seen",
    "revision", "story", "relation", "verdict",
)  # fmt: skip
REASON = ("theme", "probability", "item_sentence", "statement_sentence", "matched")
COLOURS = {"broken": "red", "blocked": "red", "failing": "red", "quiet": "yellow", "new": "cyan"}


@click.command("show")
@click.argument("id")
@space_option
@json_option
def show_command(id: str, demo: bool | None, as_json: bool) -> None:
    """One article by the beginning of its id, with its themes and reasons."""
    import sqlalchemy as sa

    from iprwatch.context import Context
    from iprwatch.errors import NotFound
    from iprwatch.ledger.tables import articles, tags

    with Context(settings_of(demo)) as context, context.ledger.read() as connection:
        row = connection.execute(
            sa.select(articles).where(articles.c.id.startswith(id, autoescape=True)).limit(1)
        ).one_or_none()
        if row is None:
            raise NotFound(f"No article's id begins with {id}", "Ids stand in the answers of: iprwatch search")
        reasons = connection.execute(sa.select(tags).where(tags.c.article == row.id).order_by(tags.c.rank)).all()
    if as_json:
        article = {name: getattr(row, name) for name in SHOWN}
        print_json(article | {"tags": [{name: getattr(tag, name) for name in REASON} for tag in reasons]})
    else:
        print_article(row, reasons)


def print_article(row: Row, reasons: Sequence[Row]) -> None:
    """An article as people read it: where it is from, its text, why it was tagged."""
    from rich.text import Text

    from iprwatch.cli.screen import console, find_room, fold, labelled

    room = find_room()

    def say(label: str, text: str, style: str = "", room: int = room) -> None:
        for line in labelled(label, fold(Text(text, style=style), room, len(text))):
            console.print(line, soft_wrap=True)

    say("title", row.title, "bold")
    say("published", f"{row.published:%Y-%m-%d} ({row.published_origin}), revision {row.revision}")
    say("source", f"{row.source}, {row.language}, {row.verdict}")
    for label, word in (("url", row.url), ("id", row.id), ("story", f"{row.story} ({row.relation})")):
        say(label, word, room=len(word))  # whole, to be copied
    console.print(Text(f"\n{row.text}\n"), soft_wrap=not console.is_terminal)
    for tag in reasons:
        say(tag.theme, f"{tag.probability:.2f}  {', '.join(tag.matched)}", "cyan")
        say(" item", f"“{tag.item_sentence}”")
        say(" statement", f"“{tag.statement_sentence}”", "dim")


@click.group("source")
def source_command() -> None:
    """The declared sources."""


@source_command.command("list")
@space_option
@json_option
def source_list(demo: bool | None, as_json: bool) -> None:
    """Every declared source, with its health where there is a record."""
    from spiders.source import load_sources

    known = find_known_health(settings_of(demo))
    rows = [
        {
            "id": s.id,
            "tier": s.tier,
            "economy": s.economy,
            "kind": s.kind,
            "enabled": s.enabled,
            "title": s.title,
            "url": s.url,
            "health": known[s.id].state if s.id in known else None,
        }
        for s in load_sources().values()
    ]
    if as_json:
        print_json(rows)
        return
    from iprwatch.cli.screen import print_table

    columns = ("id", "tier", "economy", "kind")
    told: list[list[str | Text]] = [
        [*(str(row[c]) for c in columns), health_word(row["health"], bool(row["enabled"])), str(row["title"])]
        for row in rows
    ]
    print_table((*columns, "health", "title"), told)


def health_word(state: object, enabled: bool = True) -> Text:
    """A health in its colour; of a source that is not visited, that it is disabled."""
    from rich.text import Text

    word = str(state or "") if enabled or state else "disabled"
    return Text(word, style=COLOURS.get(word, "dim" if word == "disabled" else ""))


def find_known_health(settings: Settings) -> dict[str, Health]:
    """The health of each source by id; empty where nothing was ever fetched."""
    if not settings.database and not (settings.folder / "ledger.sqlite").exists():
        return {}
    from iprwatch.context import Context
    from iprwatch.health import judge_all
    from iprwatch.ledger.health import find_facts

    with Context(settings) as context, context.ledger.read() as connection:
        return judge_all(find_facts(connection), context.sources.values(), context.clock.now())


@source_command.command("check")
@click.argument("id", shell_complete=complete_source)
@click.option("--fixtures", default="tests/fixtures/sources", show_default=True, type=click.Path(path_type=Path))
@json_option
def source_check(id: str, fixtures: Path, as_json: bool) -> int:
    """Read a source's fixture through its declaration and compare with its expectation; writes a missing one."""
    from datetime import UTC, datetime

    from iprwatch.cli.steps import find_source
    from iprwatch.errors import EXIT_UNHEALTHY, NotFound
    from iprwatch.source_check import check_fixture, write_expectation

    source, folder = find_source(id), fixtures / id
    if not folder.is_dir():
        raise NotFound(
            f"There is no fixture in {folder}", "Save the source's list there as list.xml, list.html or list.json"
        )
    if not (folder / "expected.json").exists():
        written = write_expectation(source, folder, datetime.now(UTC))
        tell(as_json, {"id": id, "written": written}, f"Written: {written}. Read it, then check again")
        return EXIT_UNHEALTHY
    found = check_fixture(source, folder)
    tell(as_json, {"id": id, "differs": found}, "\n".join(found) or f"{id} reads as expected")
    return EXIT_UNHEALTHY if found else 0


@click.command("themes")
@json_option
def themes_command(as_json: bool) -> None:
    """The themes that items are tagged against."""
    from pipelines.tag import load_themes

    themes = load_themes().themes.values()
    if as_json:
        print_json([{"id": t.id, "label": t.label, "parent": t.parent, "gist": t.gist} for t in themes])
        return
    from iprwatch.cli.screen import print_table

    print_table(("theme", "label"), [(f"{'  ' if t.parent else ''}{t.id}", t.label) for t in themes])


@click.command("status")
@space_option
@json_option
def status_command(demo: bool | None, as_json: bool) -> int:
    """Health of every source, the last run, and what is owed; exit code 8 when something is red."""
    from iprwatch.context import Context
    from iprwatch.errors import EXIT_UNHEALTHY
    from iprwatch.flow import pending_landings
    from iprwatch.health import Facts, judge_all
    from iprwatch.ledger.documents import count_queued
    from iprwatch.ledger.health import find_facts
    from iprwatch.ledger.runs import find_last_run

    with Context(settings_of(demo)) as context:
        with context.ledger.read() as connection:
            queued, run = count_queued(connection), find_last_run(connection)
            facts = find_facts(connection)
        health = judge_all(facts, context.sources.values(), context.clock.now())
        waiting = len(pending_landings(context))
    red = [h for h in health.values() if h.is_red]
    if as_json:
        sources = [describe_health(id, h, facts.get(id, Facts())) for id, h in health.items()]
        print_json({"queued": queued, "waiting": waiting, "run": run, "sources": sources})
    else:
        print_health(health, facts)
        click.echo(f"\n{last_run_line(run)}")
        click.echo(
            f"{len(health)} sources, {len(red)} red; {queued} articles owed to the index, {waiting} landed files to read"
        )
    return EXIT_UNHEALTHY if red or queued or waiting else 0


def describe_health(id: str, health: Health, facts: Facts) -> dict[str, object]:
    """A source's health and last visit, for programs. Gaps in days; what is not known is null."""
    return {
        "id": id, "health": health.state, "cause": health.cause, "silent_days": health.silent, "usual_days": health.usual,
        "last": facts.status, "at": facts.at, "failures": facts.failures, "dead_links": facts.dead,
    }  # fmt: skip


def print_health(health: Mapping[str, Health], facts: Mapping[str, Facts]) -> None:
    """One line a source, those to look at first."""
    from iprwatch.cli.screen import print_table
    from iprwatch.health import Facts

    order = {state: place for place, state in enumerate(COLOURS)}
    rows = []
    for id, h in sorted(health.items(), key=lambda item: order.get(item[1].state, len(order))):
        known = facts.get(id, Facts())
        visited = f"{known.at:%Y-%m-%d %H:%M}" if known.at else ""
        dead = f"Dead links: {known.dead}." if known.dead else ""
        rows.append((id, health_word(h.state), visited, f"{h.cause} {dead}".strip()))
    print_table(("source", "health", "last visit", "cause"), rows)


def last_run_line(run: Run | None) -> str:
    """When the last run was, and what it did."""
    if run is None:
        return "No run yet: iprwatch run"
    began = f"Last run {run.started:%Y-%m-%d %H:%M} UTC"
    if run.ended is None:
        return f"{began}: not finished; it was killed, failed, or is still at work"
    counts, spent = run.counts, (run.ended - run.started).total_seconds()
    outcomes = ", ".join(f"{n} {status}" for status, n in counts["outcomes"].items())
    return f"{began}, {spent:.1f} s: {outcomes or 'no source'}; {counts['new']} new, {counts['revised']} revised, {counts['moved']} moved"
