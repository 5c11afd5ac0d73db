"""Feed → Listing: RSS 0.9x, 1.0 and 2.0, Atom, JSON Feed. Dates stay raw strings. Does not fetch or filter.

Raises ParseError for what is no feed, and for XML that declares entities. Broken XML is salvaged, with a problem.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

from pipelines.model import Entry
from spiders.entries import Listing, ParseError, absolute, clean, declared_charset, is_utf8, refuse_entities

ENDED = re.compile(r"this feed has ended", re.IGNORECASE)
DECLARED = re.compile(rb"<\?xml[^>]{0,200}encoding=[\"']([\w.:-]{1,40})[\"']")


def parse_feed(body: bytes, url: str, content_type: str = "") -> Listing:
    """The rows of a feed at `url`; `key` is the row's own id. Raises ParseError."""
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return _parse_json(body, url)
    refuse_entities(body, url)
    import feedparser

    headers = {"content-type": content_type or "application/xml", "content-location": url}
    problems = []
    if is_utf8(body):
        headers["content-type"] = "application/xml; charset=utf-8"
        problems += _charset_lie(body, content_type)
    try:
        feed: Any = feedparser.parse(BytesIO(body), response_headers=headers)
    except Exception as error:  # hostile markup reaches odd corners of the lenient parser
        raise ParseError(url, f"is no readable feed ({type(error).__name__})") from error
    version = feed.get("version", "")
    if not version and not feed.entries:
        raise ParseError(url, "is no feed")
    if feed.bozo:
        problems.append(
            f"The feed is not well-formed ({clean(str(feed.bozo_exception))[:120]}); what could be read was kept."
        )
    language = clean(dict.get(feed.feed, "language", ""))
    rows = [_read_row(row, url, language, version.startswith("rss")) for row in feed.entries]
    following = next((link.get("href", "") for link in feed.feed.get("links", ()) if link.get("rel") == "next"), "")
    return _finish(rows, absolute(following, url) if following else "", problems)


def _charset_lie(body: bytes, content_type: str) -> list[str]:
    inside = DECLARED.search(body[:300])
    said = declared_charset(content_type) or (inside[1].decode().lower() if inside else "utf-8")
    return [] if said.replace("_", "-") in ("utf-8", "utf8") else [f"The feed says {said} but is UTF-8; read as UTF-8."]


def _read_row(row: Any, base: str, language: str, rss: bool) -> Entry:
    def read(name: str) -> str:
        return clean(dict.get(row, name, ""))  # plain dict: feedparser's own getter guesses `updated` and warns

    contents = [c.get("value", "") for c in dict.get(row, "content", ())]
    published, updated = read("published"), read("updated")
    if rss and not published:  # dc:date, which feedparser calls an update, is an RSS row's only date
        published, updated = updated, ""
    title = dict.get(row, "title_detail", {})
    return Entry(
        url=absolute(read("link"), base) if read("link") else "",
        key=read("id"),
        title=read("title"),
        published=published,
        updated=updated,
        summary=read("summary"),
        content=max(contents, key=len, default="").strip(),
        author=read("author"),
        language=clean(title.get("language")) or language,
    )


def _parse_json(body: bytes, url: str) -> Listing:
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ParseError(url, f"is no readable JSON Feed: {str(error)[:120]}") from None
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        raise ParseError(url, "is JSON without the items of a JSON Feed")
    language = clean(feed.get("language"))
    rows = [_read_json_row(row, url, language) for row in feed["items"] if isinstance(row, dict)]
    following = clean(feed.get("next_url"))
    problems = ["The feed says that it has expired."] if feed.get("expired") is True else []
    return _finish(rows, absolute(following, url) if following else "", problems)


def _read_json_row(row: dict[str, Any], base: str, language: str) -> Entry:
    authors = row.get("authors") if isinstance(row.get("authors"), list) else [row.get("author")]
    link = clean(row.get("url")) or clean(row.get("external_url"))
    html = row.get("content_html")
    text = clean(row.get("content_text"))
    return Entry(
        url=absolute(link, base) if link else "",
        key=clean(row.get("id")),
        title=clean(row.get("title")),
        published=clean(row.get("date_published")),
        updated=clean(row.get("date_modified")),
        summary=clean(row.get("summary")) or (text if html else ""),
        content=html.strip() if isinstance(html, str) else text,
        author=", ".join(filter(None, (clean(a.get("name")) for a in authors or () if isinstance(a, dict)))),
        language=clean(row.get("language")) or language,
    )


def _finish(rows: list[Entry], following: str, problems: list[str]) -> Listing:
    ended = [row for row in rows if ENDED.search(row.title)]
    if ended:
        problems.append("The feed says that it has ended; the source needs another address.")
    kept = tuple(row for row in rows if row.url and row not in ended)
    lost = len(rows) - len(kept) - len(ended)
    if lost:
        problems.append(f"{lost} rows have no usable address.")
    return Listing(kept, len(rows) - len(ended), following, problems=tuple(problems))
