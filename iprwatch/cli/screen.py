"""What people see in the terminal: plain lines at most 80 columns wide. Values in, text out; computes nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from search.schema import Answer, Hit
    from spiders.plan import Outcome

WIDTH = 80  # columns: the narrowest terminal people still use
console = Console(width=WIDTH, highlight=False, soft_wrap=False)


def shorten(text: str, width: int) -> str:
    """One line, cut at a word."""
    return textwrap.shorten(" ".join(text.split()), width, placeholder="…")


def print_hits(answer: Answer, space: str) -> None:
    """Hits with date, source, themes and the passage that matched."""
    console.print(
        f"[dim]{answer.total} found, {answer.mode}, {space} items{'. ' + answer.note if answer.note else ''}[/]"
    )
    for hit in answer.hits:
        print_hit(hit)


def print_hit(hit: Hit) -> None:
    """One hit in three lines."""
    title = Text(shorten(hit.title, WIDTH - 12), style="bold")
    console.print(Text(f"{hit.published:%Y-%m-%d}  ").append_text(title), no_wrap=True)
    themes = " ".join(t.theme for t in hit.tags) or hit.verdict
    folded = f"  +{hit.folded} folded" if hit.folded else ""
    console.print(
        Text(f"            {hit.source}  {themes}{folded}  {hit.id[:12]}", style="dim"),
        no_wrap=True,
        overflow="ellipsis",
    )
    if hit.snippet:
        console.print(_marked(hit), no_wrap=True, overflow="ellipsis")


def _marked(hit: Hit) -> Text:
    """The passage from a little before its first highlight on, with all highlights bold."""
    text = Text(hit.snippet.replace("\n", " "))
    for start, end in hit.highlights:
        text.stylize("bold yellow", start, end)
    first = hit.highlights[0][0] if hit.highlights else 0
    begin = hit.snippet.rfind(" ", 0, max(0, first - 20)) + 1 if first > 30 else 0
    return Text("            ").append_text(text[begin:])


def outcome_line(outcomes: Mapping[str, Outcome]) -> str:
    """`36 sources: 35 ok, 1 failed`."""
    counts: dict[str, int] = {}
    for outcome in outcomes.values():
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    said = ", ".join(f"{n} {status}" for status, n in sorted(counts.items(), key=lambda c: -c[1]))
    return f"{len(outcomes)} sources: {said}"


def print_troubles(outcomes: Iterable[Outcome], most: int = 4) -> None:
    """Sources that were not read as promised, with their cause."""
    troubled = [o for o in outcomes if o.status not in ("ok", "unchanged")]
    for outcome in troubled[:most]:
        console.print(Text(shorten(f"  {outcome.source}: {outcome.cause}", WIDTH), style="red"), no_wrap=True)
    if len(troubled) > most:
        console.print(f"  and {len(troubled) - most} more: iprwatch status")
