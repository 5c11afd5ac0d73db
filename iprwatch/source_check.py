"""A declaration and sample answers → what it makes of them: the rows of the list and the article they lead to.

The same function checks a fixture in a test and a live answer on the command line. Does not fetch, store or judge relevance.
Raises ParseError for a list that is not what its kind promises, ExtractError for an item without an article, and
InputError for a fixture that lacks a file.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from iprwatch.errors import InputError
from pipelines.extract import extract
from pipelines.model import Article, Entry, Page
from spiders.entries import Listing, fetch_address
from spiders.parse import parse_list
from spiders.source import Source
from spiders.warc import inline_page

EXPECTED = "expected.json"
TYPES = {
    ".html": "text/html",  # no charset: the page's own meta tag decides, as on most offices' servers
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".pdf": "application/pdf",
    ".xml": "application/xml",
}
OPENING = 200  # characters of the text kept for the reader's eye; the hash holds the rest


def build_expectation(
    source: Source, list_body: bytes, list_type: str, item_body: bytes | None, item_type: str, fetched_at: datetime
) -> dict[str, Any]:
    """Rows, entries and one article as plain JSON values. `item_body` None: the rows carry their text. Pure.

    Raises ParseError, ExtractError.
    """
    listing = parse_list(source, list_body, source.url, list_type)
    page = _page(source, listing, (list_body, list_type), (item_body, item_type), fetched_at)
    return {
        "fetched_at": fetched_at.isoformat(),
        "rows": listing.rows,
        "next": listing.next,
        "problems": list(listing.problems),
        "entries": [{"url": e.url, "key": e.key, "title": e.title, "published": e.published} for e in listing.entries],
        "article": _article(extract(page, source.reading)) if page else None,
    }


def _page(
    source: Source, listing: Listing, listed: tuple[bytes, str], item: tuple[bytes | None, str], fetched_at: datetime
) -> Page | None:
    """The page that is read as an article: the watched one, the row's own text, or the item; None without a row."""
    if not listing.entries:
        return None
    entry = find_entry(listing, item[0] or b"")
    url = source.url if source.kind == "page" else fetch_address(source, entry)
    body, kind = listed if source.kind == "page" else item
    if body is None:
        body, kind, url = inline_page(entry), "text/html; charset=utf-8", entry.url
    return Page(source.id, url, url, fetched_at, 200, kind, body, entry)


def find_entry(listing: Listing, item_body: bytes) -> Entry:
    """The row that leads to an item: the one whose title stands in it, else the first."""
    text = html.unescape(item_body.decode("utf-8", "replace"))
    return next((e for e in listing.entries if e.title and e.title in text), listing.entries[0])


def _article(article: Article) -> dict[str, Any]:
    stamp = article.published
    return {
        "title": article.title,
        "url": article.url,
        "id": article.id,
        "published": stamp.at.isoformat(),
        "precision": stamp.precision,
        "origin": stamp.origin,
        "language": article.language,
        "author": article.author,
        "text": article.text[:OPENING],
        "chars": len(article.text),
        "content_hash": article.content_hash,
    }


def load_fixture(source: Source, folder: Path, fetched_at: datetime) -> dict[str, Any]:
    """What the declaration makes of `list.*` and `item.*` in a folder. Raises InputError, ParseError, ExtractError."""
    listed, item = _find(folder, "list"), _find(folder, "item")
    if listed is None:
        raise InputError(f"{folder} holds no list.html, list.xml or list.json", "CONTRIBUTING.md says what it holds")
    if item is None and source.article.follow and source.kind != "page":
        raise InputError(
            f"{folder} holds no item.html though the items' pages are read", "Add one, or article.follow: false"
        )
    item_body, item_type = (item.read_bytes(), TYPES[item.suffix]) if item else (None, "")
    return build_expectation(source, listed.read_bytes(), TYPES[listed.suffix], item_body, item_type, fetched_at)


def _find(folder: Path, stem: str) -> Path | None:
    return next((p for p in sorted(folder.glob(f"{stem}.*")) if p.suffix in TYPES), None)


def write_expectation(source: Source, folder: Path, now: datetime) -> Path:
    """Write what holds now, for a person to read; the moment is kept in it. Raises as `load_fixture` does."""
    path = folder / EXPECTED
    made = load_fixture(source, folder, now.replace(microsecond=0))
    path.write_text(json.dumps(made, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path


def check_fixture(source: Source, folder: Path) -> list[str]:
    """Where the fixture reads differently from its expectation, one sentence each; empty if nowhere.

    Raises InputError where the expectation is missing or broken, and as `load_fixture` does.
    """
    path = folder / EXPECTED
    try:
        expected = json.loads(path.read_text("utf-8"))
        fetched_at = datetime.fromisoformat(expected["fetched_at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is missing or broken: {error}", "Delete it; the test of sources writes it anew"
        ) from None
    return list(differences(expected, load_fixture(source, folder, fetched_at)))


def differences(expected: Any, found: Any, place: str = "") -> Iterator[str]:
    """Where two JSON values differ, by dotted path."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in dict.fromkeys((*expected, *found)):
            yield from differences(expected.get(name), found.get(name), f"{place}.{name}".lstrip("."))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for n, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{place}.{n}")
    elif expected != found:
        yield f"{place}: {json.dumps(found, ensure_ascii=False)} instead of {json.dumps(expected, ensure_ascii=False)}"
