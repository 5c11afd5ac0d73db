"""Where the units of a question stand in a verbatim text: (start, end) pairs, sorted, joined where they touch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipelines.analyse import Token, analyse
from search.query import Spelling, Unit, parse_query
from search.schema import Hit

Spans = tuple[tuple[int, int], ...]


def highlight(text: str, language: str, units: Sequence[Unit]) -> Spans:
    """Character spans of `text` (written in `language`) that made it match."""
    spellings = {spelling for unit in units for spelling in unit}
    if not spellings:
        return ()
    tokens = analyse(text, language)
    return join([span for spelling in spellings for span in _spans_of(spelling, tokens)])


def highlight_hits(hits: Iterable[Hit], text: str, languages: Iterable[str]) -> tuple[Hit, ...]:
    """Hits that were asked for without highlights, with those of the question `text`. `languages`: those of all that matched."""
    units = parse_query(text, languages).units
    return tuple(
        replace(
            hit,
            highlights=highlight(hit.snippet, hit.language, units),
            title_highlights=highlight(hit.title, hit.language, units),
        )
        for hit in hits
    )


def join(spans: Sequence[tuple[int, int]]) -> Spans:
    """Sorted spans without overlap; touching ones become one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def _spans_of(spelling: Spelling, tokens: Sequence[Token]) -> list[tuple[int, int]]:
    first, length = spelling.terms[0], len(spelling.terms)
    if spelling.prefix:
        return [(token.start, token.start + 1) for token in tokens if token.term.startswith(first)]
    return [
        (tokens[i].start, tokens[i + length - 1].end)
        for i, token in enumerate(tokens[: len(tokens) - length + 1])
        if token.term == first and tuple(t.term for t in tokens[i : i + length]) == spelling.terms
    ]
