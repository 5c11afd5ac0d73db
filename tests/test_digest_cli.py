"""`iprwatch digest` from the first subscription to the open page."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from digest_record import add_article, add_source, open_record

from iprwatch.cli.digest import digest_command
from iprwatch.errors import InputError, NotFound

NEWS = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def record(monkeypatch: pytest.MonkeyPatch) -> Path:
    """One new item in the live space of this test's data folder; returns the space's folder."""
    monkeypatch.setenv("IPRWATCH_MODEL", "hash")
    monkeypatch.setenv("IPRWATCH_SPACE", "live")
    home = Path(os.environ["IPRWATCH_HOME"])
    with open_record(home) as context:
        add_source(context, "uk-ipo-news", joined=NEWS - timedelta(days=30))
        add_article(context, "[bold]Fees fall", NEWS)
    return home / "live"


def call(*words: str) -> Result:
    """What a command prints; its errors are raised."""
    return CliRunner().invoke(digest_command, words, catch_exceptions=False)


def test_from_subscription_to_page(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No subscription yet" in call("list").output
    said = call(
        "subscribe", "--title", "AI today", "--theme", "T02", "--at", "09:30", "--timezone", "Europe/Berlin"
    ).output
    assert str(record / "subscriptions" / "ai-today.yaml") in said
    assert "ai-today" in (listed := call("list").output)
    assert "daily at 09:30 Europe/Berlin" in listed
    made = call("make").output
    assert "1 new story from 1 office, on 1 theme." in made
    assert "[bold]Fees fall · AI today" in call("list").output
    assert "Fees fall" in call("show", "--all").output
    id = json.loads(call("show", "--json").output)["id"]
    assert made.startswith(id)
    assert call("show", id).output == call("show").output

    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    monkeypatch.setenv("OPEN", "0")
    address = call("open").output.strip()
    assert opened == []
    monkeypatch.delenv("OPEN")
    call("open", id)
    assert opened == [address]
    assert "Fees fall" in Path(address.removeprefix("file://")).read_text("utf-8")
    assert {p.name for p in (record / "digests").iterdir()} >= {"latest.html", "digests.xml"}


def test_a_subscription_joins_that_of_the_demo() -> None:
    call("subscribe", "--title", "Mine", "--demo")
    assert "mine" in (listed := call("list", "--demo").output)
    assert "IP policy today" in listed


def test_a_cut_is_read_in_the_readers_zone() -> None:
    call("subscribe", "--title", "Tokyo", "--timezone", "Asia/Tokyo")
    assert call("make", "tokyo", "--cut", "2026-11-02T08:00").output.startswith(
        "tokyo:2026-11-01T230000Z  Nothing new."
    )


def test_sending_makes_what_is_due() -> None:
    call("subscribe", "--title", "Daily", "--at", "00:00")
    assert call("send").output == "1 made; nothing to send\n"
    assert call("send").output == "0 made; nothing to send\n"


def test_a_file_that_cannot_be_used_is_listed_with_its_reason(record: Path) -> None:
    (record / "subscriptions").mkdir()
    (record / "subscriptions" / "bad.yaml").write_text("title: A\nthemes: [T99]\n")
    assert "no theme is called T99" in call("list").output
    assert "No subscription is enabled" in call("make").output
    with pytest.raises(InputError, match="T99"):
        call("make", "bad")


@pytest.mark.parametrize(
    ("words", "fault", "said"),
    [
        (("make", "nobody"), NotFound, "No subscription is called nobody"),
        (("show",), NotFound, "No digest was made yet"),
        (("show", "daily:2026"), NotFound, "No digest is called daily:2026"),
        (("open",), NotFound, "No digest was made yet"),
        (("subscribe", "--title", "A", "--theme", "T99"), InputError, "no theme is called T99"),
        (("subscribe", "--title", "A", "--channel", "desk"), InputError, "no channel is called desk"),
        (("subscribe", "--title", "A", "--timezone", "Mars"), InputError, "--timezone: 'Mars' is no time zone"),
        (("subscribe", "--title", "A", "--at", "25:00"), InputError, "--at"),
        (("subscribe", "--title", "A", "--id", "../a"), InputError, "--id"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(words: tuple[str, ...], fault: type[Exception], said: str) -> None:
    with pytest.raises(fault, match=said):
        call(*words)
