"""Watches as files and commands: strict declarations, what one would have fired, and the shipped ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from receivers import REASON

from iprwatch.alerts.alert import PASSAGE_MOST, build_alert, cut_parts
from iprwatch.alerts.estimate import estimate
from iprwatch.alerts.outbox import build_row
from iprwatch.alerts.watches import Watch, Watches, WatchFilters, load_watch, settle_demo_watches, write_watch
from iprwatch.cli.main import cli
from iprwatch.cli.watch import slug
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.errors import InputError, NotFound
from iprwatch.ledger.outbox import put
from iprwatch.settings import load_settings
from search.schema import Document, Query

NOW = datetime(2026, 5, 20, 10, tzinfo=UTC)
Said = Callable[..., Result]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A live space with the hash encoder: 40 articles of the last 40 days, every fourth on counterfeits."""
    with Context(load_settings(home=tmp_path, space="live", model="hash"), FrozenClock(NOW)) as context:
        context.index.upsert(
            Document(
                f"a{n:02}", 1, "epo-news", "INT", "en", f"https://office.example/{n}", "Counterfeit shoes" if n % 4 == 0 else "Designs",
                "Text.", "", NOW - timedelta(days=n), NOW - timedelta(days=n), f"a{n:02}", True, "themed", (), (),
            )
            for n in range(40)
        )  # fmt: skip
        yield context


@pytest.fixture
def say(tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch) -> Said:
    """`iprwatch` on that space."""
    monkeypatch.setenv("IPRWATCH_HOME", str(tmp_path))
    monkeypatch.setenv("IPRWATCH_SPACE", "live")
    monkeypatch.setenv("IPRWATCH_MODEL", "hash")
    monkeypatch.setattr("iprwatch.context.SystemClock", lambda: FrozenClock(NOW))
    return lambda *words: CliRunner().invoke(cli, list(words))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("title: T\nquery: x\nchanels: [mail]\n", "line 3: chanels: Extra inputs"),
        ("title: T\nquery: x\nfilters:\n  themes: [T01]\n  countries: [JP]\n", "line 5: filters.countries: Extra inputs"),
        ("title: T\nquery: x\nmode: fuzzy\n", "line 3: mode: Input should be 'keyword', 'semantic' or 'hybrid'"),
        ("title: T\nquery: x\nmin_cosine: 1.5\n", "line 3: min_cosine: Input should be less than"),
        ("title: T\nquery: x\ncreated: tomorrow\n", "line 3: created"),
        ("title: T\nfilters:\n  verdicts: [themed, odd]\n", "line 3: filters.verdicts.1"),
        ("title: T\n", "line 1: the file: a watch needs a query or a filter"),
        ("query: x\n", "title: Field required"),
        ("- x\n", "line 1"),
        ("title: [\n", "not readable YAML"),
        ("", "line 1"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, declared: str, said: str) -> None:
    (tmp_path / "watches").mkdir()
    (tmp_path / "watches" / "w.yaml").write_text(declared)
    with pytest.raises(InputError) as refused:
        load_watch(tmp_path, "w")
    assert f"{tmp_path / 'watches' / 'w.yaml'}" in str(refused.value)
    assert said in str(refused.value)


def test_a_written_watch_reads_back_and_is_not_overwritten(tmp_path: Path) -> None:
    watch = Watch(
        title="Fälschungen: online",
        query='"fake goods" -shoes',
        filters=WatchFilters(themes=("T03",)),
        created=NOW.date(),
    )
    path = write_watch(tmp_path, "fakes", watch)
    assert load_watch(tmp_path, "fakes") == watch
    assert "created: 2026-05-20\n" in path.read_text("utf-8")
    with pytest.raises(InputError, match="exists already"):
        write_watch(tmp_path, "fakes", watch)
    for id in ("../fakes", "Fakes", ""):
        with pytest.raises(InputError, match="no id"):
            write_watch(tmp_path, id, watch)
        with pytest.raises(NotFound):
            load_watch(tmp_path, id)


def test_a_changed_file_is_followed_and_a_broken_one_named(tmp_path: Path) -> None:
    encoded: list[str] = []

    def encode(text: str) -> Any:
        encoded.append(text)
        return np.full(4, 0.5, np.float32)

    watches = Watches(tmp_path, encode)
    assert watches.refresh().by_id == {}
    path = write_watch(tmp_path, "fakes", Watch(title="T", query="fakes"))
    first = watches.refresh().standing(frozenset({"en"}))
    assert watches.refresh().standing(frozenset({"en"})) is first
    assert watches.standing(frozenset({"en", "fr"})) is not first
    assert encoded == ["fakes"], "a query is encoded once"
    path.write_text("title: T\nquery: forgeries\n")
    assert watches.refresh().by_id["fakes"].query == "forgeries"
    path.write_text("title: T\nquery: [\n")
    assert "not readable YAML" in watches.refresh().faults["fakes"]
    assert watches.enabled == {}
    path.unlink()
    assert watches.refresh().faults == {}


def test_the_shipped_watches_are_valid_and_one_fires_for_every_kind_of_news(tmp_path: Path) -> None:
    settle_demo_watches(tmp_path, date(2026, 5, 20))
    watches = Watches(tmp_path, lambda _: pytest.fail("nothing is encoded")).refresh()
    assert watches.faults == {}
    assert len(watches.by_id) == 3
    assert {w.created for w in watches.by_id.values()} == {date(2026, 5, 20)}
    assert [w.filters.verdicts for w in watches.by_id.values() if not w.query] == [("themed", "outside")]
    next((tmp_path / "watches").iterdir()).unlink()
    settle_demo_watches(tmp_path, date(2026, 6, 1))
    assert len(list((tmp_path / "watches").iterdir())) == 2, "what a person deleted stays deleted"


def test_an_estimate_is_what_the_same_search_finds_week_by_week(context: Context) -> None:
    found = estimate(context, Watch(title="T", query="counterfeits", mode="keyword"))
    assert found.total == 10 == context.index.find(Query("counterfeits", "keyword")).total
    assert sum(found.by_week.values()) == 10
    assert list(found.by_week) == sorted(found.by_week)
    assert next(iter(found.by_week)) == date(2026, 2, 16)
    assert found.by_week[date(2026, 3, 2)] == 0
    assert [hit.id for hit in found.newest] == [f"a{n:02}" for n in range(0, 40, 4)]
    assert not found.too_many
    assert estimate(context, Watch(title="T", query="counterfeits", mode="keyword"), days=10).total == 3


def test_add_shows_and_writes_and_list_show_test_and_remove_follow(say: Said, context: Context) -> None:
    added = say("watch", "add", "--query", "counterfeit shoes", "--theme", "T03", "--mode", "keyword")
    assert added.exit_code == 0, added.output
    assert "Would have fired 0 times" in added.output
    path = context.settings.config_folder / "watches" / "counterfeit-shoes.yaml"
    assert load_watch(context.settings.config_folder, "counterfeit-shoes").created == NOW.date()
    assert str(path) in added.output.replace("\n", "")
    (listed,) = json.loads(say("watch", "list", "--json").output)
    assert (listed["id"], listed["state"], listed["alerts"]) == ("counterfeit-shoes", "on", 0)
    assert "query: counterfeit shoes" in say("watch", "show", "counterfeit-shoes").output
    path.write_text(path.read_text().replace("T03", "T99"))
    assert "no theme is called T99" in say("watch", "show", "counterfeit-shoes").output
    assert "no theme is called T99" in json.loads(say("watch", "list", "--json").output)[0]["state"]
    write_watch(context.settings.config_folder, "all", Watch(title="T", query="counterfeit", mode="keyword"))
    tested = json.loads(say("watch", "test", "all", "--json").output)
    assert (tested["total"], tested["days"], len(tested["newest"])) == (10, 90, 10)
    assert say("watch", "remove", "all").exit_code == 0
    assert isinstance(say("watch", "test", "all").exception, NotFound)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--query", "x", "--theme", "T99"), "no theme is called T99"),
        (("--query", "x", "--source", "nobody"), "no source is called nobody"),
        (("--query", "x", "--channel", "pigeon"), "no channel is called pigeon"),
        ((), "a watch needs a query or a filter"),
    ],
)
def test_a_watch_that_could_not_work_is_not_written(
    say: Said, context: Context, words: tuple[str, ...], fault: str
) -> None:
    refused = say("watch", "add", *words)
    assert isinstance(refused.exception, InputError)
    assert fault in str(refused.exception)
    assert not (context.settings.config_folder / "watches").exists()


def test_a_watch_nobody_could_read_needs_a_second_word(say: Said, context: Context) -> None:
    context.index.upsert(
        Document(
            f"b{n}", 1, "epo-news", "INT", "en", "u", "Zebra", "Text.", "", NOW, NOW, f"b{n}", True, "themed", (), ()
        )
        for n in range(220)
    )
    refused = say("watch", "add", "--query", "zebra", "--mode", "keyword")
    assert "It would fire 31 times a day" in str(refused.exception)
    assert say("watch", "add", "--query", "zebra", "--mode", "keyword", "--anyway").exit_code == 0


def test_alerts_are_listed_with_their_reason_and_delivery(say: Said, context: Context) -> None:
    with context.ledger.write() as connection:
        put(
            connection,
            [
                build_row("alert", "fakes", c, NOW, story="s", article="a" * 64, reason=REASON)
                for c in ("inbox", "mail")
            ],
        )
    printed = " ".join(say("alerts").output.split())  # however the lines are broken
    for words in (
        "T03.4 E-commerce",
        "watch fakes",
        "It holds “counterfeit”: Customs seized",
        "mail: waiting",
        "Deliveries: 1 waiting",
    ):
        assert words in printed, words
    assert "\u202e" not in printed
    (alert,) = json.loads(say("alerts", "--json").output)
    assert (alert["watch"], alert["deliveries"]["mail"]["state"]) == ("fakes", "waiting")
    assert json.loads(say("alerts", "--watch", "other", "--json").output) == []


def test_a_passage_is_cut_and_marked_where_it_matched() -> None:
    parts = cut_parts("One fake, two fakes.", [[4, 8], [14, 19]])
    assert [(p.text, p.marked) for p in parts] == [
        ("One ", False),
        ("fake", True),
        (", two ", False),
        ("fakes", True),
        (".", False),
    ]
    assert len("".join(p.text for p in cut_parts("x" * 10_000, [[9000, 9001]]))) <= PASSAGE_MOST + 1


def test_an_alert_without_words_or_meaning_says_that_filters_chose_it(context: Context) -> None:
    reason = REASON | {"words": [], "cosine": None, "query": "", "highlights": []}
    with context.ledger.write() as connection:
        put(connection, [build_row("alert", "all", "inbox", NOW, story="s", article="a", reason=reason)])
    with context.ledger.read() as connection:
        from iprwatch.ledger.outbox import find_alerts

        (row,) = find_alerts(connection, 1)
    assert build_alert(row, "demo").why == "It passes the watch's filters."
    assert build_alert(row, "demo").subject.startswith("[demo] ")


@pytest.mark.parametrize(
    ("title", "name"), [("Fälschungen: online!", "falschungen-online"), ("特許", "watch"), ("a" * 99, "a" * 60)]
)
def test_an_id_is_made_of_the_title(title: str, name: str) -> None:
    assert slug(title) == name


def test_a_watch_lives_where_the_configuration_does(say: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPRWATCH_CONFIG", str(tmp_path / "kept"))
    assert say("watch", "add", "--query", "counterfeit", "--mode", "keyword").exit_code == 0
    assert [p.name for p in (tmp_path / "kept" / "watches").iterdir()] == ["counterfeit.yaml"]
