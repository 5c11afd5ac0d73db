"""Text with spans → pieces of HTML: highlights, tagged sentences, paragraphs, parts. Pure; everything is escaped.

Offsets count characters of the text as kept. Direction and control signs are dropped only when shown, so offsets hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

Span = tuple[int, int]

TITLE_MOST = 300  # characters of a title in a list; the longest real ones are about 300
QUOTE_MOST = 600  # of a passage in a list: three long sentences
PART_MOST = 40_000  # of a text on one page: some 15 printed pages, far below the promised 150 KB

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"[^.!?。！？]+(?:[.!?]+(?=\s|$)|[。！？]+|$)|[.!?]+(?=\S)[^.!?。！？]*")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch to be marked. `name`: theme of a tagged sentence, empty for the passage that was found."""

    start: int
    end: int
    name: str = ""


def visible(text: str) -> str:
    """The text without signs that hide or turn what stands beside it."""
    return _HIDDEN.sub("", text)


def shortened(text: str, most: int = TITLE_MOST) -> str:
    """One line of at most `most` characters, cut at a word where there is one."""
    line = " ".join(visible(text[: 4 * most]).split())
    if len(line) <= most and len(text) <= 4 * most:
        return line
    cut = line[: most - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[most // 2 :] else cut}…"


def highlighted(text: str, spans: Sequence[Span], most: int = QUOTE_MOST) -> Markup:
    """The text with its spans in `<mark>`; a long one is cut around the first span."""
    begin, end = _window(text, spans, most)
    pieces = [Markup("…") if begin else Markup()]
    at = begin
    for start, stop in spans:
        if stop > begin and start < end and start >= at:
            pieces += [
                escape(visible(text[at:start])),
                Markup("<mark>{}</mark>").format(visible(text[start : min(stop, end)])),
            ]
            at = min(stop, end)
    pieces += [escape(visible(text[at:end])), Markup("…") if end < len(text) else Markup()]
    return Markup().join(pieces)


def best_sentence(text: str, spans: Sequence[Span]) -> tuple[str, tuple[Span, ...]]:
    """The sentence with the most highlighted characters (the first of equals), and its spans; the whole text without spans."""
    sentences = [m.span() for m in _SENTENCE.finditer(text) if m.group().strip()] if spans else []
    if not sentences:
        return text, tuple(spans)
    start, end = max(sentences, key=lambda s: sum(max(0, min(b, s[1]) - max(a, s[0])) for a, b in spans))
    start += len(text[start:end]) - len(text[start:end].lstrip())
    return text[start:end], tuple(
        (max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start
    )


def parts_of(text: str) -> list[Span]:
    """Pieces of at most PART_MOST characters, cut between paragraphs where there are any; at least one."""
    parts, start = [], 0
    while len(text) - start > PART_MOST:
        cut = text.rfind("\n\n", start + PART_MOST // 2, start + PART_MOST)
        end = cut + 2 if cut > 0 else start + PART_MOST
        parts.append((start, end))
        start = end
    return [*parts, (start, len(text))]


def marked_paragraphs(text: str, marks: Sequence[Mark], part: Span) -> list[Markup]:
    """The paragraphs of a part, sentences in `<mark>`: the first piece of a mark carries the id that reasons link to."""
    seen: set[str] = set()
    return [
        Markup().join(_marked(text, start, end, marks, seen))
        for start, end in _paragraphs(text, part)
        if text[start:end].strip()
    ]


def _marked(text: str, start: int, end: int, marks: Sequence[Mark], seen: set[str]) -> Iterator[Markup]:
    edges = sorted({start, end, *(e for m in marks for e in (m.start, m.end) if start < e < end)})
    for left, right in pairwise(edges):
        names = [m.name for m in marks if m.start <= left and m.end >= right]
        piece = escape(visible(text[left:right]))
        if not names:
            yield piece
            continue
        fresh = [n for n in dict.fromkeys(names) if n not in seen]
        seen.update(fresh)
        anchors = Markup().join(
            Markup('<a class="anchor" id="{}"></a>').format(f"said-{n}" if n else "found") for n in fresh
        )
        codes = Markup().join(Markup('<a class="code" href="#why-{0}">{0}</a>').format(n) for n in fresh if n)
        kind = "tagged" if any(names) else "found"
        yield Markup('{}<mark class="{}">{}</mark>{}').format(anchors, kind, piece, codes)


def _paragraphs(text: str, part: Span) -> Iterator[Span]:
    start = part[0]
    for gap in _PARAGRAPH.finditer(text, *part):
        yield start, gap.start()
        start = gap.end()
    yield start, part[1]


def _window(text: str, spans: Iterable[Span], most: int) -> Span:
    if len(text) <= most:
        return 0, len(text)
    first = next(iter(spans), (0, 0))[0]
    begin = max(0, min(first - most // 4, len(text) - most))
    if begin:
        space = text.find(" ", begin, begin + 40)
        begin = space + 1 if space >= 0 else begin
    return begin, min(len(text), begin + most)
