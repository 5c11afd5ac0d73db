"""Foreign text → one short, harmless line. Items are hostile input: this is done once, before a digest is kept."""

from __future__ import annotations

import re
import textwrap
import unicodedata

_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
"""Control characters, surrogates, and those that turn the direction of what follows: a title could disguise its neighbours."""
_BLANKS = re.compile(r"\s+")
PREFIX = (
    8  # times the wanted length: so much holds the line, however it is spaced; a title of 1 MB is not read to its end
)


def clean(text: str, most: int) -> str:
    """One line without control characters or direction overrides, at most `most` characters, cut at a word."""
    line = unicodedata.normalize("NFC", _UNPRINTABLE.sub("", text[: PREFIX * most]))
    line = _BLANKS.sub(" ", line).strip()
    if len(line) <= most:
        return line
    words = textwrap.shorten(line, most, placeholder="…")
    return words if len(words) > most // 2 else line[: most - 1] + "…"  # no blanks: Chinese, or one endless word


def clean_url(url: str, most: int = 2000) -> str:
    """The address where it is http or https and of sane length; else empty, and nothing is linked."""
    plain = _UNPRINTABLE.sub("", url).strip()
    return plain if plain.lower().startswith(("http://", "https://")) and len(plain) <= most else ""
