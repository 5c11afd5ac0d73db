"""`iprwatch search`: a question in words and meaning, or JSON Lines of questions. Never opens the ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from iprwatch.cli.completion import complete_source, complete_theme
from iprwatch.cli.options import json_option, print_json, settings_of, space_option

if TYPE_CHECKING:
    from iprwatch.settings import Settings
    from pipelines.embed import Encoder
    from search.index import Index
    from search.schema import Answer, Filters, Mode

MODES: tuple[Mode, ...] = ("hybrid", "keyword", "semantic")


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--mode", type=click.Choice(MODES), default="hybrid", show_default=True)
@click.option(
    "--theme",
    "themes",
    multiple=True,
    shell_complete=complete_theme,
    help="Theme id, e.g. T02.3; a top theme includes those below it.",
)
@click.option("--source", "sources", multiple=True, shell_complete=complete_source)
@click.option("--economy", "economies", multiple=True)
@click.option("--language", "languages", multiple=True)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--limit", default=10, show_default=True)
@click.option(
    "--jsonl", is_flag=True, help="Questions from standard input, one JSON object a line; see docs/fields.md."
)
@space_option
@json_option
def search_command(words: tuple[str, ...], jsonl: bool, demo: bool | None, as_json: bool, **given: Any) -> None:
    """Search in words and meaning: iprwatch search "genetic resources disclosure"."""
    from iprwatch.cli.filters import check_filters
    from iprwatch.cli.progress import counted, progress_display
    from search.schema import Filters

    settings = settings_of(demo)
    index, encoder = open_search(settings)
    if jsonl:
        with progress_display(stream=True) as progress:
            answer_lines(index, encoder, counted(sys.stdin, "search", progress))
        return
    since, until = (value.date() if value else None for value in (given["since"], given["until"]))
    filters = Filters(
        given["themes"], given["sources"], given["economies"], given["languages"], since=since, until=until
    )
    check_filters(filters, index)
    answer = ask(index, encoder, " ".join(words), given["mode"], filters, given["limit"])
    if as_json:
        print_json(answer.hits)
        return
    from iprwatch.cli.screen import print_hits

    print_hits(answer, settings.current)


def open_search(settings: Settings) -> tuple[Index, Encoder]:
    """The index, read-only, and the encoder for questions. Raises IndexMissing, ModelError."""
    from iprwatch.engines import open_index
    from pipelines.embed import load_encoder

    encoder = load_encoder(
        settings.model, revision=settings.model_revision, cache=settings.cache, threads=settings.threads
    )
    return open_index(settings, dims=encoder.dims, model=encoder.model_id, read_only=True), encoder


def ask(index: Index, encoder: Encoder, text: str, mode: Mode, filters: Filters, limit: int) -> Answer:
    """Encode the question where its mode needs it, and ask."""
    from search.schema import Query

    vector = encoder.encode([text], "query")[0] if text and mode != "keyword" else None
    return index.find(Query(text=text, mode=mode, vector=vector, filters=filters, limit=limit))


def answer_lines(index: Index, encoder: Encoder, lines: Iterable[str]) -> None:
    """One answer per line, as it comes. Raises InputError for a line that is no question."""
    from iprwatch.errors import InputError

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            text, mode, filters, limit = read_question(asked)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"Line {number} is not a question: {error}", "See docs/fields.md") from None
        answer = ask(index, encoder, text, mode, filters, limit)
        hits = [{"id": h.id, "url": h.url, "score": h.score} for h in answer.hits]
        click.echo(json.dumps({"id": asked.get("id", number), "hits": hits}, ensure_ascii=False))


def read_question(asked: dict[str, Any]) -> tuple[str, Mode, Filters, int]:
    """Text, mode, filters and limit of one object. Raises ValueError, KeyError, TypeError or AttributeError."""
    from search.schema import Filters

    text, mode, limit = asked["query"], asked.get("mode", "hybrid"), asked.get("limit", 10)
    if not isinstance(text, str) or not isinstance(limit, int):
        raise ValueError("query must be text and limit a whole number")
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in asked.get("filters", {}).items()}
    for name in ("since", "until", "seen_since"):
        if name in given:
            given[name] = _read_time(given[name], name)
    return text, mode, Filters(**given), limit


def _read_time(value: str, name: str) -> date | datetime:
    """An ISO day, or an ISO moment (UTC where it names no zone); `seen_since` is always a moment."""
    if len(value) == len("2026-01-31") and name != "seen_since":
        return date.fromisoformat(value)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
