"""Cost of a morning: one digest of 500 new items for each of 100 subscriptions, composed, kept, queued and written as mail and page.

Run: python -m benchmarks.digest. Prints the seconds (by the clock and of the processor), the memory and the largest mail; ends with exit code 1 over the bars of
15 s, 300 MB and 100 KB. The items are made up; the index holds them too, so that themes are compared with the usual. Opens no
network connection.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from iprwatch.alerts.make import make_due_digests
from iprwatch.alerts.render import digest_message
from iprwatch.alerts.subscriptions import Subscription, write_subscription
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.ledger.tables import articles, outbox, outcomes, queue, sources, tags
from iprwatch.settings import load_settings

ITEMS, SUBSCRIPTIONS, HISTORY = 500, 100, 60  # history: days on which a tenth as many items were published
CUT = datetime(2026, 11, 25, 8, tzinfo=UTC)
SECONDS_MOST, MEMORY_MOST, MAIL_MOST = 15.0, 300e6, 100_000
THEMES = ("T01.1", "T02.3", "T03.4", "T04.1", "T06", "T07", "T08.1", "T09.1")
SENTENCE = (
    "The office explains in plain words how the fee for a first application is reduced for small firms and for whom."
)
STATEMENT = "We will also strive to address IP challenges in e-commerce to ensure that consumers are well protected from the risks."


def fill(context: Context) -> None:
    """Sources with their visits, a history, and the new items, half of them reprints."""
    ids = [s.id for s in context.sources.values() if s.enabled]
    joined = CUT - timedelta(days=365)
    days = [(HISTORY - n, ITEMS // 10) for n in range(HISTORY)]
    moments = [CUT - timedelta(days=day, hours=1, minutes=n) for day, most in days for n in range(most)]
    moments += [CUT - timedelta(minutes=1 + 2 * n) for n in range(ITEMS)]
    visits: list[dict[str, object]] = [
        {"run": "r", "source": i, "at": CUT - timedelta(minutes=30 * n), "status": "failed" if n < 3 and i == ids[0] else "ok",
         "cause": "HTTP 503", "counts": {}}
        for i in ids for n in range(48 * 30)
    ]  # fmt: skip
    with context.ledger.write() as connection:
        connection.execute(sa.insert(sources), [{"id": i, "joined": joined, "due": CUT} for i in ids])
        connection.execute(sa.insert(outcomes), visits)
        rows = [_article(n, at, ids) for n, at in enumerate(moments)]
        connection.execute(sa.insert(articles), rows)
        connection.execute(sa.insert(tags), [tag for n, row in enumerate(rows) for tag in _tags(n, row["id"])])
        connection.execute(sa.insert(queue), [{"index": "search", "article": r["id"], "row_version": 1} for r in rows])


def _article(n: int, at: datetime, ids: list[str]) -> dict[str, object]:
    head = n - n % 2
    return {
        "id": f"a{n}", "source": ids[n % len(ids)], "key": f"a{n}", "url": f"https://office.example/news/{n}",
        "title": f"Office number {n % len(ids)} publishes guidance {n} on first applications", "text": SENTENCE * 5, "author": "",
        "published": at, "published_precision": "second", "published_origin": "entry", "language": "en",
        "content_hash": f"v1:{n}", "first_seen": at, "last_changed": at, "story": f"a{head}",
        "relation": "head" if n == head else "member", "verdict": "themed",
    }  # fmt: skip


def _tags(n: int, article: object) -> list[dict[str, object]]:
    return [
        {"article": article, "theme": THEMES[(n // 2 + rank) % len(THEMES)], "rank": rank, "probability": 0.9, "score": 1.0,
         "anchor": "a", "statement_sentence": STATEMENT, "item_sentence": SENTENCE, "field": "text", "start": 0,
         "end": len(SENTENCE), "runner_up": "", "matched": []}
        for rank in range(2)
    ]  # fmt: skip


def subscribe(config: Path) -> None:
    """Subscriptions of all kinds: everything, one theme, one language."""
    for n in range(SUBSCRIPTIONS):
        themes = (THEMES[n % len(THEMES)].partition(".")[0],) if n % 3 else ()
        given = {"id": f"reader-{n}", "title": f"Reader {n}", "themes": themes, "per_theme": 3 + n % 5, "channels": ()}
        write_subscription(config, Subscription.model_validate(given))


def main() -> int:
    """Measure, print, compare."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(space="live", home=Path(folder), model="hash")
        with Context(settings, FrozenClock(CUT + timedelta(minutes=1))) as context:
            fill(context)
            index_queued(context)
            subscribe(settings.config_folder)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            started, spent = time.perf_counter(), time.process_time()
            made = make_due_digests(context)
            composed = time.perf_counter() - started
            with context.ledger.read() as connection:
                rows = connection.execute(sa.select(outbox)).all()
            mails = [digest_message(context, row) for row in rows]
            seconds, busy = time.perf_counter() - started, time.process_time() - spent
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    largest = max(len(m.html.encode()) for m in mails)
    told = {
        "digests": len(made), "messages": len(mails), "seconds": round(seconds, 2), "cpu_seconds": round(busy, 2), "composed_and_published": round(composed, 2),
        "memory_mb": round(memory / 1e6), "memory_before_mb": round(before / 1e6), "largest_mail_kb": round(largest / 1000),
    }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")
    whole = len(made) == len(mails) == SUBSCRIPTIONS
    return 0 if whole and seconds <= SECONDS_MOST and memory <= MEMORY_MOST and largest <= MAIL_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
