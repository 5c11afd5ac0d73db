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
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from elasticsearch_node.elasticsearch_node import Node
from test_index_contract import CORPUS, DIMS, axis, document

from iprwatch.context import Context
from iprwatch.engines import read_secret
from iprwatch.errors import InputError, StoreError
from iprwatch.flow import Visit, index_queued, run_pass, understand
from iprwatch.ledger.documents import count_queued
from iprwatch.reindex import reindex
from iprwatch.seeds import land_rows
from iprwatch.settings import Settings
from search.client import connect
from search.elastic_index import ElasticIndex
from search.elastic_layout import find_generations
from search.index import BadQuery, IndexMismatch, IndexMissing, Rejected, ServerRefused, ServerUnavailable
from search.schema import Query

ROUNDS = int(os.environ.get("IPRWATCH_SOAK_ROUNDS", "3"))


@pytest.fixture
def own(elasticsearch_url: str) -> Iterator[tuple[str, str]]:
    """Address of the shared node, and a prefix whose indices are deleted afterwards."""
    prefix = f"t{os.urandom(6).hex()}"
    yield elasticsearch_url, prefix
    with connect(elasticsearch_url) as client:
        client.indices.delete(index=f"{prefix}*")


@pytest.fixture
def index(own: tuple[str, str]) -> Iterator[ElasticIndex]:
    opened = ElasticIndex(connect(own[0]), prefix=own[1], dims=DIMS, model="test")
    opened.upsert(CORPUS)
    yield opened
    opened.close()


@contextmanager
def impostor(status: int, headers: dict[str, str], body: object) -> Iterator[str]:
    """A loopback server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815  the library's names

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
DENIED = {"error": {"root_cause": [{"reason": "unable to authenticate with provided credentials"}], "reason": "x"}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, PRODUCT, {"version": {"number": "8.19.16"}}, "Elasticsearch 8.19.16; 9.4 or newer"),
        (200, PRODUCT, {"version": {"number": "9.3.0"}}, "upgrade it"),
        (200, {}, {"version": {"number": "3.1.0", "distribution": "opensearch"}}, "OpenSearch"),
        (401, PRODUCT, DENIED, "IPRWATCH_ELASTICSEARCH_API_KEY"),
        (403, PRODUCT, {"error": {"root_cause": [{"reason": "action [x] is unauthorized"}]}}, "privileges"),
        (400, PRODUCT, {"error": {"root_cause": [{"reason": "Accept version must be 8, but found compatible-with=9"}]}}, "major version"),
    ],
)  # fmt: skip
def test_a_server_that_will_not_do_is_named(status: int, headers: dict[str, str], body: object, said: str) -> None:
    with impostor(status, headers, body) as url, connect(url) as client, pytest.raises(ServerRefused, match=said):
        ElasticIndex(client, prefix="x")


def test_no_server_is_said_with_its_address() -> None:
    with (
        connect("http://127.0.0.1:9") as client,
        pytest.raises(ServerUnavailable, match="cannot be reached"),
    ):
        ElasticIndex(client, prefix="x")


@pytest.mark.parametrize("url", ["localhost", "http://", "", "ftp://x:1"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(ServerRefused, match="IPRWATCH_ELASTICSEARCH_URL"):
        connect(url)


def test_a_certificate_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="not usable"):
        connect("https://127.0.0.1:9", ca=tmp_path / "none.pem")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc\n")
    assert read_secret(f"file:{tmp_path}/key") == "abc"
    assert read_secret("plain") == "plain"
    with pytest.raises(InputError, match="cannot be read"):
        read_secret(f"file:{tmp_path}/none")


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


def test_a_page_that_was_left_too_long_is_said(index: ElasticIndex) -> None:
    cursor = index.find(Query("", limit=2)).next
    _, moment, _ = json.loads(base64.urlsafe_b64decode(cursor))
    index.client.close_point_in_time(id=moment)
    with pytest.raises(BadQuery, match="first page"):
        index.find(Query("", limit=2, cursor=cursor))


# In the whole flow


def rows(count: int, start: int = 0) -> list[dict[str, str]]:
    """Articles to bring in, each of words of its own."""
    return [
        {
            "url": f"https://office.example/{n}",
            "title": f"Notice number {n} on fees",
            "text": f"The office word{n} publishes its notice {n * 7919}. " * 8,
            "published": "2026-11-20T10:00:00Z",
            "language": "en",
        }
        for n in range(start, start + count)
    ]


@contextmanager
def opened(home: Path, url: str, space: str = "live") -> Iterator[Context]:
    settings = Settings(home=home, space=space, model="hash", index="elasticsearch", elasticsearch_url=url)  # type: ignore[arg-type]
    with Context(settings.prepared()) as context:
        yield context


def owed(context: Context) -> int:
    with context.ledger.read() as connection:
        return count_queued(connection)


@pytest.fixture
def node(tmp_path: Path, elasticsearch_url: str) -> Iterator[Node]:
    """A node of one's own, to be killed; skipped or failed with the shared one."""
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


@pytest.mark.parametrize("work", ["index", "reindex"])
def test_a_killed_node_loses_nothing_and_doubles_nothing(node: Node, tmp_path: Path, work: str) -> None:
    with opened(tmp_path, node.url) as context:
        land_rows(context, rows(600), 500)
        understand(context)
        if work == "reindex":
            index_queued(context)
        else:
            context.index.count()
    for turn in range(ROUNDS):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, tmp_path, node.url, work], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(random.Random(turn).uniform(0.05, 1.2))
        node.kill()
        worker.communicate(timeout=120)
        node.start()
    with opened(tmp_path, node.url) as context:
        (reindex if work == "reindex" else index_queued)(context)
        assert owed(context) == 0
        held = [article for article, _ in context.index.scan()]
        assert len(held) == len(set(held)) == 600
        for n in random.Random(1).sample(range(600), 20):
            assert [h.title for h in context.index.find(Query(f"word{n}", mode="keyword")).hits] == [
                f"Notice number {n} on fees"
            ]


def test_search_goes_on_while_a_new_generation_takes_over(
    own: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, prefix = own
    monkeypatch.setattr("iprwatch.engines.index_prefix", lambda _: prefix)
    monkeypatch.setattr("iprwatch.reindex.index_prefix", lambda _: prefix)
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


def test_a_ledger_that_lost_its_articles_does_not_empty_the_index(
    own: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, prefix = own
    monkeypatch.setattr("iprwatch.engines.index_prefix", lambda _: prefix)
    monkeypatch.setattr("iprwatch.reindex.index_prefix", lambda _: prefix)
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


def test_an_index_of_another_layout_is_made_anew(
    own: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, prefix = own
    monkeypatch.setattr("iprwatch.engines.index_prefix", lambda _: prefix)
    monkeypatch.setattr("iprwatch.reindex.index_prefix", lambda _: prefix)
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
