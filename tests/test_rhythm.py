"""When to look: as often as promised, where items are likely, within the bounds of the source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_server import declare

from iprwatch.rhythm import SHARE, WEEK, Arrival, Rhythm, find_came, learn_rhythm, learn_rhythms, spread_looks
from spiders.source import load_sources

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOKYO = ZoneInfo("Asia/Tokyo")
OFFICE = declare(dates={"timezone": "Asia/Tokyo"}, every="6h")


@given(st.lists(st.floats(1e-6, 1e3), min_size=WEEK, max_size=WEEK), st.floats(1.0, 12.0))
def test_looks_are_spread_to_their_number_within_the_bounds(rates: list[float], share: float) -> None:
    found = spread_looks(rates, share * WEEK / 6, 1 / 6, 2.0)
    assert sum(found) == pytest.approx(share * WEEK / 6, rel=1e-3)
    assert min(found) >= 1 / 6
    assert max(found) <= 2.0
    assert sorted(found) == [found[n] for n in sorted(range(WEEK), key=lambda n: rates[n])], "the likelier the denser"


def test_without_a_past_office_hours_of_the_zone_are_assumed() -> None:
    density = learn_rhythm(OFFICE, ()).density
    assert sum(density) == pytest.approx(SHARE * WEEK / 6, rel=1e-3)
    tuesday = density[24:48]
    assert min(tuesday[8:18]) > 2 * max(*tuesday[:7], *tuesday[19:])
    assert max(density[5 * 24 :]) < min(tuesday[8:18])


def test_where_the_zone_is_not_known_nothing_is_assumed() -> None:
    density = learn_rhythm(declare(every="6h"), ()).density
    assert max(density) == pytest.approx(min(density))


def test_the_past_wins_over_the_assumption() -> None:
    came = [
        MONDAY + timedelta(days=6 + 7 * week, hours=20) for week in range(20)
    ]  # Sundays, 20:00 UTC; Mondays 05:00 in Tokyo
    density = learn_rhythm(OFFICE, came).density
    assert {hour for hour, looks in enumerate(density) if looks > 1.9} == {4, 5, 6}


@pytest.mark.parametrize("id", sorted(s.id for s in load_sources().values() if s.enabled))
def test_every_declared_source_stays_within_its_bounds(id: str) -> None:
    source = load_sources()[id]
    density = learn_rhythm(source, ()).density
    assert HOUR / max(density) >= max(source.every / 12, source.delay) - timedelta(seconds=1)
    assert HOUR / min(density) <= source.every + timedelta(seconds=1)


def test_no_look_sleeps_through_a_likely_hour() -> None:
    density = [0.1] * WEEK
    density[9] = 6.0
    rhythm = Rhythm("UTC", tuple(density))
    assert rhythm.next_look(MONDAY + timedelta(hours=8, minutes=30)) == MONDAY + timedelta(
        hours=9, minutes=9, seconds=30
    )
    assert rhythm.next_look(MONDAY + timedelta(hours=9)) == MONDAY + timedelta(hours=9, minutes=10)
    assert rhythm.next_look(MONDAY + timedelta(hours=10)) == MONDAY + timedelta(hours=20)


@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
def test_an_even_pace_is_even_in_every_zone_and_over_every_change_of_the_clock(zone: str) -> None:
    rhythm, at = Rhythm(zone, (0.5,) * WEEK), datetime(2026, 1, 1, 0, 7, 3, tzinfo=UTC)
    for _ in range(400):
        later = rhythm.next_look(at, 11)
        assert abs(later - at - 22 * HOUR) < timedelta(milliseconds=1)
        at = later


def arrival(published: datetime, seen: datetime, precision: str = "second", joined: datetime = MONDAY) -> Arrival:
    return Arrival("office", published, precision, seen, joined)


@pytest.mark.parametrize(
    ("given_", "came"),
    [
        (arrival(MONDAY + 10 * DAY + HOUR, MONDAY + 10 * DAY + 3 * HOUR), MONDAY + 10 * DAY + HOUR),
        (arrival(MONDAY - 30 * DAY + HOUR, MONDAY + HOUR), MONDAY - 30 * DAY + HOUR),  # there before, with its time
        (arrival(MONDAY - 30 * DAY + HOUR, MONDAY + HOUR, "day"), None),  # there before, without
        (arrival(MONDAY + 10 * DAY, MONDAY + 10 * DAY + 3 * HOUR, "day"), MONDAY + 10 * DAY + 3 * HOUR),
        (
            arrival(MONDAY + 10 * DAY - 9 * HOUR, MONDAY + 10 * DAY),
            MONDAY + 10 * DAY,
        ),  # midnight in Tokyo: a date in disguise
        (arrival(MONDAY + HOUR, MONDAY + 10 * DAY), MONDAY + 10 * DAY),  # dated back
        (arrival(MONDAY + 11 * DAY + HOUR, MONDAY + 10 * DAY), MONDAY + 10 * DAY),  # dated ahead
    ],
)
def test_when_an_item_came(given_: Arrival, came: datetime | None) -> None:
    assert find_came(given_, TOKYO) == came


def test_each_source_learns_from_its_own_items_and_foreign_ones_do_no_harm() -> None:
    items = [
        arrival(MONDAY + timedelta(days=6 + 7 * n, hours=20), MONDAY + timedelta(days=6 + 7 * n, hours=21))
        for n in range(20)
    ]
    stray = Arrival("gone", MONDAY, "second", MONDAY, MONDAY)
    found = learn_rhythms(
        {"office": OFFICE, "other": declare(id="other", every="6h", dates={"timezone": "Asia/Tokyo"})}, [*items, stray]
    )
    assert found.keys() == {"office", "other"}
    assert found["office"].density[5] > 2 * found["other"].density[5]
