"""Bytes → text: finds the encoding, and cleans titles and texts.

A declared charset is believed only as far as the bytes bear it out. Does not parse markup. Never fails: what cannot
be decoded becomes U+FFFD, any string can be cleaned.
"""

from __future__ import annotations

import html
import re
import unicodedata

from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom

TITLE_CHARS = 500  # the longest office titles seen in practice are about 300
TEXT_CHARS = 1_000_000  # some 400 printed pages; beyond it an item is a book, not news

_STATEFUL = re.compile(r"iso-?2022|hz|utf-?16|utf-?32", re.IGNORECASE)
_MANY_HIGH = re.compile(rb"[\x80-\xff]{4}")  # no Western word has four accents in a row; Cyrillic and Greek ones do
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
_INVISIBLE = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TAG = re.compile(r"<(?:/?[a-zA-Z][^<>]{0,500}|!--.{0,500}?--|![^<>]{0,100})>")
_SCRIPT = re.compile(r"<(script|style)\b[^<>]{0,500}>.{0,5000}?</\1\s*>", re.IGNORECASE | re.DOTALL)
_BLANKS = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n(?: ?\n)+ ?")


def decode(body: bytes, content_type: str = "") -> str:
    """The text of a response: byte order mark, then UTF-8 where valid, then HTTP and meta charset, then a guess."""
    encoding, mark = read_bom(body)
    if encoding and mark:
        return body[len(mark) :].decode(encoding, "replace")
    declared = [e for e in (http_content_type_encoding(content_type), html_body_declared_encoding(body)) if e]
    stateful = [e for e in declared if _STATEFUL.match(e)]  # ASCII bytes to the eye: UTF-8 would accept them wrongly
    for encoding in (*stateful, "utf-8", *declared):
        text = _strict(body, encoding)
        if text is not None:
            return text
    text = body.decode("utf-8", "replace")
    stray = text.count("\ufffd")
    if 2 * stray <= sum(not sign.isascii() for sign in text):
        return text  # damaged UTF-8: most of what is not ASCII is sound
    return _guess(body) or text


def _strict(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _guess(body: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(body[:100_000]).best()
    encoding = best.encoding if best else ""
    latin = encoding.startswith(
        ("cp125", "cp437", "cp85", "cp775", "mac", "iso8859", "latin", "hp_roman", "cp1140", "cp500", "cp037")
    )
    if latin and _strict(body, "cp1252") is not None and not _MANY_HIGH.search(body):
        return body.decode("cp1252")  # by far the commonest; among its kin a few accents decide nothing
    return body.decode(encoding, "replace") if encoding else ""


def without_controls(text: str) -> str:
    """The text without characters that XML forbids, NUL among them."""
    return _CONTROL.sub("", text)


def clean_text(text: str) -> str:
    """NFC text with paragraphs parted by one blank line; no control or direction signs; at most TEXT_CHARS."""
    text = without_controls(text[:TEXT_CHARS].replace("\r\n", "\n").replace("\r", "\n"))
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    text = _BLANKS.sub(" ", text)
    return _BREAKS.sub("\n\n", text).replace("\n ", "\n").replace(" \n", "\n").strip()[:TEXT_CHARS]


def clean_title(title: str) -> str:
    """A title in one line of plain text: markup (also escaped once) stripped, at most TITLE_CHARS."""
    title = html.unescape(title[: 20 * TITLE_CHARS])
    title = _TAG.sub(" ", _SCRIPT.sub(" ", title))
    title = _TAG.sub(" ", html.unescape(title)) if "&" in title else title
    title = " ".join(clean_text(title).split())
    return title if len(title) <= TITLE_CHARS else title[: TITLE_CHARS - 1].rstrip() + "…"
