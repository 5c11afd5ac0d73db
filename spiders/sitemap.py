"""Sitemap → Listing: urlset, news sitemap, sitemap index, plain or gzipped. Does not fetch the sitemaps of an index.

Raises ParseError for what is no sitemap, and for XML that declares entities.
"""

from __future__ import annotations

import zlib
from typing import Any

from lxml import etree

from pipelines.model import Entry
from spiders.entries import Listing, ParseError, absolute, clean, refuse_entities

MOST_BYTES = 50 * 1024 * 1024  # the sitemap protocol's own limit of an unpacked file (sitemaps.org)
GZIP = b"\x1f\x8b"


def parse_sitemap(body: bytes, url: str) -> Listing:
    """The rows of a sitemap, newest first where it says when; an index gives `nested`. Raises ParseError."""
    body = unpack(body, url)
    refuse_entities(body, url)
    root, problems = _load(body, url)
    name = etree.QName(root).localname if root is not None and isinstance(root.tag, str) else ""
    if name == "sitemapindex":
        nested = sorted(root.iterfind("{*}sitemap"), key=lambda row: _text(row, "lastmod"), reverse=True)
        found = (absolute(_text(row, "loc"), url) for row in nested if _text(row, "loc"))
        return Listing((), 0, nested=tuple(filter(None, found)), problems=problems)
    if name != "urlset":
        raise ParseError(url, "is no sitemap")
    rows = [_read_row(row, url) for row in root.iterfind("{*}url")]
    kept = sorted((row for row in rows if row.url), key=lambda row: row.published or row.updated, reverse=True)
    return Listing(tuple(kept), len(rows), problems=problems)


def _load(body: bytes, url: str) -> tuple[Any, tuple[str, ...]]:
    try:
        return etree.fromstring(body, _parser(recover=False)), ()
    except etree.XMLSyntaxError as error:
        problem = f"The sitemap is not well-formed ({clean(str(error))[:120]}); what could be read was kept."
    try:
        return etree.fromstring(body, _parser(recover=True)), (problem,)
    except (etree.XMLSyntaxError, ValueError):
        raise ParseError(url, "is no XML") from None


def unpack(body: bytes, url: str) -> bytes:
    """Gzipped bytes unpacked, others as they are. Raises ParseError beyond the sitemap limit."""
    if not body.startswith(GZIP):
        return body
    stream = zlib.decompressobj(wbits=31)  # 31: gzip framing
    try:
        plain = stream.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise ParseError(url, f"is broken gzip: {error}") from None
    if stream.unconsumed_tail:
        raise ParseError(url, "unpacks to more than 50 MB")
    return plain


def _parser(recover: bool) -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=recover)


def _text(row: Any, path: str) -> str:
    return clean(row.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or "")


def _read_row(row: Any, base: str) -> Entry:
    loc = _text(row, "loc")
    return Entry(
        url=absolute(loc, base) if loc else "",
        title=_text(row, "news/title"),
        published=_text(row, "news/publication_date"),
        updated=_text(row, "lastmod"),
        language=_text(row, "news/publication/language"),
    )
