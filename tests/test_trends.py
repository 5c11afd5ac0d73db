"""Themes over time: whole series, the usual, what was not seen, and that a drop which is an outage is never shown as a drop."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from digest_record import add_article, add_source, add_visit, open_record
from hypothesis import given
from hypothesis import strategies as st

from iprwatch.chart_data import hatch, moment, plane_of
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.errors import InputError, NotFound
from iprwatch.ledger.tables import outcomes
from iprwatch.outages import Gap, Visit, Watched, describe_gaps, find_gaps, find_watched, spell_days, unseen_shares
from iprwatch.trend_forms import describe_trend, pool, render_csv, sparkline, summarise, tell_outages
from iprwatch.trends import PERIODS_MOST, Asked, Trend, find_span, find_trend
from search.schema import PERIODS, Count, Document, IndexedTag, Period
from search.sqlite_index import SqliteIndex
from search.trends import (
    compare,
    compare_with_usual,
    days_of,
    earlier_windows,
    fill_periods,
    first_day,
    usual,
)

TODAY = date(2026, 11, 25)  # a Wednesday
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LABELS = {"T02": "IP and future technologies", "T02.3": "Artificial intelligence and IP", "T03": "IP enforcement"}
DAY = timedelta(days=1)
HALF_HOURLY = timedelta(minutes=30)


def at(day: int, hour: int = 9, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def daily(stories: Callable[[date], int], since: date, until: date) -> list[Count]:
    return [Count(day, "T02", n, n) for day in days_of(since, until) if (n := stories(day))]


# --- periods ---------------------------------------------------------------------------------------------------------------


def test_what_was_not_counted_is_zero_and_what_is_not_over_is_not_whole() -> None:
    counts = [Count(date(2026, 11, 16), "T02", 4, 3)]
    points = fill_periods(counts, ["T02", "T03"], (date(2026, 11, 11), TODAY), "week", TODAY)
    assert [(p.group, p.start.day, p.end.day, p.stories, p.whole) for p in points] == [
        ("T02", 9, 15, 0, False), ("T02", 16, 22, 3, True), ("T02", 23, 29, 0, False),
        ("T03", 9, 15, 0, False), ("T03", 16, 22, 0, True), ("T03", 23, 29, 0, False),
    ]  # fmt: skip


def test_today_is_not_over() -> None:
    points = fill_periods([], ["T02"], (TODAY - DAY, TODAY), "day", TODAY)
    assert [p.whole for p in points] == [True, False]


@given(st.dates(date(1990, 1, 1), date(2050, 1, 1)), st.integers(0, 500), st.sampled_from(PERIODS))
def test_periods_follow_each_other_without_gap_and_cover_the_span(since: date, length: int, by: Period) -> None:
    until = since + timedelta(days=length)
    points = fill_periods([], ["T02"], (since, until), by, until)
    assert points[0].start <= since <= points[0].end
    assert points[-1].start <= until <= points[-1].end
    assert all(a.end + DAY == b.start for a, b in pairwise(points))
    assert all(p.start == first_day(p.end, by) for p in points)


# --- the usual -------------------------------------------------------------------------------------------------------------


def test_a_day_is_compared_with_its_weekday_of_eight_weeks_and_a_month_with_twelve_months() -> None:
    assert {first.weekday() for first, _ in earlier_windows(TODAY, TODAY)} == {TODAY.weekday()}
    assert len(earlier_windows(TODAY, TODAY)) == 8
    months = earlier_windows(date(2026, 3, 1), date(2026, 3, 31))
    assert months[0] == (date(2026, 2, 1), date(2026, 2, 28))
    assert months[-1] == (date(2025, 3, 1), date(2025, 3, 31))
    weeks = earlier_windows(date(2026, 11, 16), date(2026, 11, 22))
    assert len(weeks) == 12
    assert all(later[0] - earlier[1] == DAY for later, earlier in pairwise(weeks))


@pytest.mark.parametrize(
    ("count", "earlier", "word"),
    [
        (9, [1, 2, 2, 3], "more than usual"),
        (4, [1, 2, 2, 3], "as usual"),  # beyond the range, but chance goes there
        (3, [1, 2, 2, 3], "as usual"),
        (2, [16, 14, 18, 20], "less than usual"),
        (13, [16, 14, 18, 20], "as usual"),
        (2, [0, 0, 1, 0], "too few to say"),
        (9, [1, 2, 3], "too few to say"),  # three windows are no range
        (9, [], "too few to say"),
    ],
)
def test_a_count_is_called_unusual_only_beyond_range_and_chance(count: int, earlier: Sequence[int], word: str) -> None:
    assert compare(count, earlier).word == word


def test_the_usual_is_least_middle_and_most() -> None:
    assert usual([5, 1, 3, 3]) == (1, 3.0, 5)
    assert usual([]) == (0, 0.0, 0)


def test_a_drop_is_less_than_usual_unless_a_source_was_not_seen() -> None:
    counts = daily(lambda day: 0 if day == TODAY else 9, TODAY - 70 * DAY, TODAY)
    assert compare_with_usual(counts, TODAY, TODAY)["T02"].word == "less than usual"
    shown = compare_with_usual(counts, TODAY, TODAY, {TODAY: 1 / 35})["T02"]
    assert (shown.word, shown.partly_seen) == ("too few to say", True)


def test_more_stays_more_although_a_source_was_down() -> None:
    counts = daily(lambda day: 40 if day == TODAY else 9, TODAY - 70 * DAY, TODAY)
    assert compare_with_usual(counts, TODAY, TODAY, {TODAY: 0.5})["T02"].word == "more than usual"


def test_days_that_were_not_seen_are_no_measure() -> None:
    dark = set(days_of(TODAY - 30 * DAY, TODAY - DAY))
    counts = daily(lambda day: 0 if day in dark else 9, TODAY - 70 * DAY, TODAY)
    assert compare_with_usual(counts, TODAY, TODAY)["T02"].usual_low == 0
    assert compare_with_usual(counts, TODAY, TODAY, dict.fromkeys(dark, 0.9))["T02"].usual_low == 9


def test_what_lies_before_the_first_count_is_no_measure() -> None:
    counts = daily(lambda _: 9, TODAY - 20 * DAY, TODAY)
    shown = compare_with_usual(counts, TODAY, TODAY)["T02"]
    assert (shown.usual_low, shown.word) == (9, "too few to say"), "two weeks are too few"


# --- what was not seen -----------------------------------------------------------------------------------------------------


def gaps_of(*visits: Visit) -> list[tuple[str, int, int]]:
    """Gaps of November of a source that had been read all the time before."""
    before = [Visit(at(day), True) for day in range(1, visits[0].at.day)]
    watched = Watched("epo-news", at(1), HALF_HOURLY, date(2026, 1, 1), (*before, *visits))
    return [(g.reason, g.since.day, g.until.day) for g in find_gaps([watched], date(2026, 11, 1), NOW)]


def test_a_source_is_down_from_its_first_failure_until_it_is_reached_again() -> None:
    visits = (
        Visit(at(12), False, "HTTP 503"),
        Visit(at(13), False, "HTTP 500"),
        *(Visit(at(day), True) for day in range(14, 26)),
    )
    assert gaps_of(*visits) == [("down", 12, 14)]


def test_a_failure_mended_on_the_same_day_is_no_gap() -> None:
    assert gaps_of(Visit(at(25, 8), False), Visit(at(25, 10), True)) == []


def test_a_source_that_is_still_down_is_down_today() -> None:
    assert gaps_of(Visit(at(25), False)) == [("down", 25, 25)]


def test_down_before_the_first_day_shown_is_down_on_it() -> None:
    watched = Watched(
        "x", at(1, month=9), HALF_HOURLY, None, (Visit(at(20, month=10), False), Visit(at(2), True), Visit(NOW, True))
    )
    (gap,) = (g for g in find_gaps([watched], date(2026, 11, 1), NOW) if g.reason == "down")
    assert (gap.since, gap.until) == (date(2026, 11, 1), date(2026, 11, 2))


def test_days_without_a_visit_are_named_for_a_source_that_is_due_more_often() -> None:
    visits = (Visit(at(1), True), Visit(at(10), True), Visit(at(20), True))
    often = Watched("often", at(1), HALF_HOURLY, date(2026, 1, 1), visits)
    weekly = Watched("weekly", at(1), timedelta(days=7), date(2026, 1, 1), visits)
    assert [(g.source, g.reason, g.since.day, g.until.day) for g in find_gaps([often, weekly], date(2026, 11, 1), NOW)] == [
        ("often", "not visited", 2, 9), ("often", "not visited", 11, 19), ("often", "not visited", 21, 25),
    ]  # fmt: skip


def test_before_its_oldest_item_a_source_is_not_known_and_joining_later_is_told() -> None:
    first = Watched("first", at(3), HALF_HOURLY, date(2026, 1, 1), (Visit(NOW, True),))
    late = Watched("late", at(20), HALF_HOURLY, date(2026, 11, 10), (Visit(NOW, True),))
    empty = Watched("empty", at(20), HALF_HOURLY, None, (Visit(NOW, True),))
    found = [
        (g.source, g.reason, g.since.day, g.until.day) for g in find_gaps([first, late, empty], date(2026, 11, 1), NOW)
    ]
    assert [each for each in found if each[1] != "not visited"] == [
        ("late", "not known", 1, 9), ("empty", "not known", 1, 19), ("empty", "joined", 20, 20), ("late", "joined", 20, 20),
    ]  # fmt: skip


def test_gaps_are_told_in_words() -> None:
    gap = Gap("epo-news", "down", date(2026, 11, 12), date(2026, 11, 14), "HTTP 503")
    month = (date(2026, 11, 1), date(2026, 11, 30))
    assert describe_gaps([gap], *month, 35) == "epo-news down 12–14 Nov 2026 (HTTP 503)"
    many = [Gap(name, "not visited", date(2026, 10, 30), date(2026, 11, 2)) for name in "abc"]
    unknown = Gap("d", "not known", date(2026, 10, 1), date(2026, 11, 9))
    assert describe_gaps([*many, unknown], *month, 35) == (
        "3 of 35 sources not visited 30 Oct – 2 Nov 2026; d not known yet at its start"
    )
    assert describe_gaps([gap], date(2026, 12, 1), date(2026, 12, 31), 35) == ""
    assert spell_days(date(2025, 12, 31), date(2026, 1, 2)) == "31 Dec 2025 – 2 Jan 2026"


def test_a_source_that_is_missed_twice_on_a_day_counts_once() -> None:
    twice = [Gap("a", "down", TODAY, TODAY), Gap("a", "down", TODAY, TODAY), Gap("b", "joined", TODAY, TODAY)]
    assert unseen_shares(twice, 4) == {TODAY: 0.25}


# --- index and ledger ------------------------------------------------------------------------------------------------------

SOURCES = ("uk-ipo-news", "epo-news")
JOINED = datetime(2025, 6, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_visits_in_the_ledger_become_gaps(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    with open_record(tmp_path, url, NOW) as context:
        add_source(context, *SOURCES, joined=at(1))
        for day in range(1, 26):
            for minutes in (0, 1439):  # the first and last minute of a UTC day, whatever the database's zone is
                moment = at(day, 0) + timedelta(minutes=minutes)
                if moment > at(1):
                    add_visit(context, "uk-ipo-news", moment)
                    down = 12 <= day < 14
                    add_visit(context, "epo-news", moment, "blocked" if down else "unchanged", "403" if down else "")
        add_article(context, "old", at(3, month=10), source="epo-news")
        every = dict.fromkeys((*SOURCES, "never-enrolled"), HALF_HOURLY)
        with context.ledger.read() as connection:
            watched = find_watched(connection, every, date(2026, 10, 1))
        assert [w.source for w in watched] == ["epo-news", "uk-ipo-news"]
        found = [(g.source, g.reason, g.since, g.until, g.cause) for g in find_gaps(watched, date(2026, 10, 1), NOW)]
    assert found == [
        ("epo-news", "not known", date(2026, 10, 1), date(2026, 10, 2), ""),
        ("uk-ipo-news", "not known", date(2026, 10, 1), date(2026, 10, 31), ""),
        ("epo-news", "down", date(2026, 11, 12), date(2026, 11, 14), "403"),
    ]


def filled(context: Context) -> SqliteIndex:
    """Two offices, read every day of a year and a half; 16 stories a month, but 4 in October, when epo-news was down for three days."""
    add_source(context, *SOURCES, joined=JOINED)
    visits = [
        {"run": "r", "source": source, "at": JOINED + n * DAY, "counts": {}, "status": "ok", "cause": ""}
        for source in SOURCES
        for n in range((NOW - JOINED).days + 1)
    ]
    for visit in visits:
        if visit["source"] == "epo-news" and visit["at"].date() in DARK:
            visit |= {"status": "failed", "cause": "HTTP 503"}
    with context.ledger.write() as connection:
        connection.execute(sa.insert(outcomes), visits)
    for source in SOURCES:
        add_article(context, f"oldest of {source}", JOINED - 90 * DAY, source=source)
    index = SqliteIndex(context.settings.index_folder)
    index.upsert(documents())
    return index


DARK = (date(2026, 10, 12), date(2026, 10, 13))  # reached again on the 14th


def documents() -> Iterator[Document]:
    for month in range(18):
        first = datetime(2025 + (5 + month) // 12, (5 + month) % 12 + 1, 1, 12, tzinfo=UTC)
        for n in range(4 if (first.year, first.month) == (2026, 10) else 16):
            name, when = f"a{month}-{n}", first + n * DAY
            economy = ("GB", "INT")[n % 2]
            tag = IndexedTag("T02.3", 0.8, "statement", "item")
            yield Document(
                name, 1, SOURCES[n % 2], economy, "en", f"https://office.example/{name}", "Title", "Text.", "", when, when, name,
                True, "themed", (tag,), (),
            )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with that record and index, at noon of 25 November 2026."""
    with open_record(tmp_path, now=NOW) as context:
        filled(context).close()
    monkeypatch.setenv("IPRWATCH_HOME", str(tmp_path))
    monkeypatch.setattr("iprwatch.context.SystemClock", lambda: FrozenClock(NOW))
    return tmp_path


def ask(home: Path, asked: Asked) -> Trend:
    with open_record(home, now=NOW) as context:
        index = SqliteIndex(context.settings.index_folder, read_only=True)
        try:
            return find_trend(context, index, asked, LABELS)
        finally:
            index.close()


@pytest.fixture
def trend(home: Path) -> Trend:
    return ask(home, Asked(themes=("T02", "T03")))


def test_a_drop_in_which_a_source_was_down_is_hatched_and_named_and_not_called_less(trend: Trend) -> None:
    counts = {row.start: row.stories for row in trend.series("T02")}
    assert (counts[date(2026, 9, 1)], counts[date(2026, 10, 1)]) == (16, 4)
    assert [(o.start, o.text) for o in trend.outages] == [
        (date(2026, 10, 1), "epo-news down 12–14 Oct 2026 (HTTP 503)")
    ]
    assert trend.compared_days == (date(2026, 10, 1), date(2026, 10, 31))
    assert (trend.compared["T02"].count, trend.compared["T02"].word) == (4, "too few to say")
    assert trend.compared["T02"].usual_low == 16


def test_the_same_drop_is_less_where_all_sources_were_seen(home: Path) -> None:
    trend = ask(home, Asked(themes=("T02",), sources=("uk-ipo-news",)))
    assert (trend.sources, trend.outages) == (1, ())
    assert (trend.compared["T02"].count, trend.compared["T02"].word) == (2, "less than usual")


def test_economy_and_span_narrow_what_is_counted(home: Path) -> None:
    trend = ask(
        home, Asked(by="week", themes=("T02",), economies=("INT",), since=date(2026, 9, 9), until=date(2026, 9, 20))
    )
    assert [(r.start.day, r.stories, r.whole) for r in trend.rows] == [(7, 2, False), (14, 2, True)]
    assert trend.sources == 1


def test_fourteen_months_and_the_top_themes_are_shown_unless_asked_otherwise(home: Path) -> None:
    trend = ask(home, Asked())
    assert list(trend.themes) == ["T02", "T03"]
    assert (trend.since, trend.until, len(trend.seen)) == (date(2025, 10, 1), date(2026, 11, 30), 14)


def test_a_theme_nobody_knows_is_an_error(home: Path) -> None:
    with pytest.raises(NotFound, match="T99"):
        ask(home, Asked(themes=("T99",)))


def test_spans_that_cannot_be_shown_are_errors() -> None:
    assert find_span(Asked(until=date(2100, 1, 1)), TODAY)[1] == TODAY, "nothing is published in the future"
    with pytest.raises(InputError, match="is after"):
        find_span(Asked(since=TODAY, until=TODAY - DAY), TODAY)
    with pytest.raises(InputError, match=f"more than {PERIODS_MOST} days"):
        find_span(Asked(by="day", since=date(1999, 1, 1)), TODAY)
    with pytest.raises(InputError, match="before 1883"):
        find_span(Asked(until=date(1, 1, 1)), TODAY)


# --- forms -----------------------------------------------------------------------------------------------------------------


def test_sparklines_keep_every_count_and_fit() -> None:
    assert sparkline([0, 1, 8, 16], 16) == "·▁▄█"
    for length in (1, 26, 27, 60, 425):
        counts = list(range(length))
        assert len(pool(counts)) <= 26
        assert sum(pool(counts)) == sum(counts)


def test_csv_names_the_outage_and_reads_back(trend: Trend) -> None:
    text = render_csv(trend)
    assert text.count("\r\n") == 1 + 2 * 14
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert sum(int(row["stories"]) for row in rows) == sum(row.stories for row in trend.rows)
    (dark,) = (row for row in rows if row["start"] == "2026-10-01" and row["theme"] == "T02")
    assert dark["partly_seen"] == "epo-news down 12–14 Oct 2026 (HTTP 503)"
    assert [row["whole"] for row in rows[12:14]] == ["true", "false"]


def test_neighbouring_periods_that_missed_the_same_are_told_once(home: Path) -> None:
    trend = ask(home, Asked(by="day", themes=("T02",)))
    assert tell_outages(trend.outages) == ["12–14 Oct 2026: epo-news down 12–14 Oct 2026 (HTTP 503)"]
    (line,) = summarise(trend)
    assert (len(line.sparkline), line.total) == (20, sum(row.stories for row in trend.rows))


# --- pictures --------------------------------------------------------------------------------------------------------------


def pixels(png: bytes) -> tuple[tuple[int, ...], bytes]:
    """Width, height and unpacked data of a PNG with whatever chunks."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    found, at = {}, 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size) == (zlib.crc32(kind + data),)
        found[kind] = found.get(kind, b"") + data
        at += 12 + size
    assert kind == b"IEND"
    return struct.unpack_from(">II", found[b"IHDR"]), zlib.decompress(found[b"IDAT"])


def test_the_picture_has_labels_hatching_and_numbers(trend: Trend) -> None:
    from iprwatch.charts import render_svg, theme_chart

    link = "https://desk.example/search?theme={theme}&since={since}&until={until}"
    svg = render_svg(theme_chart(replace(trend, demo=True), link))
    for text in (
        "T02 IP and future technologies",
        "T03 IP enforcement",
        "demo data",
        "Hatched: not all sources were seen",
        "Oct 25",
        "Nov 26",
    ):
        assert text in re.sub("\\s+", " ", svg), text
    assert "https://desk.example/search?theme=T02&amp;since=2026-10-01&amp;until=2026-10-31" in svg
    assert "mark-line" in svg
    assert "Hatched" not in render_svg(theme_chart(replace(trend, outages=())))


def test_hatching_stays_within_its_period(trend: Trend) -> None:
    plane = plane_of(trend, 640, 46)
    first, last = moment(date(2026, 10, 1)), moment(date(2026, 11, 1))
    points = list(hatch(plane, first, last))
    assert len(points) > 3 * 5, "a month of fourteen is wide enough to be seen"
    assert all(first <= x <= last and (y is None or 0 <= y <= plane.top + 0.001) for x, y in points)


def test_a_png_is_the_same_picture_well_packed(trend: Trend) -> None:
    import vl_convert

    from iprwatch.charts import PNG_SCALE, render_png, theme_chart

    chart = theme_chart(trend)
    plain = vl_convert.vegalite_to_png(chart.to_dict(), scale=PNG_SCALE)
    packed = render_png(chart)
    assert pixels(packed) == pixels(plain)
    assert len(packed) < len(plain) / 3


def test_specifications_cannot_end_their_script_element(trend: Trend) -> None:
    from iprwatch.chart_page import spec_json
    from iprwatch.charts import theme_chart

    hostile = tuple(replace(row, label="</script><script>alert(1)</script>") for row in trend.rows)
    text = spec_json(theme_chart(replace(trend, rows=hostile)))
    assert "<" not in text
    assert "</script><script>alert(1)" in json.dumps(json.loads(text))


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The folder on loopback, under the Content-Security-Policy that each page brings."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_the_page_draws_offline_and_a_bar_leads_on(
    trend: Trend, tmp_path: Path, require: Callable[[str, str, str], NoReturn]
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        require("Chromium", f"there is no {chromium}", "apt-get install chromium")
    from iprwatch.chart_page import render_page

    (tmp_path / "themes.html").write_text(render_page(trend, "/found?theme={theme}&since={since}"), "utf-8")
    said: list[str] = []
    asked: list[str] = []
    with serve(tmp_path) as address, playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page(color_scheme="dark")
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/themes.html")
        page.wait_for_selector(".chart svg")
        page.wait_for_selector("img.fallback", state="hidden")
        field = page.locator('.chart path[aria-label^="T02, 1–31 Oct 2026"]')
        field.hover()
        tooltip = page.locator("#vg-tooltip-element.visible").inner_text()
        assert {url for url in asked if not url.startswith("data:")} == {f"{address}/themes.html"}, (
            "nothing else is fetched"
        )
        assert said == []
        field.click()
        page.wait_for_url("**/found?theme=T02&since=2026-10-01")
        browser.close()
    assert "epo-news down 12–14 Oct 2026 (HTTP 503)" in tooltip


def test_without_script_the_page_shows_the_picture(trend: Trend) -> None:
    from iprwatch.chart_page import render_page

    page = render_page(trend)
    (picture,) = re.findall('src="data:image/svg\\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(picture).startswith(b"<svg")
    assert "Partly seen" in page
    assert page.count("</script>") == 3


# --- the command -----------------------------------------------------------------------------------------------------------


def run(*words: str) -> str:
    from iprwatch.cli.main import cli

    done = CliRunner().invoke(cli, ["trend", "--live", *words], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.stdout


@pytest.mark.usefixtures("home")
def test_the_table_shows_each_theme_the_usual_and_what_was_not_seen() -> None:
    shown = run("--theme", "T02", "--theme", "T03")
    assert re.search(r"T02 IP and future technologies +\S{14} +\d+ +4 +16 +too few", shown)
    assert "Partly seen 1–31 Oct 2026: epo-news down 12–14 Oct 2026 (HTTP 503)" in shown
    assert "demo" not in shown
    assert "▼ less" in run("--theme", "T02", "--source", "uk-ipo-news")


@pytest.mark.usefixtures("home")
def test_the_table_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert all(len(line) <= 80 for line in run("--by", "week").splitlines())


@pytest.mark.usefixtures("home")
def test_json_and_csv_are_pure() -> None:
    told = json.loads(run("--theme", "T02", "--json"))
    assert told["usual"]["themes"]["T02"]["word"] == "too few to say"
    assert told["partly_seen"][0]["text"].startswith("epo-news down")
    assert run("--theme", "T02", "--articles", "--as", "csv").startswith("theme,label,start,end,")


@pytest.mark.usefixtures("home")
def test_the_name_of_the_file_says_its_form(tmp_path: Path) -> None:
    assert run("--theme", "T02", "--out", str(tmp_path / "t.svg")) == ""
    assert (tmp_path / "t.svg").read_text("utf-8").startswith("<svg")
    run("--theme", "T02", "--as", "csv", "--out", str(tmp_path / "t.txt"))
    assert (tmp_path / "t.txt").read_bytes().startswith(b"theme,")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("--theme", "T99"), NotFound, "No theme is called T99"),
        (("--economy", "XX"), NotFound, "No economy is called XX"),
        (("--since", "2026-12-24"), InputError, "is after"),
        (("--json", "--as", "csv"), InputError, "two forms"),
        (("--link", "/search?x={title}"), InputError, "a field that a bar has not"),
        (("--as", "csv", "--out", "/nowhere/at/all.csv"), InputError, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(words: Sequence[str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        run(*words)


def test_the_description_for_programs_is_json_all_through(trend: Trend) -> None:
    told = json.loads(json.dumps(describe_trend(trend), default=str))
    assert (told["space"], told["by"], told["sources"]) == ("live", "month", 2)
    assert told["rows"][0]["start"] == "2025-10-01"
