"""`iprwatch show | source | status | themes`: what the record holds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from iprwatch.cli.options import json_option, settings_of, space_option

RED = ("failed", "blocked", "empty")


@click.command("show")
@click.argument("id")
@space_option
def show_command(id: str, demo: bool | None) -> None:
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
        click.secho(row.title, bold=True)
        print(
            f"{row.published:%Y-%m-%d} ({row.published_origin})  {row.source}  {row.language}  revision {row.revision}"
        )
        print(f"{row.url}\nid {row.id}  story {row.story}  {row.relation}  {row.verdict}\n\n{row.text}\n")
        for tag in connection.execute(sa.select(tags).where(tags.c.article == row.id).order_by(tags.c.rank)):
            print(f"{tag.theme}  {tag.probability:.2f}  {', '.join(tag.matched)}")
            print(f"  statement: “{tag.statement_sentence}”\n  item:      “{tag.item_sentence}”")


@click.group("source")
def source_command() -> None:
    """The declared sources."""


@source_command.command("list")
@json_option
def source_list(as_json: bool) -> None:
    """Every declared source."""
    from spiders.source import load_sources

    rows = [
        {
            "id": s.id,
            "tier": s.tier,
            "economy": s.economy,
            "kind": s.kind,
            "enabled": s.enabled,
            "title": s.title,
            "url": s.url,
        }
        for s in load_sources().values()
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        state = "" if row["enabled"] else "  (disabled)"
        click.echo(f"{row['id']:<24} {row['tier']:<6} {row['economy']:<4} {row['kind']:<8} {row['title']}{state}")


@source_command.command("check")
@click.argument("id")
@click.option("--fixtures", default="tests/fixtures/sources", show_default=True, type=click.Path(path_type=Path))
def source_check(id: str, fixtures: Path) -> int:
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
        click.echo(f"Written: {write_expectation(source, folder, datetime.now(UTC))}. Read it, then check again")
        return EXIT_UNHEALTHY
    found = check_fixture(source, folder)
    click.echo("\n".join(found) or f"{id} reads as expected")
    return EXIT_UNHEALTHY if found else 0


@click.command("themes")
@json_option
def themes_command(as_json: bool) -> None:
    """The themes that items are tagged against."""
    from pipelines.tag import load_themes

    themes = load_themes().themes.values()
    if as_json:
        click.echo(json.dumps([{"id": t.id, "label": t.label, "parent": t.parent} for t in themes], indent=1))
        return
    for theme in themes:
        click.echo(f"{'  ' if theme.parent else ''}{theme.id:<6} {theme.label}")


@click.command("status")
@space_option
@json_option
def status_command(demo: bool | None, as_json: bool) -> int:
    """Health of every source, and what is owed; exit code 8 when something is red."""
    from iprwatch.context import Context
    from iprwatch.errors import EXIT_UNHEALTHY
    from iprwatch.flow import pending_landings
    from iprwatch.ledger.documents import count_queued
    from iprwatch.ledger.sources import find_states

    with Context(settings_of(demo)) as context:
        with context.ledger.read() as connection:
            states, queued = find_states(connection), count_queued(connection)
        waiting = len(pending_landings(context))
    red = [s for s in states.values() if s.last in RED or s.failures]
    if as_json:
        sources = [{"id": s.id, "last": s.last, "cause": s.cause, "failures": s.failures} for s in states.values()]
        click.echo(json.dumps({"queued": queued, "waiting": waiting, "sources": sources}, ensure_ascii=False, indent=1))
    else:
        click.echo(
            f"{len(states)} sources, {len(red)} red; {queued} articles owed to the index, {waiting} landed files to read"
        )
        for state in red:
            click.echo(f"  {state.id}: {state.last}, {state.failures} in a row. {state.cause}")
    return EXIT_UNHEALTHY if red or queued or waiting else 0
