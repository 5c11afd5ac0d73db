"""A digest tells each story once, original office first, says why, and names what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from digest_record import CUT, STATEMENT, add_article, add_source, add_visit, index_all, open_record, ordered
from hypothesis import given
from hypothesis import strategies as st

from iprwatch.alerts import desk, make
from iprwatch.alerts.compose import share_out
from iprwatch.alerts.desk import whole_days
from iprwatch.alerts.digest import Digest
from iprwatch.alerts.make import find_subscriptions, make_digest, make_due_digests
from iprwatch.alerts.phrases import headline, said_also, said_coverage, said_date, said_down, said_unusual
from iprwatch.alerts.subscriptions import write_subscription
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.errors import InputError
from iprwatch.ledger.outbox import put
from iprwatch.ledger.tables import articles, digest_stories, digests, outbox, story_aliases
from search.trends import Compared

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Context]:
    with open_record(tmp_path) as context:
        add_source(context, "uk-ipo-news", "jpo-news-en", "uspto-news")
        yield context


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """The record on both databases."""
    database = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    with open_record(tmp_path, database) as context:
        add_source(context, "uk-ipo-news", "jpo-news-en", "uspto-news")
        yield context


def later(context: Context, by: timedelta) -> datetime:
    """Let time pass; returns the cut that then lies behind."""
    clock = context.clock
    assert isinstance(clock, FrozenClock)
    clock.at += by
    return clock.at - timedelta(minutes=5)


def titles(digest: Digest) -> set[str]:
    return {t.title for t in digest.told}


def queued(context: Context) -> list[Any]:
    with context.ledger.read() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.created, outbox.c.channel)))


def test_each_story_is_told_once_and_backfill_never(either: Context) -> None:
    add_article(either, "new", CUT - HOUR)
    add_article(either, "last month", CUT - 30 * DAY)
    add_article(either, "old, found today", CUT - 30 * DAY, first_seen=CUT - HOUR)
    add_article(either, "meeting next month, announced long ago", CUT + 30 * DAY, first_seen=CUT - 30 * DAY)
    first = make_digest(either, ordered(), CUT)
    assert titles(first) == {"new"}
    assert first.earlier == 3
    add_article(either, "newer", CUT + HOUR)
    second = make_digest(either, ordered(), later(either, DAY))
    assert titles(second) == {"newer"}
    assert (second.since, second.earlier) == (CUT, 0)
    assert make_digest(either, ordered(), later(either, DAY)).total == 0


def test_the_same_cut_gives_the_same_digest(either: Context) -> None:
    add_article(either, "new", CUT - HOUR)
    first = make_digest(either, ordered(), CUT)
    add_article(either, "came late", CUT - 2 * HOUR)
    assert make_digest(either, ordered(), CUT) == first
    assert len(queued(either)) == 1
    assert titles(make_digest(either, ordered(), later(either, DAY))) == {"came late"}  # not lost


def test_a_story_waits_until_the_index_has_it(either: Context) -> None:
    add_article(either, "slow", CUT - HOUR, indexed=False)
    assert make_digest(either, ordered(), CUT).total == 0
    index_all(either)
    assert titles(make_digest(either, ordered(), later(either, DAY))) == {"slow"}


def test_what_is_seen_after_the_cut_waits_too(record: Context) -> None:
    add_article(record, "a minute late", CUT + timedelta(minutes=1))
    assert make_digest(record, ordered(), CUT).total == 0


def test_a_merged_story_is_not_told_again(either: Context) -> None:
    add_article(either, "first", CUT - HOUR)
    make_digest(either, ordered(), CUT)
    add_article(either, "earlier original", CUT + HOUR)
    with either.ledger.write() as connection:
        connection.execute(sa.update(articles).values(story="earlier original"))
        connection.execute(sa.insert(story_aliases).values(alias="first", story="earlier original"))
    assert make_digest(either, ordered(), later(either, DAY)).total == 0


def test_one_subscription_takes_nothing_from_another(record: Context) -> None:
    add_article(record, "new", CUT - HOUR)
    assert make_digest(record, ordered(), CUT).total == 1
    assert make_digest(record, ordered(id="other"), CUT).total == 1


def test_a_digest_that_breaks_leaves_nothing_behind(record: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    add_article(record, "new", CUT - HOUR)

    def break_off(*_: object) -> Digest:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(make, "compose", break_off)
        with pytest.raises(RuntimeError):
            make_digest(record, ordered(), CUT)
    with record.ledger.read() as connection:
        assert not connection.execute(sa.select(digests.c.id).union_all(sa.select(digest_stories.c.story))).all()
    assert titles(make_digest(record, ordered(), CUT)) == {"new"}


def test_a_new_source_brings_its_shelf_untold_but_its_news_told(record: Context) -> None:
    make_digest(record, ordered(), CUT)
    joined = later(record, 9 * DAY)
    add_source(record, "dpma-press", joined=joined)
    for name, published in (("shelf", joined - 5 * DAY), ("yesterday", joined - DAY), ("news", joined + HOUR)):
        add_article(record, name, published, source="dpma-press", first_seen=joined + 2 * HOUR)
    digest = make_digest(record, ordered(), later(record, DAY))
    assert titles(digest) == {"yesterday", "news"}
    assert digest.earlier == 1


def test_what_appears_after_an_outage_is_told_however_old(record: Context) -> None:
    make_digest(record, ordered(), CUT)
    add_article(record, "from the outage", CUT + DAY, first_seen=CUT + 13 * DAY)
    assert titles(make_digest(record, ordered(), later(record, 14 * DAY))) == {"from the outage"}


def test_an_undated_item_is_news_only_where_it_appeared_later(record: Context) -> None:
    first_read = CUT - 2 * HOUR
    add_source(record, "fr-cnac-news", joined=first_read)
    undated: dict[str, Any] = {"source": "fr-cnac-news", "published_origin": "first_seen"}
    add_article(record, "the page as it was", first_read - timedelta(seconds=1), **undated)
    add_article(record, "came since", CUT - HOUR, **undated)
    assert titles(make_digest(record, ordered(), CUT)) == {"came since"}


@pytest.fixture
def reported(record: Context) -> Context:
    """A story of the JPO that two others report, the UK IPO first by the clock."""
    story: dict[str, Any] = {"story": "jpo", "themes": ("T02.3", "T09.1")}
    add_article(record, "jpo", CUT - 3 * HOUR, source="jpo-news-en", language="ja", **story)
    add_article(record, "uk", CUT - 4 * HOUR, relation="member", **story)
    add_article(record, "us", CUT - HOUR, source="uspto-news", relation="member", **story)
    add_article(record, "us again", CUT - HOUR, source="uspto-news", relation="variant", **story)
    return record


def test_the_original_office_comes_first_and_reprints_are_folded(reported: Context) -> None:
    (told,) = make_digest(reported, ordered(), CUT).told
    assert (told.title, told.office, told.economy, told.language) == ("jpo", "Japan Patent Office (JPO)", "JP", "ja")
    assert said_also(told) == (
        "Also reported by 2: UK Intellectual Property Office (UKIPO) and United States Patent and Trademark Office (USPTO)"
    )
    assert (told.why.theme, told.why.label, told.themes) == ("T02.3", "Artificial intelligence and IP", ("T09.1",))
    assert (told.why.item_sentence, told.why.statement_sentence) == ("It says what is protected.", STATEMENT)


def test_a_reader_of_english_gets_the_english_report(reported: Context) -> None:
    (told,) = make_digest(reported, ordered(languages=["en"]), CUT).told
    assert told.title == "uk"
    assert "Japan Patent Office (JPO)" in told.also_by


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"themes": ["T02"]}, {"ai"}),
        ({"themes": ["T02.1"]}, set()),
        ({"economies": ["JP"]}, {"design"}),
        ({"economies": ["JP"], "sources": ["uspto-news"]}, set()),
        ({"sources": ["uk-ipo-news"], "themes": ["T02", "T07"]}, {"ai"}),
        ({}, {"ai", "design"}),
    ],
)
def test_filters_must_all_hold(record: Context, filters: dict[str, Any], wanted: set[str]) -> None:
    add_article(record, "ai", CUT - HOUR, themes=("T02.3",))
    add_article(record, "design", CUT - HOUR, source="jpo-news-en", themes=("T07",))
    add_article(record, "outside", CUT - HOUR, themes=())
    digest = make_digest(record, ordered(**filters), CUT)
    assert titles(digest) == wanted
    assert digest.untagged == (0 if filters else 1)


def test_a_story_stands_under_the_theme_that_was_asked_for(reported: Context) -> None:
    (section,) = make_digest(reported, ordered(themes=["T09"]), CUT).sections
    assert section.theme == "T09"
    assert section.told[0].why.theme == "T09.1"


def test_themes_follow_the_statement_and_each_gets_its_share(record: Context) -> None:
    for n in range(5):
        add_article(record, f"design {n}", CUT - n * HOUR, themes=("T07",))
        add_article(record, f"health {n}", CUT - n * HOUR, themes=("T01.1",))
    digest = make_digest(record, ordered(per_theme=2, most=3), CUT)
    assert [s.theme for s in digest.sections] == ["T01", "T07"]
    assert [t.title for t in digest.told] == ["health 0", "health 1", "design 0"]  # newest first
    assert [len(s.rest) for s in digest.sections] == [3, 4]
    assert headline(digest) == "10 new stories from 1 office, on 2 themes; 3 are shown."


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 20), st.integers(1, 20))
def test_nobody_gets_a_second_before_everybody_a_first(wanted: list[int], each: int, most: int) -> None:
    given_out = share_out(wanted, each, most)
    assert all(0 <= g <= min(w, each) for g, w in zip(given_out, wanted, strict=True))
    assert sum(given_out) == min(most, sum(min(w, each) for w in wanted))
    unserved = [g for g, w in zip(given_out, wanted, strict=True) if g < min(w, each)]
    assert max(given_out, default=0) - min(unserved, default=max(given_out, default=0)) <= 1


def test_sources_that_were_down_are_named_in_words(either: Context) -> None:
    for hours, status in ((40, "ok"), (18, "failed"), (17, "failed"), (2, "failed")):
        add_visit(either, "uk-ipo-news", CUT - hours * HOUR, status, "" if status == "ok" else "HTTP 503")
    for hours, status in ((20, "ok"), (12, "blocked"), (11, "ok")):
        add_visit(either, "jpo-news-en", CUT - hours * HOUR, status, "" if status == "ok" else "robots.txt refuses")
    add_visit(either, "uspto-news", CUT - 80 * HOUR, "failed", "no answer")  # slowed down, not visited since
    add_visit(either, "uspto-news", CUT + timedelta(minutes=1), "ok")  # after the cut
    digest = make_digest(either, ordered(timezone="Europe/Berlin"), CUT)
    coverage = digest.coverage
    assert said_coverage(coverage) == f"2 of {coverage.sources} sources could not be read."
    assert [said_down(d, digest) for d in coverage.down] == [
        "USPTO news: since Sunday 01:00. no answer",
        "UK IPO news: since Tuesday 15:00. HTTP 503",
        "JPO news in English: Tuesday 21:00 to 22:00, read again since. robots.txt refuses",
    ]


def test_a_source_that_is_visited_only_when_named_is_known_but_not_missed(record: Context) -> None:
    add_source(record, "euipo-news")  # declared, not enabled
    add_visit(record, "euipo-news", CUT - HOUR, "failed", "HTTP 403")
    add_article(record, "trade marks", CUT - HOUR, source="euipo-news")
    digest = make_digest(record, ordered(), CUT)
    assert digest.told[0].office == "European Union Intellectual Property Office (EUIPO)"
    assert digest.coverage.down == ()


def test_a_machine_that_slept_says_so(record: Context) -> None:
    digest = make_digest(record, ordered(), CUT)
    assert said_coverage(digest.coverage) == f"None of {digest.coverage.sources} sources was visited in this time."


def test_alerts_since_the_last_digest_are_listed_once(record: Context) -> None:
    article = {"title": "Fakes seized", "url": "https://office.example/f"}
    rows = [
        {"key": str(n), "kind": "alert", "owner": watch, "story": "s", "article": "a", "state": "sent", "channel": channel,
         "reason": {"watch": watch.title(), "article": article}, "created": at, "due": at}
        for n, (watch, channel, at) in enumerate(
            [("fakes", "inbox", CUT - HOUR), ("fakes", "mail", CUT - HOUR), ("parcels", "inbox", CUT - 2 * HOUR),
             ("fakes", "inbox", CUT - 2 * DAY)]
        )
    ]  # fmt: skip
    with record.ledger.write() as connection:
        put(connection, rows)
    (alert,) = make_digest(record, ordered(id="a"), CUT).alerts
    assert (alert.watches, alert.title, alert.at) == (("Fakes", "Parcels"), "Fakes seized", CUT - HOUR)
    assert make_digest(record, ordered(id="b", watches=["other"]), CUT).alerts == ()


def test_a_quiet_day_is_silent_or_one_line_and_a_week_of_silence_is_broken(record: Context) -> None:
    add_article(record, "new", CUT - HOUR)
    make_digest(record, ordered(), CUT)
    make_digest(record, ordered(id="chatty", quiet="line"), CUT)
    for _ in range(8):
        cut = later(record, DAY)
        make_digest(record, ordered(), cut)
        make_digest(record, ordered(id="chatty", quiet="line"), cut)
    owners = [row.owner for row in queued(record)]
    assert owners.count("chatty") == 9
    assert owners.count("daily") == 2  # the story, and a sign of life after seven days


def test_a_reader_who_never_had_news_hears_within_a_week(record: Context) -> None:
    make_digest(record, ordered(), CUT)
    assert queued(record) == []
    make_digest(record, ordered(), later(record, 7 * DAY))
    assert len(queued(record)) == 1


def test_each_channel_has_one_message(record: Context) -> None:
    add_article(record, "new", CUT - HOUR)
    digest = make_digest(record, ordered(channels=["desk", "desk"]), CUT)
    assert [(r.channel, r.state, r.digest) for r in queued(record)] == [
        ("desk", "waiting", digest.id),
        ("inbox", "sent", digest.id),
    ]


def test_a_cut_to_come_is_refused(record: Context) -> None:
    with pytest.raises(InputError, match="still to come"):
        make_digest(record, ordered(), CUT + HOUR)


def test_themes_are_compared_on_the_whole_days_of_the_window(record: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    assert whole_days(CUT - DAY, CUT) == (date(2026, 11, 24), date(2026, 11, 24))
    assert whole_days(CUT - 3 * DAY, CUT) == (date(2026, 11, 22), date(2026, 11, 24))
    assert whole_days(CUT - HOUR, CUT) == (date(2026, 11, 24), date(2026, 11, 24))
    found = {
        "T02": Compared(9, 1, 2.0, 4, "more than usual"),
        "T03": Compared(0, 3, 5.0, 9, "less than usual"),
        "T05": Compared(0, 0, 0.0, 1, "too few to say"),
        "T02.3": Compared(9, 1, 2.0, 4, "more than usual"),
    }
    monkeypatch.setattr(desk, "compare_with_usual", lambda *_: found)
    digest = make_digest(record, ordered(), CUT)
    assert [u.theme for u in digest.usual] == ["T02", "T03"]
    assert said_unusual(digest) == (
        "More than usual: IP and future technologies. Less than usual: IP enforcement and best practice."
    )
    assert [u.theme for u in make_digest(record, ordered(id="b", themes=["T03.1"]), CUT).usual] == ["T03"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "24 Nov 2026"),
        ({"published_precision": "month"}, "November 2026"),
        ({"published_origin": "url"}, "24 Nov 2026 (from its address)"),
        ({"published_origin": "first_seen"}, "first seen 24 Nov 2026, no date given"),
        ({"source": "jpo-news-en", "published": CUT - 16 * HOUR}, "25 Nov 2026"),  # one in the morning in Tokyo
    ],
)
def test_a_date_is_as_exact_as_it_is_known(record: Context, given: dict[str, Any], said: str) -> None:
    add_article(record, "a", CUT - 20 * HOUR, **given)
    (told,) = make_digest(record, ordered(), CUT).told
    assert said_date(told) == said


def subscribe(context: Context, **given: object) -> None:
    write_subscription(context.settings.config_folder, ordered(**given))


def test_missed_cuts_are_made_up_for_once(record: Context) -> None:
    subscribe(record)
    subscribe(record, id="tokyo", timezone="Asia/Tokyo")
    subscribe(record, id="off", enabled=False)
    add_article(record, "new", CUT - 10 * HOUR)
    assert make_due_digests(record) == ["daily:2026-11-25T080000Z", "tokyo:2026-11-24T230000Z"]
    assert make_due_digests(record) == []
    later(record, 3 * DAY)
    assert make_due_digests(record) == ["daily:2026-11-28T080000Z", "tokyo:2026-11-27T230000Z"]
    pages = {p.name for p in (record.settings.folder / "digests").iterdir()}
    assert pages >= {"daily-2026-11-25T080000Z.html", "tokyo-2026-11-27T230000Z.html", "latest.html", "digests.xml"}


def test_a_digest_made_by_hand_stands_for_the_cut_before(record: Context) -> None:
    subscribe(record)
    make_digest(record, ordered(), record.clock.now())
    assert make_due_digests(record) == []


def test_nothing_is_due_before_anything_was_watched(tmp_path: Path) -> None:
    with open_record(tmp_path) as context:
        subscribe(context)
        assert make_due_digests(context) == []
        add_source(context, "uk-ipo-news", joined=CUT + timedelta(minutes=1))
        assert make_due_digests(context) == []
        later(context, DAY)
        assert len(make_due_digests(context)) == 1


def test_a_file_that_cannot_be_used_holds_up_no_other(record: Context) -> None:
    subscribe(record)
    bad = record.settings.config_folder / "subscriptions" / "bad.yaml"
    bad.write_text("title: A\nthemes: [T99]\n")
    assert make_due_digests(record) == ["daily:2026-11-25T080000Z"]
    assert "no theme is called T99" in find_subscriptions(record).faults["bad"]
    bad.write_text("title: A\nthemes: [T02]\n")
    assert set(find_subscriptions(record).by_id) == {"bad", "daily"}
