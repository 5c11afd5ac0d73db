"""A record with a few articles and visits, for the tests of the digest: rows written as the steps before would have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from iprwatch.alerts.subscriptions import Subscription
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.ledger.tables import articles, outcomes, queue, sources, tags
from iprwatch.settings import load_settings

CUT = datetime(2026, 11, 25, 8, tzinfo=UTC)  # a Wednesday
JOINED = CUT - timedelta(days=100)
STATEMENT = "We will work together to explore how the IP framework can best support AI innovation."


def open_record(folder: Path, database: str = "", now: datetime = CUT + timedelta(minutes=5)) -> Context:
    """A context over an empty record of its own, at five past the cut."""
    return Context(load_settings(space="live", home=folder, model="hash", database=database or None), FrozenClock(now))


def ordered(**given: object) -> Subscription:
    """A subscription, quiet where nothing is said."""
    return Subscription.model_validate({"id": "daily", "title": "IP policy today", **given})


def add_source(context: Context, *ids: str, joined: datetime = JOINED) -> None:
    """Sources that joined and were read at once."""
    rows = [{"id": i, "joined": joined, "due": joined} for i in ids]
    with context.ledger.write() as connection:
        connection.execute(sa.insert(sources), rows)
    for i in ids:
        add_visit(context, i, joined)


def add_visit(context: Context, source: str, at: datetime, status: str = "ok", cause: str = "") -> None:
    """One visit of a source."""
    row = {"run": "r", "source": source, "at": at, "status": status, "cause": cause, "counts": {}}
    with context.ledger.write() as connection:
        connection.execute(sa.insert(outcomes), [row])


def add_article(
    context: Context,
    name: str,
    at: datetime,
    *,
    themes: Sequence[str] = ("T02.3",),
    indexed: bool = True,
    sentence: str = "It says what is protected.",
    **given: Any,
) -> None:
    """One article, published and seen at a time, with tags whose sentences are given."""
    row = {
        "id": name, "source": "uk-ipo-news", "key": name, "url": f"https://office.example/{name}", "title": name, "text": sentence,
        "author": "", "published": at, "published_precision": "second", "published_origin": "entry", "language": "en",
        "content_hash": hashlib.sha256(name.encode()).hexdigest(), "first_seen": at, "last_changed": at, "story": name,
        "relation": "head", "verdict": "themed" if themes else "outside", **given,
    }  # fmt: skip
    told = [
        {"article": name, "theme": t, "rank": n, "probability": 0.9, "score": 1.0, "anchor": "a", "statement_sentence": STATEMENT,
         "item_sentence": sentence, "field": "text", "start": 0, "end": len(sentence), "runner_up": "", "matched": []}
        for n, t in enumerate(themes)
    ]  # fmt: skip
    with context.ledger.write() as connection:
        connection.execute(sa.insert(articles), [row])
        if told:
            connection.execute(sa.insert(tags), told)
        if not indexed:
            connection.execute(sa.insert(queue), [{"index": "search", "article": name, "row_version": 1}])


def index_all(context: Context) -> None:
    """The index has acknowledged every article."""
    with context.ledger.write() as connection:
        connection.execute(sa.delete(queue))
