"""What a person typed → units to look for; and the cursor of a page.

Words, `"phrases"` (required) and `-exclusions`; nothing else is syntax, so any string is a question and none fails. A unit is one thing asked for, in
the alternative spellings of every language of the index. Does not touch an index. `read_cursor` raises BadQuery.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.analyse import analyse, stemming_languages
from search.index import BadQuery
from search.schema import Query

MAX_UNITS = 24
"""Units that are looked for; beyond these a text is a document, and its rest adds cost, not meaning."""

MAX_CHARS = 4000
"""Characters that are read: far above what 24 units need in any language."""

LONG_RUN = 4
"""Longest run of CJK characters taken as one phrase; a longer one is a sentence, and asked for by its bigrams."""

SENTENCE = 6
"""From this many units on, any one may match and ranking decides; below, all (of up to 2) or all but one must."""

_STOP_WORDS = """
    a an and are as at be by for from has how in into is it its of on or that the this to was were what when where which who will with
    au aux ce ces dans de des du en est et la le les leur ou par pour que qui sur un une
    als am auf aus bei das dem den der des die ein eine einer es für im ist mit nach oder sich sind und von vom wie wird zu zum zur
    al con del el las los para por se son su una y o
    che da dal della delle di gli il lo nel non per più si
    ao as com dos e em na no nos os uma
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that mean nothing alone; left out of a question that has others."""

_PART = re.compile(
    r'(?P<minus>(?<!\S)[-−–](?=[^\s-]))?(?:["“”„«»](?P<phrase>[^"“”„«»]*)["“”„«»]|(?P<word>[^\s"“”„«»]+))'
)
_KIND = re.compile(
    "[\u3041-\u309f]+|[\u30a0-\u30ff\uff66-\uff9f]+|[\uac00-\ud7ff]+|[\u0e00-\u0e7f]+|[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)


class Spelling(NamedTuple):
    """Terms that must stand one after the other; `prefix`: the only term may go on (one CJK character)."""

    terms: tuple[str, ...]
    prefix: bool = False


Unit = tuple[Spelling, ...]
"""One thing asked for: any of its spellings will do."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """Units of a question: `words` to rank by, `phrases` that must be there (also ranked by), `excluded` that must not."""

    words: tuple[Unit, ...] = ()
    phrases: tuple[Unit, ...] = ()
    excluded: tuple[Unit, ...] = ()

    @property
    def units(self) -> tuple[Unit, ...]:
        """All that is ranked by and highlighted."""
        return (*self.words, *self.phrases)


def parse_query(text: str, languages: Iterable[str] = ()) -> ParsedQuery:
    """What to look for, spelled as in an index that holds these languages. Never fails."""
    stemmers = stemming_languages(set(languages))
    words: list[Unit] = []
    stops: list[Unit] = []
    phrases: list[Unit] = []
    excluded: list[Unit] = []
    for part in _PART.finditer(text[:MAX_CHARS]):
        phrase = part["phrase"]
        if part["minus"]:
            excluded += [
                unit for unit in [build_unit(phrase if phrase is not None else part["word"], stemmers)] if unit
            ]
        elif phrase is not None:
            phrases += [unit for unit in [build_unit(phrase, stemmers)] if unit]
        else:
            stopped = part["word"].casefold().strip(".,;:?!()") in STOP_WORDS
            (stops if stopped else words).extend(_units_of_word(part["word"], stemmers))
    chosen = words or ([] if phrases else stops)
    return ParsedQuery(_first(chosen), _first(phrases), _first(excluded))


def build_unit(text: str, stemmers: Iterable[str]) -> Unit:
    """One unit that finds `text` as it stands, word after word; empty where it has no terms."""
    spellings: dict[Spelling, None] = {}
    for language in stemmers:
        found = [token.term for token in analyse(text, language)]
        # A run's last character stands alone only where the run ends, which a longer text need not do.
        if len(found) > 1 and len(found[-1]) == 1 and _KIND.fullmatch(found[-1]) and found[-2][-1:] == found[-1]:
            found.pop()
        if found:
            spellings[
                Spelling(tuple(found), len(found) == 1 and len(found[0]) == 1 and bool(_KIND.fullmatch(found[0])))
            ] = None
    return tuple(spellings)


def required(units: tuple[Unit, ...]) -> tuple[tuple[Unit, ...], ...]:
    """Which units must stand together: any one of the groups given back suffices."""
    if len(units) <= 2:  # two words are meant together
        return (units,) if units else ()
    return (
        tuple(itertools.combinations(units, len(units) - 1))
        if len(units) < SENTENCE
        else tuple((unit,) for unit in units)
    )


def write_cursor(query: Query, offset: int, horizon: int) -> str:
    """Opaque place of the next page: rows passed, and the newest row of the index when the first page was made."""
    return base64.urlsafe_b64encode(json.dumps([offset, horizon, question_digest(query)]).encode()).decode()


def read_cursor(query: Query) -> tuple[int, int | None]:
    """(offset, horizon) of the page asked for. Raises BadQuery for a cursor of another question or none of ours."""
    if not query.cursor:
        return 0, None
    try:
        offset, horizon, digest = json.loads(base64.b64decode(query.cursor.encode(), altchars=b"-_", validate=True))
    except (ValueError, TypeError) as error:
        raise BadQuery("this cursor is not one of ours; ask for the first page again") from error
    if digest != question_digest(query) or type(offset) is not int or type(horizon) is not int or offset < 0:
        raise BadQuery("this cursor belongs to another question; ask for the first page again")
    return offset, horizon


def question_digest(query: Query) -> str:
    """What a cursor belongs to: everything of a question but its place."""
    vector = b"" if query.vector is None else query.vector.tobytes()
    asked = repr((query.text, query.mode, query.min_cosine, query.filters, query.sort, query.collapse)).encode(
        errors="backslashreplace"
    )
    return hashlib.blake2b(asked + vector, digest_size=8).hexdigest()


def _units_of_word(word: str, stemmers: tuple[str, ...]) -> list[Unit]:
    runs = _KIND.findall(word)
    if not runs:
        unit = build_unit(word, stemmers)
        return [unit] if unit else []
    telling = [run for run in runs if not "\u3041" <= run[0] <= "\u309f"] or runs  # hiragana: mostly particles
    pieces: list[str] = []
    for run in telling:
        pieces += (
            [run]
            if len(run) <= LONG_RUN or "\u30a0" <= run[0] <= "\u30ff"
            else [run[i : i + 2] for i in range(len(run) - 1)]
        )
    others = [unit for rest in _KIND.sub(" ", word).split() for unit in [build_unit(rest, stemmers)] if unit]
    return [*others, *(unit for piece in pieces for unit in [build_unit(piece, stemmers)] if unit)]


def _first(units: list[Unit]) -> tuple[Unit, ...]:
    return tuple(dict.fromkeys(units))[:MAX_UNITS]
