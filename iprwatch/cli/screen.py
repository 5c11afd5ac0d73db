"""What people see in the terminal. Values in, text out; computes nothing.

Screens are made for 80 columns. A table fits the terminal, folding what is long; into a file or pipe it is as wide as its
text, so that nothing is cut.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from search.schema import Answer, Hit
    from spiders.plan import Outcome

WIDTH = 80  # columns: the narrowest terminal people still use
UNBOUNDED = 10_000  # columns: no cell is longer
INDENT = 12  # columns of the gutter: a date or a label and a gap
ROOM = WIDTH - INDENT
console = Console(width=WIDTH, highlight=False, soft_wrap=False)


def is_bounded() -> bool:
    """Whether lines have an end: on a terminal, or where COLUMNS says so."""
    return console.is_terminal or "COLUMNS" in os.environ


def find_room() -> int:
    """Columns beside the gutter: those of the screen, or any number."""
    return ROOM if is_bounded() else UNBOUNDED


def fold(text: str | Text, width: int, most: int = 2) -> list[Text]:
    """At most so many lines, broken between words; an ellipsis stands where the rest is left out."""
    whole = text if isinstance(text, Text) else Text(" ".join(text.split()))
    lines = list(whole.wrap(console, width))
    for line in lines:
        line.rstrip()
    if len(lines) > most:
        last = lines[most - 1]
        if last.cell_len + 2 > width and " " in last.plain:
            last = last[: last.plain.rindex(" ")]
        lines[most - 1] = last.append(" …")
    return lines[:most]


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Rows under dim headings. Only the last column is folded where the terminal is narrow."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    wide = Console(width=None if is_bounded() else UNBOUNDED, highlight=False)
    with wide.capture() as drawn:
        wide.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def print_hits(answer: Answer, space: str) -> None:
    """Hits with date, source, themes and the passage that matched."""
    console.print(
        f"[dim]{answer.total} found, {answer.mode}, {space} items{'. ' + answer.note if answer.note else ''}[/]"
    )
    room = find_room()
    for hit in answer.hits:
        for line in hit_lines(hit, room):
            console.print(line, soft_wrap=True)


def hit_lines(hit: Hit, room: int = ROOM) -> list[Text]:
    """One hit: date and title, where it stands and what it is about, and the passage that matched."""
    themes = " ".join(t.theme for t in hit.tags) or hit.verdict
    folded = f"  +{hit.folded} folded" if hit.folded else ""
    about = Text(f"{hit.source}  {themes}{folded}  {hit.id[:12]}", style="dim")
    title = fold(Text(hit.title or "(no title)", style="bold"), room)
    return labelled(f"{hit.published:%Y-%m-%d}", [*title, about, *passage_lines(hit, 2, room)])


def passage_lines(hit: Hit, most: int, room: int = ROOM) -> list[Text]:
    """The passage from a little before its first highlight on, highlights marked, in at most so many lines."""
    text = Text(hit.snippet.replace("\n", " "))
    for start, end in hit.highlights:
        text.stylize("bold yellow", start, end)
    first = hit.highlights[0][0] if hit.highlights else 0
    begin = hit.snippet.rfind(" ", 0, max(0, first - 20)) + 1 if first > room * most // 2 else 0
    return fold(Text("… " if begin else "").append_text(text[begin:]), room, most)


def labelled(label: str, lines: Sequence[Text], style: str = "dim") -> list[Text]:
    """Lines with a label in the gutter before the first."""
    gutters = [label, *[""] * (len(lines) - 1)]
    return [Text.assemble((f"{g:<{INDENT}}", style), line) for g, line in zip(gutters, lines, strict=True)]


def outcome_line(outcomes: Mapping[str, Outcome]) -> str:
    """`35 ok`, or where they fared differently `36 visited: 35 ok, 1 failed`."""
    counts: dict[str, int] = {}
    for outcome in outcomes.values():
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    said = ", ".join(f"{n} {status}" for status, n in sorted(counts.items(), key=lambda c: -c[1]))
    return f"{len(outcomes)} visited: {said}" if len(counts) > 1 else said or "none visited"
