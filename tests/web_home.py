"""A small data folder for the page's tests: invented items with revisions, a story, alerts, a digest, an outage and hostile content.

Rows are written straight into the ledger, past the cleaning of the pipeline, so that the page is tested on what must never reach it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from iprwatch.alerts.make import make_digest
from iprwatch.alerts.match import match_queued
from iprwatch.alerts.subscriptions import Subscription
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.ledger.articles import INDEX, WATCHES
from iprwatch.ledger.tables import articles, outcomes, passages, queue, revisions, sources, tags, vectors
from iprwatch.settings import Settings
from pipelines.embed import load_encoder
from pipelines.tag import load_themes

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">Fees"
TURNED = "Notice \u202egnp.exe\u202c on fees \u2067\u200f"
HUGE = "Fees " * 200_000  # 1 MB
JAPANESE = "人工知能を用いた先行技術調査の試行を開始します"
WATCH = "title: Machines as inventors\nquery: artificial intelligence inventor\nmode: keyword\n"

STATEMENT = {t: load_themes().statements(t)[0] for t in ("T02.3", "T03.4", "T07", "T09.1")}


def row(id: str, title: str, text: str, *, source: str = "uspto-news", days: float = 1, **more: Any) -> dict[str, Any]:
    """One article, published so many days ago."""
    at = NOW - timedelta(days=days)
    return {
        "id": sha256(id.encode()).hexdigest(), "source": source, "key": id, "url": f"https://office.example/{id}",
        "title": title, "text": text, "published": at, "published_precision": "second", "published_origin": "entry",
        "published_raw": "", "language": "en", "content_hash": f"v1:{id}", "first_seen": at + timedelta(seconds=3),
        "last_changed": at + timedelta(seconds=3), "revision": 1, "story": sha256(id.encode()).hexdigest(), "relation": "head",
        "verdict": "themed", "tagger": "test", **more,
    }  # fmt: skip


GUIDANCE = (
    "The office issued guidance on artificial intelligence and the inventor. Only natural persons are named.\n\n"
    "Owners of an artificial intelligence system are no inventors. The fee stays at 40 euros."
)
ITEMS = [
    (row("guidance", "Guidance on artificial intelligence as inventor", GUIDANCE, days=0.2, revision=2), "T02.3"),
    (row("reprint", "Guidance on artificial intelligence as inventor", GUIDANCE, source="jpo-news-en", days=0.1,
         story=sha256(b"guidance").hexdigest(), relation="member"), "T02.3"),
    (row("tokyo", JAPANESE, "庁は人工知能を用いた調査の試行を開始します。結果は来年度に公表します。", source="jpo-news-ja", days=2, language="ja"), "T02.3"),
    (row("fakes", "Platforms must verify sellers", "Marketplaces verify sellers of counterfeit goods. Seizures rose by a third.", source="uk-ipo-news", days=3), "T03.4"),
    (row("small", "Vouchers for small firms", "Small firms get a voucher for advice on patents and designs.", source="ec-ip-helpdesk", days=40), "T09.1"),
    (row("script", SCRIPT, f"{SCRIPT} rise. {SCRIPT}", days=0.5, url="javascript:document.title='owned'", author=SCRIPT), "T07"),
    (row("turned", TURNED, f"{TURNED} is read from the left.", days=0.6, language="ar", url="https://office.example/\u202e"), "T07"),
    (row("huge", HUGE, HUGE, days=0.7, published_precision="month", published_origin="url"), "T07"),
    (row("plain", "Opening hours in winter", "The reading room closes at four.", days=1.5, verdict="outside"), ""),
    *((row(f"fee-{n}", f"Fee notice number {n}", f"Fee notice number {n} explains the fees of designs.", days=4 + n), "T07") for n in range(25)),
]  # fmt: skip


def build_home(folder: Path) -> Settings:
    """Make the folder; returns its settings."""
    settings = Settings(home=folder, space="demo", model="hash").prepared()
    (folder / "demo" / "watches").mkdir()
    (folder / "demo" / "watches" / "machines.yaml").write_text(WATCH)
    (folder / "demo" / "watches" / "odd.yaml").write_text("title: <script>\nunknown: 1\n")
    with Context(settings, FrozenClock(NOW)) as context:
        with context.ledger.write() as connection:
            fill(connection)
        index_queued(context)
        match_queued(context)
        make_digest(context, Subscription(id="daily", title="Daily <script> digest"), NOW - timedelta(minutes=5))
    return settings


def fill(connection: sa.Connection) -> None:
    """Everything that a run would have written."""
    encoder = load_encoder("hash")
    for article, theme in ITEMS:
        text = article["text"]
        connection.execute(sa.insert(articles).values(**article))
        end = min(len(text), 2000)
        digest = sha256(text[:end].encode("utf-8", "replace")).hexdigest()
        connection.execute(sa.insert(passages).values(article=article["id"], n=0, start=0, end=end, text_hash=digest))
        if not connection.scalar(sa.select(sa.func.count()).where(vectors.c.text_hash == digest)):
            (vector,) = encoder.encode([text[:end]])
            stored = np.asarray(vector, "<f4").tobytes()
            connection.execute(
                sa.insert(vectors).values(text_hash=digest, model=encoder.model_id, runtime="numpy", vector=stored)
            )
        if theme:
            connection.execute(sa.insert(tags).values(**tag(article, theme)))
        for index in (INDEX, WATCHES):
            connection.execute(sa.insert(queue).values(index=index, article=article["id"], row_version=1))
    revised(connection)
    visited(connection)


def tag(article: dict[str, Any], theme: str) -> dict[str, Any]:
    """A reason: the first sentence of the text."""
    end = min(article["text"].find(".") + 1 or 200, 500)
    return {
        "article": article["id"], "theme": theme, "rank": 0, "probability": 0.7, "score": 1.0, "anchor": STATEMENT[theme].id,
        "statement_sentence": STATEMENT[theme].text, "item_sentence": article["text"][:end], "field": "text", "start": 0,
        "end": end, "matched": ["intelligence"], "cosine": 0.5,
    }  # fmt: skip


def revised(connection: sa.Connection) -> None:
    """Two revisions of the guidance: the fee was another."""
    for n, fee in ((1, "30"), (2, "40")):
        connection.execute(
            sa.insert(revisions).values(
                article=sha256(b"guidance").hexdigest(), n=n, content_hash=f"v1:{n}", seen=NOW - timedelta(hours=5 - n),
                title="Guidance on artificial intelligence as inventor", text=GUIDANCE.replace("40", fee),
            )
        )  # fmt: skip


def visited(connection: sa.Connection) -> None:
    """Every source was visited; one has been down since yesterday."""
    joined = NOW - timedelta(days=90)
    for source in ("uspto-news", "jpo-news-en", "jpo-news-ja", "uk-ipo-news", "ec-ip-helpdesk", "epo-news"):
        down = source == "epo-news"
        connection.execute(sa.insert(sources).values(id=source, joined=joined, due=NOW, failures=2 if down else 0))
        for hours in (60 * 24, 26, 25, 1):
            bad = down and hours < 26
            connection.execute(
                sa.insert(outcomes).values(
                    run="r", source=source, at=NOW - timedelta(hours=hours), status="failed" if bad else "ok",
                    cause="HTTP 503" if bad else "", counts={"rows": 9},
                )
            )  # fmt: skip
