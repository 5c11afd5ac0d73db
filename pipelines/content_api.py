"""JSON of a content API → what it says. Knows the common key names (GOV.UK, WordPress, Federal Register, schema.org).

Does not fetch what the JSON only links. Raises NoText where it is no JSON object or holds no text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipelines.dates import Hint
from pipelines.decode import clean_text, clean_title
from pipelines.errors import NoText
from pipelines.markup import Content, plain

TITLES = ("title", "title.rendered", "headline", "name", "subject", "attributes.title")
TEXTS = (
    "details.body", "details.parts", "details.documents", "content.rendered", "content", "body", "body.value", "articleBody", "body_html",
    "text", "attributes.body.processed", "attributes.body.value",
)  # fmt: skip
LEADS = ("description", "abstract", "excerpt.rendered", "excerpt", "summary")
DATES = (
    "first_published_at", "publication_date", "datePublished", "date_published", "published_at", "publishedAt", "published", "date_gmt",
    "date", "attributes.created", "created_at", "public_updated_at",
)  # fmt: skip


def read_json(text: str, url: str) -> Content:
    """Read one item of a content API. Raises NoText, TooLarge."""
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise NoText(url, "not readable as JSON") from None
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    item = answer.get("data", answer) if isinstance(answer, dict) else None
    if not isinstance(item, dict):
        raise NoText(url, "JSON that is not one item")
    lead = next(_strings(item, LEADS), "")
    body = "\n\n".join(plain(part, url) for part in _body(item))
    lead = plain(lead, url)
    said = body if lead and lead in body else f"{lead}\n\n{body}"
    dates: tuple[Hint, ...] = tuple(("meta", raw) for raw in _strings(item, DATES))
    language = next(_strings(item, ("locale", "language", "langcode", "lang")), "")
    return Content(clean_title(next(_strings(item, TITLES), "")), clean_text(said), language=language, dates=dates)


def _body(item: dict[str, Any]) -> list[str]:
    """The first text key's strings: a string, or a list of strings or of objects with a body."""
    for path in TEXTS:
        value = _at(item, path)
        rows = value if isinstance(value, list) else [value]
        found = [
            r
            for r in (row.get("body") or row.get("content") if isinstance(row, dict) else row for row in rows)
            if isinstance(r, str) and r
        ]
        if found:
            return found
    return []


def _strings(item: dict[str, Any], paths: tuple[str, ...]) -> Iterator[str]:
    return (value for path in paths if isinstance(value := _at(item, path), str) and value)


def _at(item: Any, path: str) -> Any:
    for key in path.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return item
