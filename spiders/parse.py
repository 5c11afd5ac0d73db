"""List bytes → Listing, whatever the kind: parse, then filter and key as declared. Does not fetch.

Raises ParseError for a body that is not what its kind promises.
"""

from __future__ import annotations

from dataclasses import replace

from spiders.api import parse_api
from spiders.entries import Listing, next_page, select
from spiders.feed import parse_feed
from spiders.listing import parse_listing
from spiders.page import parse_page
from spiders.sitemap import parse_sitemap
from spiders.source import Source


def parse_list(source: Source, body: bytes, url: str, content_type: str = "") -> Listing:
    """One page of the source's list at `url`. `rows` counts before the filters. Raises ParseError."""
    if source.kind == "page":
        return parse_page(source, body, url, content_type)
    if source.kind == "feed":
        listing = parse_feed(body, url, content_type)
    elif source.kind == "sitemap":
        listing = parse_sitemap(body, url)
    elif source.kind == "api":
        listing = parse_api(source, body, url)
    else:
        listing = parse_listing(source, body, url, content_type)
    following = listing.next or next_page(source, url)
    return replace(listing, entries=select(source, listing.entries), next=following if following != url else "")
