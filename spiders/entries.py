"""What a list yields: its rows as entries, filtered and keyed as the declaration says. Does not parse or fetch.

Raises ParseError for a body that is not what its kind promises; a row that cannot be used is a problem, not an error.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from html import unescape
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from w3lib.encoding import html_to_unicode, http_content_type_encoding

from pipelines.model import Entry
from spiders.source import Source, load_keywords

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
TAG = re.compile(r"<[^<>]*>")
MARKUP = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)  # unlike TAG not the signs in "fees < 100 and > 50"
LINE_BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
NO_WORD = re.compile(r"[\W_]+")
ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ParseError(Exception):
    """A body that is not the list its declaration promises."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")
        self.url, self.why = url, why


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list."""

    entries: tuple[Entry, ...]
    rows: int  # seen before filters
    next: str = ""  # address of the next page
    nested: tuple[str, ...] = ()  # a sitemap index's sitemaps, newest first
    problems: tuple[str, ...] = ()  # sentences: what had to be salvaged or skipped


def clean(text: object) -> str:
    """One line: control characters dropped, white space collapsed; anything but a string or number is empty."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return ""
    return " ".join(CONTROL.sub("", str(text)).split())


def plain(markup: str) -> str:
    """One line of text of a string that is written as HTML: tags dropped, then entities read."""
    return clean(unescape(MARKUP.sub("", LINE_BREAK.sub(" ", markup))))


def absolute(link: str, base: str) -> str:
    """The http(s) address `link` means on the page `base`, without its fragment; empty where it means none."""
    try:
        address = urldefrag(urljoin(base, CONTROL.sub("", link).strip())).url
        parts = urlsplit(address)
        return address if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:  # e.g. an unclosed [ in the host
        return ""


def is_utf8(body: bytes) -> bool:
    """Whether the bytes prove to be UTF-8: multi-byte sequences do not come about by chance."""
    if body.isascii() or body.startswith(UTF16):
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def decode(body: bytes, content_type: str) -> str:
    """HTML bytes → text: what proves to be UTF-8 is UTF-8, else header and meta tag decide, as browsers do."""
    text = body.decode("utf-8-sig") if is_utf8(body) else html_to_unicode(content_type or None, body)[1]
    return CONTROL.sub("", text)  # lxml refuses control characters in attribute names


def declared_charset(content_type: str) -> str:
    """The charset in a Content-Type header as a codec name, or empty."""
    return http_content_type_encoding(content_type) or ""


def refuse_entities(body: bytes, url: str) -> None:
    """Raises ParseError for XML that declares entities (bombs, external files); no list needs them."""
    if ENTITY.search(body.replace(b"\x00", b"")):  # NULs: the ASCII of UTF-16 and UTF-32
        raise ParseError(url, "declares XML entities, which are refused")


def entry_hash(entry: Entry) -> str:
    """sha256 over all fields, as hex: another hash means that the row reads differently."""
    return sha256(json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def entry_key(source: Source, entry: Entry) -> str:
    """The declared item key of a row: found by `key` in address, own id, title or summary; else what `rows.key` gave."""
    if not source.key:
        return entry.key if source.rows.key else ""
    for text in (entry.url, entry.key, entry.title, entry.summary):
        if match := re.search(source.key, text):
            named = [v for v in match.groupdict().values() if v]
            return "/".join(named) or (match.group(1) if match.re.groups else match.group()) or ""
    return ""


def is_item(source: Source, url: str) -> bool:
    """Whether an address is one of the source's items."""
    wanted = not source.item or any(re.search(p, url) for p in source.item)
    return wanted and not any(re.search(p, url) for p in source.not_item)


def on_topic(source: Source, entry: Entry) -> bool:
    """Whether title and summary, or for a row without both the words of its address, match a declared keyword set."""
    text = f"{entry.title} {TAG.sub(' ', entry.summary)}"
    if not text.strip():
        text = NO_WORD.sub(" ", unquote(urlsplit(entry.url).path))
    return not source.filter or any(load_keywords()[name].search(text) for name in source.filter)


def select(source: Source, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The source's own items among the rows, keyed, each once, in the order of the list."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if is_item(source, entry.url) and on_topic(source, entry):
            keyed = replace(entry, key=entry_key(source, entry))
            found.setdefault(keyed.key or keyed.url, keyed)
    return tuple(found.values())


def next_page(source: Source, url: str) -> str:
    """The address after `url` by the template `paging.url`, or empty without one."""
    paging = source.paging
    if not paging.url:
        return ""
    shape = re.escape(paging.url).replace(r"\{page\}", r"(\d+)", 1)
    match = re.fullmatch(shape, url)
    return paging.url.replace("{page}", str(int(match[1]) + 1 if match else paging.first))


def fetch_address(source: Source, entry: Entry) -> str:
    """Where the item's text is fetched: its public address, or `rows.page_url` filled with that address's path."""
    template = source.rows.page_url
    return template.replace("{}", urlsplit(entry.url).path.lstrip("/")) if template else entry.url
