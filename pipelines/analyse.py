"""Text → terms with their places: the one analyser of every index.

Words are folded (NFKC, case, Latin and Greek accents) and stemmed by Snowball in the text's language; Chinese, Japanese, Korean,
Thai, Lao, Khmer and Burmese, which do not part words by spaces, become overlapping bigrams, with the last character of a run standing alone, so that any
two characters are found as a term and any one as a prefix. Identifiers fall into their parts in order (`PR/2026/931` → pr 2026 931) and are asked for
as a phrase; dotted letters become one word (`A.I.` → ai).

Does not drop stop words (phrases need them) and knows no index. Never fails: any string has terms, perhaps none.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple, Protocol

ANALYSER_VERSION = 1
"""Rises with every change of terms; an index made by another version must be remade."""

STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali",
    "nb": "norwegian", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""BCP 47 primary tag → Snowball algorithm."""

SCRIPTS = (
    ("cyrillic", re.compile("[\u0400-\u052f]"), "ru", {"ru", "sr"}),
    ("arabic", re.compile("[\u0600-\u06ff]"), "ar", {"ar"}),
    ("greek", re.compile("[\u0370-\u03ff]"), "el", {"el"}),
    ("devanagari", re.compile("[\u0900-\u097f]"), "hi", {"hi", "ne"}),
    ("other", re.compile("[\u0530-\u05ff\u0980-\u0dff]"), "", {"hy", "ta", "yi"}),
)
"""Scripts that are not Latin: sign, the language assumed for a foreign word in it, and the languages written in it."""

COMPOUNDS = {
    "copyrightholder": 9,
    "trademark": 5,
    "trademarks": 5,
    "servicemark": 7,
    "servicemarks": 7,
    "cooperation": 2,
    "ecommerce": 1,
}
"""Closed spellings of open compounds → where to part them, so that `trademark`, `trade mark` and `trade-mark` are one."""

SPELLINGS = {
    "licence": "license",
    "licences": "licenses",
    "licenced": "licensed",
    "programme": "program",
    "programmes": "programs",
}
"""British and American spellings that stemming does not join."""

_GRAMS = (
    "\u0e00-\u0e4e\u0e80-\u0eff\u1000-\u109f\u1780-\u17d3\u1100-\u11ff\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3131-\u318e\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_LETTER = rf"(?:[^\W_{_GRAMS}]|[{_MARKS}])"
_TOKEN = re.compile(
    rf"(?P<dots>(?<![^\W_])(?:[A-Za-z]\.){{2,}}(?:[A-Za-z](?![^\W_]))?)|(?P<grams>[{_GRAMS}]+)|(?P<word>{_LETTER}+)"
)
_CLUSTER = re.compile(".[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", re.DOTALL)
_APOSTROPHES = "'’ʼ"
_ELIDED = frozenset({"c", "d", "j", "l", "m", "n", "qu", "s", "t"})
_CONTRACTED = frozenset({"d", "ll", "m", "re", "s", "t", "ve"})
"""Pieces before and after an apostrophe that are no words of their own: l'office, qu'il; office's, don't. Not UE in l'UE."""
ELIDED_MOST = max(map(len, _ELIDED | _CONTRACTED))


class Token(NamedTuple):
    """A term and the characters [start, end) of the verbatim text that it stands for."""

    term: str
    start: int
    end: int


class Stemmer(Protocol):
    """What is used of a Snowball stemmer."""

    def stemWord(self, word: str) -> str:  # noqa: N802  the library's name
        """The stem of one word."""


def analyse(text: str, language: str) -> list[Token]:
    """Terms of `text` in reading order. `language` is a BCP 47 tag; `und` or unknown: each word by its script."""
    primary = language.split("-")[0].lower()
    return [token for match in _TOKEN.finditer(text) for token in _tokens(text, match, primary)]


def terms(text: str, language: str) -> str:
    """The terms of `text` parted by spaces: what a pre-analysed field holds. No term contains a space or ASCII punctuation."""
    primary = language.split("-")[0].lower()
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if len(piece) > ELIDED_MOST and match.lastgroup == "word" and piece.casefold() not in COMPOUNDS:
            term = stem(piece, primary)  # nearly all words; their places are not asked for
            if term and not term.isspace():
                found.append(term)
        else:
            found += [token.term for token in _tokens(text, match, primary)]
    return " ".join(found)


@lru_cache(maxsize=200_000)  # a corpus has few words and many repeats; about 54 MB when full
def stem(word: str, language: str) -> str:
    """Fold and stem one word; deterministic. Stemmed again after the accents fell, so that `deposees` meets `déposées`."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    folded = SPELLINGS.get(folded, folded)
    stemmer = _stemmer(_written_in(folded, language))
    if stemmer is None or any(character.isdigit() for character in folded):
        return _without_accents(folded)
    once = _without_accents(stemmer.stemWord(folded))
    return _without_accents(stemmer.stemWord(once)) or once or folded


def stemming_languages(languages: set[str]) -> tuple[str, ...]:
    """One language per distinct stemmer, English always among them: the alternatives a query of unknown language needs."""
    primaries = sorted({language.split("-")[0].lower() for language in languages} | {"en"})
    return tuple({STEMMERS[primary]: primary for primary in reversed(primaries) if primary in STEMMERS}.values())


def _tokens(text: str, match: re.Match[str], language: str) -> list[Token]:
    start, end = match.span()
    if match.lastgroup == "grams":
        return _bigrams(match[0], start)
    if match.lastgroup == "dots":
        return [Token(stem(match[0].replace(".", ""), language), start, end)]
    if end - start <= ELIDED_MOST and _is_elision(text, start, end):
        return []
    return _words(match[0], start, language)


def _words(piece: str, start: int, language: str) -> list[Token]:
    end = start + len(piece)
    cut = COMPOUNDS.get(piece.casefold())
    if cut is None:
        term = stem(piece, language)
        return [Token(term, start, end)] if term and not term.isspace() else []
    return [
        Token(stem(piece[:cut], language), start, start + cut),
        Token(stem(piece[cut:], language), start + cut, end),
    ]


def _bigrams(run: str, start: int) -> list[Token]:
    characters = [
        (character, start + cluster.start(), start + cluster.end())
        for cluster in _CLUSTER.finditer(run)
        for character in unicodedata.normalize("NFKC", cluster[0]).casefold()
        if not character.isspace()
    ]
    pairs = [Token(a + b, first, last) for (a, first, _), (b, _, last) in itertools.pairwise(characters)]
    return [*pairs, Token(*characters[-1])] if characters else pairs


def _is_elision(text: str, start: int, end: int) -> bool:
    piece = text[start:end].casefold()
    before = piece in _ELIDED and text[end : end + 1] in _APOSTROPHES and text[end + 1 : end + 2].isalnum()
    after = piece in _CONTRACTED and start > 1 and text[start - 1] in _APOSTROPHES and text[start - 2].isalnum()
    return before or after


def _written_in(word: str, language: str) -> str:
    for _, sign, default, languages in SCRIPTS:
        if sign.search(word):
            return language if language in languages else default
    foreign = any(language in languages for _, _, _, languages in SCRIPTS)
    return language if language in STEMMERS and not foreign else "en"


@cache
def _stemmer(language: str) -> Stemmer | None:
    from Stemmer import Stemmer as Snowball  # here: what a mere import of this module should not cost

    name = STEMMERS.get(language)
    stemmer: Stemmer | None = Snowball(name, 0) if name else None  # 0: no cache of its own, `stem` has one
    return stemmer


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    kept = [
        c
        for c in unicodedata.normalize("NFD", word)
        if not "\u0300" <= c <= "\u036f" or "\u0400" <= word[0] <= "\u052f"
    ]
    return unicodedata.normalize("NFC", "".join(kept))
