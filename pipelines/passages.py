"""Title and text → Passages of two or three sentences, verbatim slices with offsets.

Sentences come from sentencex (Wikimedia; rules and abbreviations for about 300 languages, offsets given, 50,000 sentences
in 40 ms); pysbd and the classic splitters have had no release for years. What is added: the office's own abbreviations,
and cuts by length where a language writes no sentence marks. Does not clean, does not encode. Never fails: a text
without marks is cut by length, a title without text is one passage with an empty slice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import ceil

import sentencex  # type: ignore[import-untyped]

from pipelines.model import Passage

Span = tuple[int, int]

SENTENCES = 3  # more blur the vector, fewer leave it without a subject
WORDS = 180.0  # of title and text; 256 word pieces hold about 200 English words, what is beyond them is lost silently
LEAST_WORDS = 60.0  # left for the text beside a title of any length
WIDE_WEIGHT = 0.6  # words per CJK, Hangul or Thai character: an estimate, 300 such characters to 180 words
UNMARKED_WORDS = 84.0  # 140 characters of Thai: about one sentence, in a script that marks none
MAX_PASSAGES = 200  # 12,000 words: no notice is longer; a book would fill index and encoder with one article

_WIDE = "\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WIDE_CHARACTER = re.compile(f"[{_WIDE}]")
_WORD = re.compile(rf"[^\s{_WIDE}]+")
_LONG_WORD = 12  # characters; addresses and formulas count by length, since they fall into many pieces
_ATOM = re.compile(
    r"(?:[^\s，、；]{1,60}[，、；]*|[，、；]+)\s*"
)  # a long sentence may be cut at blanks and wide commas
_SURROGATE = re.compile("[\ud800-\udfff]")
_PARAGRAPH = re.compile(r"\n\s*\n")
_UNMARKED = frozenset({"km", "lo", "my", "th"})
_OPEN_END = re.compile(
    r"(?:[’']art|(?:^|[\s(])(?:[A-Z]|Abs|Bd|Cir|Ed|Ex|Fed|Nos|Nrn|Pub|Reg|Rev|Rz|Sec|Stat|Supp|al|arts|bzw|cap|"
    r"gem|lit|nos|núm|num|op|para|paras|pars|pp|reg|seq|vgl|vol|vols))\.\s*$"
)
"""A "sentence" that ends so goes on: initials and the abbreviations of law and gazettes that sentencex lets end one."""


def split_sentences(text: str, language: str) -> list[Span]:
    """The sentences of a text as (start, end) in characters, without the blanks around them, in order.

    A blank line always ends one. `language` is a BCP 47 tag, `und` where unknown. No sentence is longer than WORDS.
    """
    tag = language.split("-")[0].lower()
    limit = UNMARKED_WORDS if tag in _UNMARKED else WORDS
    code = "en" if tag in {"", "und"} else tag
    found: list[Span] = []
    for span in _paragraphs(text):
        for sentence in _joined(text, _marked(text, span, code)):
            found.extend(_cut(text, sentence, limit))
    return found


def split_passages(title: str, text: str, language: str) -> tuple[Passage, ...]:
    """The passages of an article: they cover every word of the text, and are at most MAX_PASSAGES.

    In a longer text passages grow alike, so that every word stays searchable; an encoder then reads their beginnings.
    """
    sentences = split_sentences(text, language)
    if not sentences:
        return (Passage(0, 0, 0, ""),) if title.strip() else ()
    room = max(LEAST_WORDS, WORDS - _length(title))
    pieces = [piece for sentence in sentences for piece in _cut(text, sentence, room)]
    spans = list(_packed(text, pieces, room))
    share = ceil(len(spans) / MAX_PASSAGES)
    grown = [(spans[i][0], spans[min(i + share, len(spans)) - 1][1]) for i in range(0, len(spans), share)]
    return tuple(Passage(n, start, end, text[start:end]) for n, (start, end) in enumerate(grown))


def _paragraphs(text: str) -> Iterator[Span]:
    start = 0
    for gap in _PARAGRAPH.finditer(text):
        yield start, gap.start()
        start = gap.end()
    yield start, len(text)


def _marked(text: str, span: Span, code: str) -> Iterator[Span]:
    """Sentences by their marks, blanks stripped."""
    start, end = span
    whole = _SURROGATE.sub("\ufffd", text[start:end])  # the library refuses halves of characters; lengths stay
    for row in sentencex.get_sentence_boundaries(code, whole):
        stripped = _stripped(text, (start + row["start_index"], start + row["end_index"]))
        if stripped:
            yield stripped


def _joined(text: str, sentences: Iterator[Span]) -> Iterator[Span]:
    """Sentences of one paragraph with those joined that were cut behind an abbreviation."""
    held: Span | None = None
    for start, end in sentences:
        held = (held[0], end) if held else (start, end)
        if not _OPEN_END.search(text, max(0, end - 12), end):
            yield held
            held = None
    if held:
        yield held


def _cut(text: str, span: Span, limit: float) -> Iterator[Span]:
    """A sentence in equal parts of at most about `limit` words."""
    total = _length(text[slice(*span)])
    if total <= limit:
        yield span
        return
    target = total / ceil(total / limit)
    start, held = span[0], 0.0
    for atom in _ATOM.finditer(text, *span):
        weight = _length(atom.group())
        if held and held + weight / 2 > target:  # the cut nearer to the target
            yield from filter(None, [_stripped(text, (start, atom.start()))])
            start, held = atom.start(), 0.0
        held += weight
    yield from filter(None, [_stripped(text, (start, span[1]))])


def _packed(text: str, sentences: Sequence[Span], room: float) -> Iterator[Span]:
    """Groups of up to SENTENCES sentences that fit the room; four that are left go two and two."""
    lengths = [_length(text[start:end]) for start, end in sentences]
    first = 0
    while first < len(sentences):
        most = 2 if len(sentences) - first == SENTENCES + 1 else SENTENCES
        last, held = first + 1, lengths[first]
        while last < len(sentences) and last - first < most and held + lengths[last] <= room:
            held += lengths[last]
            last += 1
        yield sentences[first][0], sentences[last - 1][1]
        first = last


def _length(text: str) -> float:
    """Length in words, or in their equal in scripts without blanks."""
    words = sum(max(1.0, len(word) / _LONG_WORD) for word in _WORD.findall(text))
    return words + WIDE_WEIGHT * len(_WIDE_CHARACTER.findall(text))


def _stripped(text: str, span: Span) -> Span | None:
    part = text[slice(*span)]
    start = span[0] + len(part) - len(part.lstrip())
    end = start + len(part.strip())
    return (start, end) if start < end else None
