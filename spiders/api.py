"""JSON answer → Listing, by the dotted paths of the declaration. Does not fetch.

Raises ParseError for what is not JSON, or where the declared array of rows is not there.
"""

from __future__ import annotations

import json
from typing import Any

from pipelines.model import Entry
from spiders.entries import Listing, ParseError, absolute, clean, decode, plain
from spiders.source import Source


def parse_api(source: Source, body: bytes, url: str) -> Listing:
    """The rows of a JSON answer at `url`. Raises ParseError."""
    answer = load_answer(source, body, url)
    rows = find(answer, source.rows.row)
    if isinstance(rows, dict):
        rows = [rows] if source.walk.url else list(rows.values())  # the page of one number is one record
    if not isinstance(rows, list):
        raise ParseError(url, f"has no array at {source.rows.row or 'its root'!r}")
    entries = [_read_row(source, row, url) for row in rows]
    kept = tuple(entry for entry in entries if entry.url)
    lost = len(rows) - len(kept)
    problems = (f"{lost} rows have no usable address.",) if lost else ()
    following = find(answer, source.paging.next) if source.paging.next else ""
    return Listing(kept, len(rows), absolute(clean(following), url) if clean(following) else "", problems=problems)


def load_answer(source: Source, body: bytes, url: str) -> Any:
    """The JSON value in an answer. Raises ParseError."""
    text = decode(body, "application/json; charset=utf-8").lstrip("\ufeff")
    if source.rows.strip:
        text = text.partition(source.rows.strip)[2]
    try:
        return json.JSONDecoder().raw_decode(text.lstrip())[0]  # raw: a script call's bracket may follow
    except (ValueError, RecursionError) as error:
        raise ParseError(url, f"is not the promised JSON: {str(error)[:120]}") from None


def find(value: Any, path: str) -> Any:
    """The value at a dotted path (`links.0.href`), None where there is none; the empty path is the value itself."""
    for step in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _read_row(source: Source, row: Any, base: str) -> Entry:
    paths = source.rows

    def read(path: str) -> str:
        value = find(row, path) if path else ""
        return ", ".join(filter(None, map(clean, value))) if isinstance(value, list) else clean(value)

    link = read(paths.url)
    if link and paths.url_template:
        link = paths.url_template.replace("{}", link)
    content = find(row, paths.content) if paths.content else ""
    return Entry(
        url=absolute(link, base) if link else "",
        key=read(paths.key),
        title=plain(read(paths.title)),  # WordPress writes titles as HTML
        published=read(paths.date),
        updated=read(paths.updated),
        summary=read(paths.summary),
        content=content.strip() if isinstance(content, str) else "",
        author=read(paths.author),
        language=read(paths.language),
    )
