"""Words that rise, on a real node: what is new stands first, what was always said and what one office repeats does not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_index_contract import DIMS, document

from iprwatch.cli.main import cli
from iprwatch.errors import InputError, NotFound
from search.client import connect
from search.elastic_index import ElasticIndex
from search.elastic_words import LEAST, find_rising
from search.schema import Document, Filters, IndexedTag

TODAY = date(2026, 11, 25)
SPAN = (TODAY - timedelta(days=9), TODAY)


def story(name: str, days_ago: int, text: str, **fields: object) -> Document:
    published = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC) - timedelta(days=days_ago)
    return document(name, f"Notice {name}", text, published=published, **fields)


TAG = (IndexedTag("T02.3", 0.8, "", ""),)
CORPUS = [
    *(story(f"old-{n}", 12 + n, f"The office examines patents and counterfeit goods in case {chr(97 + n)}.", tags=TAG[:n % 2]) for n in range(20)),
    *(story(f"new-{n}", n, f"The office examines deepfake patents in case {chr(97 + n)} of 2026.", tags=TAG) for n in range(6)),
    *(story(f"fake-{n}", n, f"The office fights counterfeit replicas in matter {chr(97 + n)}.") for n in range(6)),
    *(story(f"rare-{n}", n, "Unicorn.") for n in range(LEAST - 1)),
    *(story(f"de-{n}", n, f"Das Amt prüft Fälschungen im Fall {chr(97 + n)}.", language="de") for n in range(6)),
    *(story(f"copy-{n}", n, "A hologram is shown by office of the region.", story="copied", head=n == 0) for n in range(6)),
]  # fmt: skip


@pytest.fixture(scope="module")
def index(elasticsearch_url: str) -> Iterator[ElasticIndex]:
    prefix = f"t{os.urandom(6).hex()}"
    opened = ElasticIndex(connect(elasticsearch_url), prefix=prefix, dims=DIMS, model="test")
    opened.upsert(CORPUS)
    yield opened
    opened.client.indices.delete(index=f"{prefix}*")
    opened.close()


def test_what_is_new_rises_and_what_was_always_said_does_not(index: ElasticIndex) -> None:
    rising = find_rising(index, Filters(languages=("en",)), SPAN, 40, 20)
    found = {each.word: (each.stories, each.earlier) for each in rising.words}
    assert found["deepfake"] == (6, 0)
    assert found["replicas"] == (6, 0)
    assert {rising.words[0].word, rising.words[1].word} <= {"deepfake", "replicas", "fights", "matter", "of"}
    assert not {"the", "office", "examines", "patents", "counterfeit"} & found.keys(), "no more often than before"
    assert not {"unicorn", "hologram"} & found.keys(), "too few stories, however many articles"
    assert not {"fälschungen", "2026"} & found.keys(), "another language; a number"
    assert (rising.stories, rising.earlier, rising.earlier_since) == (15, 20, SPAN[0] - timedelta(days=40))


def test_a_theme_has_words_of_its_own(index: ElasticIndex) -> None:
    rising = find_rising(index, Filters(themes=("T02",), languages=("en",)), SPAN, 40, 20)
    words = [each.word for each in rising.words]
    assert "deepfake" in words
    assert "replicas" not in words
    assert (rising.stories, rising.earlier) == (6, 10)


def test_nothing_to_compare_is_no_error(index: ElasticIndex) -> None:
    assert find_rising(index, Filters(languages=("ja",)), SPAN, 40, 20).words == ()
    assert find_rising(index, Filters(languages=("en",)), (date(1990, 1, 1), date(1990, 1, 9)), 40, 20).stories == 0


def test_the_command_shows_a_table_or_json(
    index: ElasticIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (address,) = [node.base_url for node in index.client.transport.node_pool.all()]
    monkeypatch.setattr("iprwatch.engines.index_prefix", lambda _: index.prefix)
    monkeypatch.setattr("iprwatch.clock.SystemClock.now", lambda _: datetime(2026, 11, 25, 12, tzinfo=UTC))
    for name, value in {"HOME": str(tmp_path), "INDEX": "elasticsearch", "ELASTICSEARCH_URL": address}.items():
        monkeypatch.setenv(f"IPRWATCH_{name}", value)
    shown = CliRunner().invoke(cli, ["words", "--live", "--days", "10"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "2026-11-16 to 2026-11-25: 15 stories; 2026-10-07 until then: 20" in shown.output
    assert [line.split() for line in shown.output.splitlines() if line.startswith("deepfake")] == [
        ["deepfake", "6", "0"]
    ]
    said = CliRunner().invoke(
        cli, ["words", "--live", "--days", "10", "--limit", "3", "--json"], catch_exceptions=False
    )
    told = json.loads(said.output)
    assert len(told["words"]) == 3
    assert set(told["words"][0]) == {"word", "stories", "earlier", "score"}
    none = CliRunner().invoke(cli, ["words", "--live", "--language", "ja"], catch_exceptions=False)
    assert "There are no earlier stories to compare with" in none.output
    with pytest.raises(NotFound, match="No theme is called"):
        CliRunner().invoke(cli, ["words", "--live", "--theme", "T99"], catch_exceptions=False)


def test_the_embedded_index_says_who_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPRWATCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"Elasticsearch alone.*IPRWATCH_INDEX=elasticsearch, then iprwatch reindex"):
        CliRunner().invoke(cli, ["words", "--live"], catch_exceptions=False)
