"""Watched page → Listing of one entry: the page itself. Does not read its text; the article step does.

Raises ParseError for an empty body.
"""

from __future__ import annotations

from parsel import Selector

from pipelines.model import Entry
from spiders.entries import Listing, ParseError, clean, decode
from spiders.source import Source


def parse_page(source: Source, body: bytes, url: str, content_type: str = "") -> Listing:
    """The page as its own only row. Raises ParseError."""
    if not body.strip():
        raise ParseError(url, "is an empty page")
    title = ""  # the declared heading, else the page's own name, which often carries the site's as well
    if not body.startswith(b"%PDF"):
        root = Selector(text=decode(body, content_type), type="html")
        title = clean(root.css(source.article.title or "title").xpath("string()").get(""))
    return Listing((Entry(url=source.url, title=title or source.title),), 1)
