"""Raw strings and hints → publication date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.date_text import parse_date
from pipelines.dates import AHEAD, EARLIEST, date_in_url, find_date
from pipelines.model import Reading

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("May 24, 2024", "2024-05-24"), ("16 March 2022", "2022-03-16"), ("Sept. 5, 2024", "2024-09-05"), ("10. März 2026", "2026-03-10"),
        ("16 de marzo de 2025", "2025-03-16"), ("1er août 2024", "2024-08-01"), ("3 luglio 2025", "2025-07-03"), ("12 de março de 2025", "2025-03-12"),
        ("17 Agustus 2025", "2025-08-17"), ("5 Ogos 2024", "2024-08-05"), ("2024.10.11", "2024-10-11"), ("13.11.2024", "2024-11-13"),
        ("05/04/2025", "2025-04-05"), ("15-16 May 2025", "2025-05-16"), ("October 28 to October 29, 2025", "2025-10-29"), ("May 15-16, 2025", "2025-05-16"),
        ("28 October – 2 November 2025", "2025-11-02"), ("12aug26", "2026-08-12"), ("16032025", "2025-03-16"), ("20250316", "2025-03-16"),
        ("令和7年3月5日", "2025-03-05"), ("令和元年5月1日", "2019-05-01"), ("2025年3月5日", "2025-03-05"), ("2025년 3월 5일", "2025-03-05"),
        ("中華民國114年3月5日", "2025-03-05"), ("5 สิงหาคม 2559", "2016-08-05"), ("١٧-٠١-٢٠٢٣", "2023-01-17"), ("ngày 16 tháng 3 năm 2025", "2025-03-16"),
    ],
)  # fmt: skip
def test_written_days(raw: str, day: str):
    moment = parse_date(raw, Reading())
    assert moment == (datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC), "day")


@pytest.mark.parametrize(
    ("raw", "reading", "day"),
    [
        ("05/04/2025", Reading(date_order="MDY"), date(2025, 5, 4)),
        ("16.08.59", Reading(date_languages=("th",)), date(2016, 8, 16)),
        ("114/03/05", Reading(date_languages=("zh-Hant",)), date(2025, 3, 5)),
        ("2025|07", Reading(date_formats=("%Y|%m",)), date(2025, 7, 1)),
        ("5. dubna 2025", Reading(date_languages=("cs",)), date(2025, 4, 5)),
    ],
)
def test_the_source_decides_what_is_ambiguous(raw: str, reading: Reading, day: date):
    moment = parse_date(raw, reading)
    assert moment is not None
    assert moment[0].date() == day


@pytest.mark.parametrize("raw", ["", "soon", "year 202", "31 February 2025", "99/99/2025", "Chapter 12"])
def test_what_is_no_date_is_none(raw: str):
    assert parse_date(raw, Reading()) is None


def test_times_and_zones():
    tokyo = Reading(timezone="Asia/Tokyo")
    assert parse_date("5 March 2025", tokyo) == (datetime(2025, 3, 5, 3, tzinfo=UTC), "day")
    assert parse_date("2025-03-05T10:00:00+02:00", tokyo) == (datetime(2025, 3, 5, 8, tzinfo=UTC), "second")
    assert parse_date("Mon, 03 Mar 2025 10:00:00 GMT", tokyo) == (datetime(2025, 3, 3, 10, tzinfo=UTC), "second")
    assert parse_date("5 March 2025, 3:40 pm", tokyo) == (datetime(2025, 3, 5, 6, 40, tzinfo=UTC), "second")
    assert parse_date("May 2024", Reading()) == (datetime(2024, 5, 1, 12, tzinfo=UTC), "month")


def test_the_first_plausible_origin_wins_and_keeps_its_raw_string():
    hints = [("entry", "3 March 2202"), ("page", ""), ("meta", "2026-08-30"), ("url", "2026-08-29")]
    stamp = find_date(hints, "", NOW, Reading())  # type: ignore[arg-type]
    assert (stamp.at.date(), stamp.origin, stamp.raw, stamp.precision) == (
        date(2026, 8, 30),
        "meta",
        "2026-08-30",
        "day",
    )


def test_a_dateline_counts_but_prose_and_the_future_do_not():
    assert find_date([], "Geneva, 28 August 2026\n\nText", NOW, Reading()).origin == "text"
    prose = "The Office, which was founded long ago, will hold a seminar with its users on 12 March 2019 in its own building."
    assert find_date([], prose, NOW, Reading()).origin == "first_seen"
    unknown = find_date([("entry", "1 December 2026")], "", NOW, Reading())
    assert (unknown.at, unknown.origin) == (NOW, "first_seen")


def test_dates_in_addresses():
    assert (
        date_in_url("https://o.example/2026/08/12/x", Reading(date_in_url=r"/(?P<y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)/"))
        == "2026-08-12"
    )
    assert (
        date_in_url("https://o.example/12aug26_e.htm", Reading(date_in_url=r"(?P<date>\d\d[a-z]{3}\d\d)_e"))
        == "12aug26"
    )
    assert date_in_url("https://o.example/x", Reading(date_in_url=r"(?P<date>\d{8})")) == ""


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60), st.from_regex(r"\d{1,4}[-./ ]\d{1,4}[-./ ]\d{1,4}([T ]\d\d:\d\d)?", fullmatch=True)
    ),
    st.sampled_from(
        [
            Reading(),
            Reading(date_order="MDY"),
            Reading(date_languages=("th",), timezone="Asia/Bangkok"),
            Reading(date_formats=("%d%m%y",), timezone="No/Where"),
        ]
    ),
)
def test_no_string_breaks_the_bounds(raw: str, reading: Reading):
    stamp = find_date([("entry", raw)], raw, NOW, reading)
    assert EARLIEST <= stamp.at <= NOW + AHEAD
    assert stamp.at.utcoffset() == timedelta(0)
