"""HTML list → Listing, by the declaration's selectors; without them by its item addresses. Does not fetch.

Undeclared: each link in `main` to an item address is a row; the row is the largest element around it that links to no
other item. Raises ParseError for an empty body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from parsel import Selector

from pipelines.model import Entry
from spiders.entries import Listing, ParseError, absolute, clean, decode, is_item
from spiders.source import Source

DATE = re.compile(
    r"\b(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}\b"  # 2026-03-02, 2026.03.02
    r"|\b\d{1,2}[-./]\s?\d{1,2}[-./]\s?(?:19|20)\d\d\b"  # 02/03/2026, 2.3.2026
    r"|(?:(?:19|20)\d\d|(?:令和|平成)\s?(?:\d{1,2}|元))\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日"
    r"|(?:19|20)\d\d\s?년\s?\d{1,2}\s?월\s?\d{1,2}\s?일"
    r"|\b\d{1,2}(?:st|nd|rd|th|er|\.|º)?\s(?:de\s)?[^\W\d_]{3,12}\.?,?\s(?:de\s)?(?:19|20)\d\d\b"  # 2 March 2026, 2 de marzo de 2026
    r"|\b[^\W\d_]{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d\b"  # March 2, 2026
)
HEADINGS = "self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6"
MIN_TITLE = 12  # a shorter link text (“more”, “PDF”) yields to the heading beside it


def parse_listing(source: Source, body: bytes, url: str, content_type: str = "") -> Listing:
    """The rows of an HTML list at `url`. Raises ParseError."""
    if not body.strip():
        raise ParseError(url, "is an empty page")
    text = decode(body, content_type)
    root = Selector(text=unquote_calls(text, source.rows.strip) if source.rows.strip else text, type="html")
    base = absolute(root.css("base::attr(href)").get(""), url) or url
    if source.rows.row:
        declared = root.css(source.rows.row)
        entries, rows = [_read_row(source, row, base) for row in declared], len(declared)
    else:
        entries = _find_rows(source, root, base)
        rows = len(entries)
    kept = tuple(entry for entry in entries if entry.url)
    lost = len(entries) - len(kept)
    problems = (f"{lost} rows have no usable address.",) if lost else ()
    return Listing(kept, rows, _next(source, root, base), problems=problems)


def unquote_calls(script: str, call: str) -> str:
    """The HTML in a script's calls, e.g. `append("…")`; what is no string literal is left out."""
    found = []
    for part in script.split(call)[1:]:
        try:
            found.append(str(json.JSONDecoder().raw_decode(part.lstrip())[0]))
        except (ValueError, RecursionError):
            continue
    return "".join(found)


def read(row: Selector, css: str) -> str:
    """What a selector finds first, as one line: an attribute or text where it names one, else all text of the element."""
    found = row.css(css) if css else []
    if not found:
        return ""
    return clean(found[0].get() if "::" in css else found[0].xpath("string()").get(""))


def _read_row(source: Source, row: Selector, base: str, url: str = "", title: str = "") -> Entry:
    rows = source.rows
    link = read(row, rows.url or "a::attr(href)") or clean(row.attrib.get("href"))
    if link and rows.url_template:
        link = rows.url_template.replace("{}", link)
    content = row.css(rows.content).get("") if rows.content else ""
    return Entry(
        url=url or (absolute(link, base) if link else ""),
        key=read(row, rows.key),
        title=read(row, rows.title) if rows.title else title or _title(row, row.css("a")),
        published=read(row, rows.date) if rows.date else _date(row),
        updated=read(row, rows.updated),
        summary=read(row, rows.summary),
        content=content.strip(),
        author=read(row, rows.author),
        language=read(row, rows.language),
    )


def _find_rows(source: Source, root: Selector, base: str) -> list[Entry]:
    places = root.css("main, [role=main]") or root.css("body")
    links: dict[str, list[Selector]] = {}
    inside: dict[Any, set[str]] = {}  # element → item addresses it links to
    for link in places.css("a[href]"):
        url = absolute(link.attrib["href"], base)
        if not url or url == base or not is_item(source, url):
            continue
        links.setdefault(url, []).append(link)
        for element in link.root.iterancestors():
            inside.setdefault(element, set()).add(url)
    tops = {place.root for place in places}
    entries = []
    for url, anchors in links.items():
        row = _row_of(anchors[0], inside, tops)
        entries.append(_read_row(source, row, base, url, _title(row, anchors)))
    return entries


def _row_of(link: Selector, inside: dict[Any, set[str]], tops: set[Any]) -> Selector:
    row = link.root
    for element in link.root.iterancestors():
        if element in tops or len(inside[element]) > 1:
            break
        row = element
    return Selector(root=row, type="html")


def _title(row: Selector, anchors: Iterable[Selector]) -> str:
    texts = []
    for anchor in anchors:
        heading = anchor.xpath(f"(descendant::*[{HEADINGS}] | ancestor::*[{HEADINGS}])[1]")
        if heading and (text := clean(heading.xpath("string()").get(""))):
            return text
        texts.append(clean(anchor.xpath("string()").get("")) or clean(anchor.attrib.get("title")))
    best = max(texts, key=len, default="")
    if len(best) >= MIN_TITLE and not DATE.fullmatch(best):
        return best
    nearest = clean(row.xpath(f"(.//*[{HEADINGS}])[1]").xpath("string()").get(""))
    if nearest or not DATE.fullmatch(best):
        return nearest or best
    return clean(DATE.sub(" ", _row_text(row)))  # the link is only a date: the words beside it are the title


def _row_text(row: Selector) -> str:
    """The text of a row with a space between its elements, and of the term before a definition."""
    own: list[str] = row.xpath(".//text()[not(ancestor::script or ancestor::style)]").getall()
    if row.root.tag == "dd":
        own = [*row.xpath("preceding-sibling::dt[1]//text()").getall(), *own]
    return clean(" ".join(own))


def _date(row: Selector) -> str:
    for time in row.css("time"):
        if text := clean(time.attrib.get("datetime")) or clean(time.xpath("string()").get("")):
            return text
    match = DATE.search(_row_text(row))
    return match[0] if match else ""


def _next(source: Source, root: Selector, base: str) -> str:
    css = source.paging.next
    if not css:
        return ""
    found = root.css(css)
    link = (found[0].get() if "::" in css else found[0].attrib.get("href")) if found else ""
    return absolute(link, base) if link else ""
