"""What alerts, and what does not: a small record with watches, articles written one by one, and the outbox that results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from iprwatch.alerts.match import match_queued
from iprwatch.alerts.watches import Watch, WatchFilters, write_watch
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.ledger.articles import Understood, find_known, touch, write_article
from iprwatch.ledger.outbox import find_alerts
from iprwatch.ledger.sources import enrol
from iprwatch.ledger.tables import articles, outbox, outcomes, queue, story_aliases
from iprwatch.settings import load_settings
from pipelines.model import Article, Passage, Stamp, Tagging

JOINED = datetime(2026, 5, 4, 9, tzinfo=UTC)
NOW = datetime(2026, 5, 20, 10, tzinfo=UTC)
MADE = NOW.date() - timedelta(days=10)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A live space whose source `epo-news` joined on 4 May and was read that day."""
    settings = load_settings(home=tmp_path, space="live", model="hash")
    with Context(settings, FrozenClock(NOW)) as context:
        with context.ledger.write() as connection:
            enrol(connection, ["epo-news", "uspto-news"], JOINED)
            read = {
                "run": "r",
                "source": "epo-news",
                "at": JOINED + timedelta(minutes=2),
                "status": "ok",
                "cause": "",
                "counts": {},
            }
            connection.execute(sa.insert(outcomes), [read])
        yield context


def watch(context: Context, id: str = "fakes", **fields: Any) -> None:
    declared = {"title": "Fakes", "query": "counterfeit", "mode": "keyword", "created": MADE} | fields
    write_watch(context.settings.config_folder, id, Watch(**declared))


def article(context: Context, id: str, text: str = "Customs seized counterfeit shoes.", **fields: Any) -> None:
    """Write an article, or its next revision; published two hours before now and seen an hour later unless said otherwise."""
    published = fields.pop("published", NOW - timedelta(hours=2))
    story, relation = fields.pop("story", id), fields.pop("relation", "head")
    origin = fields.pop("origin", "entry")
    made = Article(
        id=id, source="epo-news", key=id, url=f"https://office.example/{id}", title=f"Notice {id}", text=text,
        published=Stamp(published, "second", origin), language="en", content_hash=f"v1:{text}",
        first_seen=published + timedelta(hours=1),
    )  # fmt: skip
    made = replace(made, **fields)
    passages = (Passage(0, 0, len(text), text),)
    with context.ledger.write() as connection:
        known = find_known(connection, [id]).get(id)
        item = Understood(made, passages, ("none",), Tagging("themed", (), "t"), b"", (), story, relation)
        write_article(connection, item, known, NOW)


def fired(context: Context) -> list[tuple[str, str, int]]:
    """(watch, article, revision) of what is in the inbox after the queue was indexed and matched."""
    index_queued(context)
    match_queued(context)
    with context.ledger.read() as connection:
        assert not connection.scalar(sa.select(sa.func.count()).select_from(queue))
        return sorted((r.owner, r.article, r.revision) for r in find_alerts(connection, 100))


def test_what_is_new_and_answers_alerts_once_with_its_reason(context: Context) -> None:
    watch(context)
    article(context, "a")
    article(context, "b", "A seminar on designs.")
    assert fired(context) == [("fakes", "a", 0)]
    assert fired(context) == [("fakes", "a", 0)]
    with context.ledger.read() as connection:
        (row,) = find_alerts(connection, 9)
    assert (row.state, row.channel, row.sent) == ("sent", "inbox", NOW)
    reason = row.reason
    assert reason["words"] == ["counterfeit"]
    assert reason["passage"] == "Customs seized counterfeit shoes."
    assert [reason["passage"][a:b] for a, b in reason["highlights"]] == ["counterfeit"]
    assert reason["hops"]["published"] == (NOW - timedelta(hours=2)).isoformat()
    assert reason["hops"]["alerted"] == NOW.isoformat()


def test_every_channel_of_the_watch_gets_a_row(context: Context) -> None:
    watch(context, channels=("mail", "chat"))
    article(context, "a")
    fired(context)
    with context.ledger.read() as connection:
        rows = connection.execute(sa.select(outbox.c.channel, outbox.c.state).order_by(outbox.c.channel)).all()
    assert [tuple(r) for r in rows] == [("chat", "waiting"), ("inbox", "sent"), ("mail", "waiting")]


@pytest.mark.parametrize(
    ("name", "fields", "alerts"),
    [
        ("published before its source joined", {"published": JOINED - timedelta(days=1)}, False),
        ("published before the watch was made", {"published": NOW - timedelta(days=12)}, False),
        ("published the day before the watch was made", {"published": NOW - timedelta(days=11)}, True),
        ("an outage of a week, then the item", {"published": NOW - timedelta(days=8), "first_seen": NOW}, True),
        ("undated, seen at the source's first visit", {"published": JOINED, "origin": "first_seen", "first_seen": JOINED}, False),
        ("undated, seen later", {"published": NOW, "origin": "first_seen", "first_seen": NOW}, True),
        ("added by hand, of the past", {"source": "added", "published": NOW - timedelta(days=3), "first_seen": NOW}, False),
        ("added by hand, of today", {"source": "added", "published": NOW - timedelta(hours=3), "first_seen": NOW}, True),
        ("undated at a source that was never read", {"source": "uspto-news", "origin": "first_seen", "published": NOW}, False),
    ],
)  # fmt: skip
def test_only_news_alerts(context: Context, name: str, fields: dict[str, Any], alerts: bool) -> None:
    watch(context)
    article(context, "a", **fields)
    assert bool(fired(context)) is alerts, name


def test_a_watch_without_a_date_goes_by_the_source_alone(context: Context) -> None:
    watch(context, created=None)
    article(context, "old", published=NOW - timedelta(days=14))
    article(context, "older", published=JOINED - timedelta(days=1))
    assert fired(context) == [("fakes", "old", 0)]


def test_a_reprint_and_a_variant_do_not_alert_again(context: Context) -> None:
    watch(context)
    article(context, "a")
    fired(context)
    article(context, "b", story="a", relation="member")
    article(context, "c", story="a", relation="variant")
    assert fired(context) == [("fakes", "a", 0)]


def test_the_head_speaks_for_a_story_that_comes_whole(context: Context) -> None:
    watch(context)
    article(context, "b", story="a", relation="member")
    article(context, "a", story="a")
    assert fired(context) == [("fakes", "a", 0)]


def test_stories_that_become_one_do_not_alert_again(context: Context) -> None:
    watch(context)
    article(context, "b")
    fired(context)
    with context.ledger.write() as connection:  # an earlier report turns up: the story takes its id
        connection.execute(sa.insert(story_aliases), [{"alias": "b", "story": "a"}])
        touch(connection, ["b"], story="a", relation="member")
    article(context, "a", story="a", published=NOW - timedelta(hours=5))
    assert fired(context) == [("fakes", "b", 0)]


def test_a_change_of_place_alone_does_not_come_before_the_watches(context: Context) -> None:
    article(context, "a")
    assert fired(context) == []
    watch(context)
    with context.ledger.write() as connection:
        touch(connection, ["a"], relation="member")
    assert fired(context) == []


def test_a_revision_alerts_again_only_where_it_is_asked_for(context: Context) -> None:
    watch(context)
    watch(context, "every-version", revisions=True)
    article(context, "a")
    assert fired(context) == [("every-version", "a", 0), ("fakes", "a", 0)]
    for n in (2, 3):
        article(context, "a", f"Customs seized counterfeit shoes, {n} times.")
    first = [("every-version", "a", 0), ("every-version", "a", 3), ("fakes", "a", 0)]
    assert fired(context) == first, "what was revised twice between two looks is told once"
    article(context, "b", story="a", relation="member")
    article(context, "b", "Another counterfeit.", story="a", relation="member")
    assert fired(context) == first, "a reprint's revisions are nobody's news"


def test_a_revision_that_answers_for_the_first_time_alerts(context: Context) -> None:
    watch(context)
    article(context, "a", "Customs seized shoes.")
    assert fired(context) == []
    article(context, "a", "Customs seized counterfeit shoes.")
    assert fired(context) == [("fakes", "a", 0)]


def test_filters_and_disabled_watches(context: Context) -> None:
    watch(context, "elsewhere", filters=WatchFilters(economies=("JP",)))
    watch(context, "here", query="", filters=WatchFilters(economies=("INT",)))
    watch(context, "off", enabled=False)
    article(context, "a")
    assert fired(context) == [("here", "a", 0)]


def test_meaning_alerts_with_its_cosine(context: Context) -> None:
    vector = context.encoder.encode(["Notice a. Customs seized counterfeit shoes."])[0]
    watch(context, query="Notice a. Customs seized counterfeit shoes.", mode="semantic", min_cosine=0.9)
    article(context, "a")
    with context.ledger.write() as connection:
        from iprwatch.ledger.articles import store_vectors

        store_vectors(connection, {"none": vector}, context.encoder.model_id, context.encoder.runtime)
    assert fired(context) == [("fakes", "a", 0)]
    with context.ledger.read() as connection:
        (row,) = find_alerts(connection, 9)
    assert row.reason["cosine"] == pytest.approx(1, abs=1e-3)
    assert row.reason["words"] == []


def test_a_file_that_cannot_be_read_is_named_and_holds_up_no_other(context: Context) -> None:
    watch(context)
    (context.settings.config_folder / "watches" / "typo.yaml").write_text("title: T\nquery: x\nchanels: [mail]\n")
    article(context, "a")
    index_queued(context)
    matched = match_queued(context)
    assert matched.alerts == 1
    assert "typo.yaml: line 3: chanels" in matched.faults["typo"]


def test_what_left_the_record_is_not_owed_for_ever(context: Context) -> None:
    watch(context)
    article(context, "a")
    index_queued(context)
    with context.ledger.write() as connection:
        connection.execute(sa.delete(articles))
    assert fired(context) == []


def test_a_killed_round_is_finished_by_the_next(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(context)
    article(context, "a")
    index_queued(context)
    with monkeypatch.context() as patch:
        patch.setattr("iprwatch.alerts.match.acknowledge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            match_queued(context)
    with context.ledger.read() as connection:
        assert find_alerts(connection, 9) == [], "rows and acknowledgement are one transaction"
    assert fired(context) == [("fakes", "a", 0)]


def test_a_reason_is_plain_json_whatever_the_item_holds(context: Context) -> None:
    watch(context)
    article(context, "a", "counterfeit \u202e<script>alert(1)</script> \x00 特許")
    assert fired(context)
    with context.ledger.read() as connection:
        (row,) = find_alerts(connection, 9)
    assert json.loads(json.dumps(row.reason)) == row.reason
