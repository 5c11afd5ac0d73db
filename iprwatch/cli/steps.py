"""`iprwatch parse | extract | tag | import`: one step alone, JSON Lines in and out, in constant memory.

Fields are explained in docs/fields.md. A line that cannot be read ends the command with its number (exit code 3).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.options import json_lines_only, json_option, settings_of, space_option, tell

if TYPE_CHECKING:
    from pipelines.model import Entry
    from spiders.source import Source

Row = dict[str, Any]
IMPORT_BATCH = 500  # lines a WARC file: a kill costs seconds, and the landing does not fill with tiny files


def read_rows(lines: Iterable[str], needed: Iterable[str]) -> Iterator[Row]:
    """One object a line. Raises InputError, which names the line."""
    from iprwatch.errors import InputError

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"Line {number} is not JSON: {error}", "One object a line; see docs/fields.md") from None
        if not isinstance(row, dict) or (missing := [n for n in needed if not isinstance(row.get(n), str)]):
            what = f"lacks text in {', '.join(missing)}" if isinstance(row, dict) else "is no object"
            raise InputError(f"Line {number} {what}", "See docs/fields.md")
        yield row


def emit(row: Row) -> None:
    """Write one line."""
    click.echo(json.dumps(row, ensure_ascii=False, default=str))


@click.command("parse")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", "source_id", default=None, help="A declared source: its rules apply.")
@click.option("--kind", type=click.Choice(["feed", "sitemap"]), default=None, help="Without a declaration.")
@click.option("--url", default="https://example.org/", show_default=True, help="Where the file came from.")
@json_lines_only
def parse_command(file: Path, source_id: str | None, kind: str | None, url: str) -> None:
    """Entries of a feed, sitemap, listing or API answer."""
    for entry in parse_file(file.read_bytes(), source_id, kind, url):
        emit(asdict(entry))


def parse_file(body: bytes, source_id: str | None, kind: str | None, url: str) -> tuple[Entry, ...]:
    """The entries of one file. Raises InputError, NotFound."""
    from iprwatch.errors import InputError
    from spiders.entries import ParseError
    from spiders.feed import parse_feed
    from spiders.parse import parse_list
    from spiders.sitemap import parse_sitemap

    if bool(source_id) == bool(kind):
        raise InputError("Say how to read the file", "Either --source ID or --kind feed")
    try:
        if source_id:
            source = find_source(source_id)
            return parse_list(source, body, source.url).entries
        return (parse_feed(body, url) if kind == "feed" else parse_sitemap(body, url)).entries
    except ParseError as error:
        raise InputError(str(error), "Check that the file is the list itself") from None


def find_source(source_id: str) -> Source:
    """A declared source. Raises NotFound."""
    from iprwatch.errors import NotFound
    from spiders.source import load_sources

    found = load_sources().get(source_id)
    if found is None:
        raise NotFound(f"No source is called {source_id}", "See: iprwatch source list")
    return found


@click.command("extract")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", required=True, help="The page's address.")
@click.option("--source", "source_id", default=None, help="A declared source: its selectors apply.")
@json_lines_only
def extract_command(file: Path, url: str, source_id: str | None) -> None:
    """Title, text, author, date and language of one page."""
    from iprwatch.logs import silence
    from pipelines.extract import extract
    from pipelines.model import Page, Reading

    silence()
    body = file.read_bytes()
    media = "application/pdf" if body.startswith(b"%PDF") else "text/html"
    page = Page(source_id or "", url, url, datetime.now(UTC), 200, media, body)
    article = extract(page, find_source(source_id).reading if source_id else Reading())
    known = article.published.origin != "first_seen"
    emit(
        {
            "title": article.title,
            "text": article.text,
            "author": article.author,
            "published": article.published.at.isoformat() if known else None,
            "language": article.language,
        }
    )


@click.command("tag")
@click.option("--jsonl", is_flag=True, required=True, help="Items from standard input.")
@space_option
@json_lines_only
def tag_command(jsonl: bool, demo: bool | None) -> None:  # noqa: ARG001  the flag names the format
    """Themes of each item, with the two sentences that justify them."""
    from iprwatch.cli.progress import counted, progress_display
    from iprwatch.context import Context
    from pipelines.language import detect_language
    from pipelines.passages import split_passages

    with Context(settings_of(demo)) as context, progress_display(stream=True) as progress:
        for row in counted(read_rows(sys.stdin, ("title", "text")), "tag", progress):
            title, text = row["title"], row["text"]
            language = row.get("language") or detect_language(f"{title}\n{text}", (), "")
            passages = split_passages(title, text, language)
            vectors = None
            if passages and context.encoder.can_encode(language):
                vectors = context.encoder.encode([p.encoded(title) for p in passages])
            said = context.tagger.tag(title, text, language, passages, vectors)
            emit({"id": row.get("id"), "verdict": said.verdict, "tags": [asdict(t) for t in said.tags]})


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@space_option
@json_option
def import_command(file: Path, demo: bool | None, as_json: bool) -> None:
    """Bring articles in from JSON Lines: landed, understood, indexed like any other."""
    from iprwatch.cli.progress import counted, progress_display
    from iprwatch.context import Context
    from iprwatch.flow import index_queued, understand, whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.seeds import land_rows

    settings = settings_of(demo)
    with Context(settings) as context, whole_run(context), progress_display() as progress:
        configure_logs(settings.log_folder)
        with file.open(encoding="utf-8") as lines:
            rows = counted(read_rows(lines, ("url", "title", "text", "published")), "land", progress)
            landed = land_rows(context, rows, IMPORT_BATCH)
        counts = understand(context, progress)
        indexed = index_queued(context, progress)
    done = f"{counts.new} new, {counts.revised} revised, {counts.unchanged} unchanged, {counts.buried} not readable"
    tell(
        as_json, {"landed": landed, **asdict(counts), "indexed": indexed}, f"{landed} landed; {done}; {indexed} indexed"
    )
