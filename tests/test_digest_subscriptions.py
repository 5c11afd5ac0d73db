"""A subscription's file is strict, and its digest is cut once a day of the reader's, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iprwatch.alerts.subscriptions import (
    Subscription,
    build_subscription_id,
    check_names,
    find_cut,
    load_subscription,
    settle_demo,
    write_subscription,
)
from iprwatch.errors import InputError

HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ordered(**given: object) -> Subscription:
    return Subscription.model_validate({"id": "a", "title": "A", **given})


def cuts(subscription: Subscription, since: str, days: int) -> list[datetime]:
    """Every cut that somebody who looks once an hour sees."""
    looks = (utc(since) + n * HOUR for n in range(days * 24))
    return sorted({cut for look in looks if (cut := find_cut(subscription, look))})


def test_the_cut_is_the_readers_morning() -> None:
    london, tokyo = ordered(timezone="Europe/London"), ordered(timezone="Asia/Tokyo")
    now = utc("2026-07-01T12:00")
    assert find_cut(london, now) == utc("2026-07-01T07:00")
    assert find_cut(tokyo, now) == utc("2026-06-30T23:00")
    assert find_cut(london, utc("2026-07-01T06:59")) == utc("2026-06-30T07:00")
    assert find_cut(london, utc("2026-12-01T08:00")) == utc("2026-12-01T08:00")  # winter; the cut itself counts


@pytest.mark.parametrize(
    ("zone", "at", "cut"),
    [
        ("Europe/Berlin", "02:30", "2026-03-29T01:30"),  # does not exist: 03:30 summer time
        ("Europe/Berlin", "02:30", "2026-10-25T00:30"),  # comes twice: the first
        ("America/New_York", "02:30", "2026-03-08T07:30"),
        ("America/New_York", "01:30", "2026-11-01T05:30"),
    ],
)
def test_a_day_on_which_the_clocks_change_has_one_cut(zone: str, at: str, cut: str) -> None:
    day = date.fromisoformat(cut[:10])
    found = cuts(ordered(timezone=zone, at=at), f"{day}T00:00", 3)
    assert [c for c in found if c.date() == day] == [utc(cut)]


@given(
    zone=st.sampled_from(["Europe/London", "Asia/Tokyo", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]),
    at=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
)
def test_every_day_has_one_cut_and_it_has_passed(zone: str, at: time, now: datetime) -> None:
    subscription = ordered(timezone=zone, at=at)
    cut = find_cut(subscription, now)
    assert cut
    assert timedelta() <= now - cut <= timedelta(hours=25)  # a day with two hours twice
    before = find_cut(subscription, cut - timedelta(microseconds=1))
    assert before
    days = [c.astimezone(subscription.zone).date() for c in (before, cut)]
    assert days[1] - days[0] == timedelta(days=1)


def test_weekdays_and_weeks() -> None:
    assert [c.weekday() for c in cuts(ordered(days="weekdays"), "2026-11-02T08:00", 14)] == [0, 1, 2, 3, 4] * 2
    assert [c.weekday() for c in cuts(ordered(days="weekly"), "2026-11-02T08:00", 21)] == [0, 0, 0]


def test_nothing_is_cut_before_the_subscription_was_made() -> None:
    subscription = ordered(created="2026-11-25")
    assert find_cut(subscription, utc("2026-11-25T07:00")) is None
    assert find_cut(subscription, utc("2026-11-25T09:00")) == utc("2026-11-25T08:00")


def write(folder: Path, text: str, name: str = "daily") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_time_may_be_written_without_quotes(tmp_path: Path) -> None:
    assert load_subscription(write(tmp_path, "title: A\nat: 10:30\n")).at == time(10, 30)
    assert load_subscription(write(tmp_path, "title: A\nat: 08:00\n")).at == time(8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: A\ntheme: [T02]\n", "line 2: theme"),
        ("title: A\n\ntimezone: Europe/Lodon\n", "line 3: timezone: 'Europe/Lodon' is no time zone"),
        ("title: A\ntimezone: ../../etc/passwd\n", "no time zone"),
        ("title: A\nat: 25:00\n", "line 2: at"),
        ("title: A\nid: other\n", "its id is the file's name"),
        ("title: A\nmost: 500\n", "line 2: most"),
        ("", "daily.yaml"),
        ("title: [\n", "not readable YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as error:
        load_subscription(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_is_named_like_an_id(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="small letters"):
        load_subscription(write(tmp_path, "title: A\n", "My Digest"))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    wanted = ordered(title="KI: heute", themes=("T02",), at="10:30", timezone="Europe/Berlin", created="2026-11-25")
    path = write_subscription(tmp_path, wanted)
    assert load_subscription(path) == wanted
    with pytest.raises(InputError, match="exists already"):
        write_subscription(tmp_path, wanted)


def test_a_name_that_does_not_exist_is_refused() -> None:
    subscription = ordered(themes=("T02", "T99"), sources=("nowhere",), channels=("desk",))
    with pytest.raises(
        InputError, match=r"no theme is called T99; no source is called nowhere; no channel is called desk"
    ):
        check_names(subscription, {"T02"}, {"uk-ipo-news"}, ())


def test_an_id_is_made_of_any_title() -> None:
    assert build_subscription_id("Künstliche Intelligenz, täglich!") == "kunstliche-intelligenz-taglich"
    assert build_subscription_id("知財") == "digest"


def test_the_demos_subscription_is_put_in_place_once(tmp_path: Path) -> None:
    settle_demo(tmp_path)
    path = tmp_path / "subscriptions" / "daily.yaml"
    assert load_subscription(path).title == "IP policy today"
    path.unlink()
    settle_demo(tmp_path)
    assert not path.exists()  # whoever deletes it does not get it back
