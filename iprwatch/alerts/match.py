"""What was written → alerts in the outbox. Each article meets the watches once per text; what is not news alerts nobody.

Matching needs no transaction; rows and acknowledgement are then written in one. So it may run twice, or be killed and run again. Once told of
a story, a watch is not told again: not by a reprint, a variant, or after two stories became one. Does not send. Raises StoreError, ModelError, SearchError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iprwatch.alerts.outbox import build_row
from iprwatch.alerts.watches import Watch
from iprwatch.ledger.articles import WATCHES, find_rows
from iprwatch.ledger.documents import acknowledge, clear_queue, find_documents, find_queued
from iprwatch.ledger.facts import find_fact, store_fact
from iprwatch.ledger.outbox import INBOX, Told, find_told, put
from iprwatch.ledger.sources import Read, find_reads
from iprwatch.ledger.tables import articles
from iprwatch.logs import open_log
from pipelines.tag import load_themes
from search.index import ServerUnavailable
from search.schema import Document, Query
from search.watches import Match

if TYPE_CHECKING:
    from iprwatch.context import Context

log = open_log(__name__)

BATCH = 200  # articles a time, so that memory stays flat and a kill costs seconds
MUTED = "muted"  # a fact of the ledger
GRACE = timedelta(days=1)  # before a watch's first day: a date without time stands at noon somewhere else in the world


@dataclass(slots=True)
class Matched:
    """What a round of matching did."""

    articles: int = 0
    alerts: int = 0  # one per watch and story, whatever its channels
    faults: Mapping[str, str] = field(default_factory=dict)  # watches whose files cannot be read


def mute(context: Context) -> None:
    """From here to the next `match_queued`, nothing that is written alerts anybody: a back-fill, which may be killed on its way."""
    with context.ledger.write() as connection:
        store_fact(connection, MUTED, "yes")


def _forget_muted(connection: sa.Connection) -> None:
    if find_fact(connection, MUTED):
        clear_queue(connection, WATCHES)
        store_fact(connection, MUTED, "")


def match_queued(context: Context) -> Matched:
    """Let every article that was written since meet the watches."""
    watches = context.watches.refresh()
    with context.ledger.write() as connection:
        _forget_muted(connection)
    done = Matched(faults=watches.faults)
    while True:
        with context.ledger.read() as connection:
            ids = find_queued(connection, BATCH, WATCHES)
            rows = find_rows(connection, ids)
            reads = find_reads(connection)
        if not ids:
            return done
        awake = {r.id: hear for r in rows if (hear := _hearing(r, watches.enabled, reads.get(r.source)))}
        found = dict(_match(context, [r for r in rows if r.id in awake], awake))
        gone = dict.fromkeys(ids, 2**31 - 1)  # queued, but no longer in the record
        versions = gone | {r.id: r.row_version for r in rows}
        with context.ledger.write() as connection:
            now = context.clock.now()
            done.alerts += _tell(connection, context, found, now)
            acknowledge(connection, versions, WATCHES)
        done.articles += len(ids)
        log.info("articles_matched", articles=len(ids), alerts=done.alerts)


def _hearing(row: sa.Row[Any], watches: Mapping[str, Watch], read: Read | None) -> frozenset[str]:
    """The watches to which an article is news."""
    return frozenset(id for id, watch in watches.items() if is_news(row, watch, read))


def is_news(row: sa.Row[Any], watch: Watch, read: Read | None) -> bool:
    """Whether an article may alert: published since its source was joined and since the watch was made.

    What came by hand or by import has no source that is read: it is news if published on the day it came. An article
    without a date counts as published when first seen, unless it was there already at the source's first visit.
    """
    if watch.created and row.published.date() < watch.created - GRACE:
        return False
    if row.published_origin == "first_seen" and read:
        return read.first is not None and row.first_seen > read.first
    since: datetime = read.joined if read else row.first_seen
    return bool(row.published.date() >= since.date())


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An article as it met the watches, and those that match it."""

    document: Document
    row: sa.Row[Any]
    office: str  # title of the source
    matches: Mapping[str, Match]


def _match(
    context: Context, rows: Sequence[sa.Row[Any]], awake: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, Found]]:
    if not rows:
        return
    economies = {s.id: s.economy for s in context.sources.values()}
    with context.ledger.read() as connection:
        documents = list(find_documents(connection, [r.id for r in rows], context.encoder.model_id, economies))
    standing = context.watches.standing(_languages(context) | {d.language for d in documents})
    by_id = {r.id: r for r in rows}
    for document in documents:
        matches = {id: match for id, match in standing.match(document).items() if id in awake[document.id]}
        if matches:
            source = context.sources.get(document.source)
            yield document.id, Found(document, by_id[document.id], source.title if source else "", matches)


def _languages(context: Context) -> frozenset[str]:
    """Languages that a question is spelled in: those of the index, or of the record while the index is away, since an alert does not wait for it."""
    try:
        return frozenset(context.index.find(Query(limit=0, facets=("language",))).facets["language"])
    except ServerUnavailable:
        with context.ledger.read() as connection:
            return frozenset(connection.scalars(sa.select(articles.c.language).distinct()))


def _tell(connection: sa.Connection, context: Context, found: Mapping[str, Found], now: datetime) -> int:
    """Put what is not told yet into the outbox; returns how many alerts."""
    stories = {r.id: str(r.story) for r in find_rows(connection, list(found))}
    told = find_told(connection, sorted(set(stories.values())))
    alerts = 0
    for each in sorted(found.values(), key=lambda f: (f.row.relation != "head", f.row.first_seen)):
        story = stories.get(each.row.id)
        for name, match in each.matches.items() if story else ():  # without a story it left the record meanwhile
            new = _news(told.setdefault(story or "", []), name, context.watches.by_id[name], each.row)
            reason = build_reason(each, context.watches.by_id[name], match, now) if new else {}
            about = {"story": story, "article": each.row.id, "reason": reason}
            put(connection, [build_row("alert", name, t.channel, now, revision=t.revision, **about) for t in new])
            alerts += any(t.channel == INBOX for t in new)
    return alerts


def _news(told: list[Told], name: str, watch: Watch, row: sa.Row[Any]) -> list[Told]:
    """What a watch is still to be told of a story; from now on it is told."""
    revision = row.revision if watch.revisions and row.revision > 1 else 0
    channels = [c for c in (INBOX, *watch.channels) if may_tell(told, name, c, row, revision)]
    new = [Told(row.story, name, channel, row.id, revision) for channel in channels]
    told += new
    return new


def may_tell(told: Sequence[Told], watch: str, channel: str, row: sa.Row[Any], revision: int) -> bool:
    """Whether a watch is still to be told over a channel. `revision`: of the article where the watch asks for revisions, else 0.

    A story is told once. Its head's later revisions are told once each, where asked for.
    """
    earlier = [t for t in told if t.watch == watch and t.channel == channel]
    if not earlier:
        return True
    return (
        revision > 1 and row.relation == "head" and all((t.article, t.revision) != (row.id, revision) for t in earlier)
    )


@cache
def load_labels() -> dict[str, str]:
    """The shipped themes' names by id."""
    return {t.id: t.label for t in load_themes().themes.values()}


def build_reason(found: Found, watch: Watch, match: Match, now: datetime) -> dict[str, Any]:
    """Why, with all that a message shows, so that it says what was true when the watch fired."""
    document, row = found.document, found.row
    labels = load_labels()
    return {
        "watch": watch.title,
        "query": watch.query,
        "article": {
            "title": document.title, "url": document.url, "source": document.source, "office": found.office, "economy": document.economy,
            "language": document.language, "published": document.published.isoformat(),
            "published_origin": row.published_origin, "published_precision": row.published_precision,
        },
        "passage": match.text, "n": match.n, "start": match.start, "end": match.end,
        "highlights": [list(span) for span in match.highlights],
        "cosine": None if match.cosine is None else round(match.cosine, 4),
        "words": list(match.words),
        "themes": [
            {"theme": t.theme, "label": labels.get(t.theme, ""),
             "statement_sentence": t.statement_sentence, "item_sentence": t.item_sentence}
            for t in document.tags
        ],
        "hops": {
            "published": document.published.isoformat() if row.published_precision == "second" else None,
            "seen": document.first_seen.isoformat(),
            "alerted": now.isoformat(),
        },
    }  # fmt: skip
