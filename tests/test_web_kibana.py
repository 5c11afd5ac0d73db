"""The page's way to Kibana, on a real node: the vector is stored and findable, the link is one that Kibana reads, and nobody else can make us write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from fastapi.testclient import TestClient
from test_kibana import read_link
from test_web_browser import browser, served
from web_home import NOW, build_home

from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.ledger.documents import enqueue_all
from iprwatch.settings import Settings
from iprwatch.web.app import create_app
from iprwatch.web.site import Site
from search.client import Elasticsearch, connect
from search.kibana.pills import question_id

__all__ = ["browser"]  # a fixture

GUIDANCE = sha256(b"guidance").hexdigest()


@dataclass(frozen=True)
class Page:
    """The page on Elasticsearch, and a client beside it."""

    settings: Settings
    web: TestClient
    elastic: Elasticsearch
    prefix: str


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, elasticsearch_url: str) -> Iterator[Page]:
    settings = build_home(tmp_path_factory.mktemp("web")).model_copy(
        update={"index": "elasticsearch", "elasticsearch_url": elasticsearch_url, "kibana_url": "http://kibana.example/k"}
    )  # fmt: skip
    prefix = f"t{os.urandom(6).hex()}"
    with pytest.MonkeyPatch.context() as patch, connect(elasticsearch_url) as elastic:
        for name in ("engines", "kibana"):
            patch.setattr(f"iprwatch.{name}.index_prefix", lambda _: prefix)
        with Context(settings, FrozenClock(NOW)) as context:
            with context.ledger.write() as connection:
                enqueue_all(connection)
            index_queued(context)
        app = create_app(Site(settings, FrozenClock(NOW)))
        with TestClient(app, base_url="http://127.0.0.1:8642", follow_redirects=False) as web:
            assert app.state.site._warm.wait(10)
            yield Page(settings, web, elastic, prefix)
        elastic.indices.delete(index=f"{prefix}*")


def test_a_question_of_the_page_opens_in_discover(page: Page) -> None:
    found = page.web.get("/search", params={"q": "artificial intelligence & fees"})
    assert 'href="/kibana?q=artificial+intelligence+%26+fees"' in found.text
    answer = page.web.get("/kibana", params={"q": "artificial  intelligence & fees"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://kibana.example/k/app/discover#/")
    assert answer.headers["cache-control"] == "no-store"
    (pill,) = read_link(answer.headers["location"])["_a"]["filters"]
    lookup = pill["query"]["knn"]["query_vector_builder"]["lookup"]
    assert lookup["index"] == f"{page.prefix}-vectors"
    kept = page.elastic.search(index=lookup["index"], query={"ids": {"values": [lookup["id"]]}})["hits"]["hits"]
    assert [hit["_source"]["text"] for hit in kept] == ["artificial intelligence & fees"]
    wrapped = {"bool": {"must": [], "filter": [pill["query"]], "should": [], "must_not": []}}
    hits = page.elastic.search(index=f"{page.prefix}-passages", query=wrapped, size=50)["hits"]["hits"]
    assert GUIDANCE in {hit["_source"]["article"] for hit in hits}


def test_more_like_an_item_opens_in_discover(page: Page) -> None:
    assert f'href="/kibana?item={GUIDANCE}"' in page.web.get(f"/item/{GUIDANCE}").text
    (pill,) = read_link(page.web.get("/kibana", params={"item": GUIDANCE}).headers["location"])["_a"]["filters"]
    hits = page.elastic.search(index=f"{page.prefix}-passages", query=pill["query"], size=50)["hits"]["hits"]
    assert hits
    assert GUIDANCE not in {hit["_source"]["article"] for hit in hits}


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({}, 400, "There is no question"),
        ({"q": "   "}, 400, "There is no question"),
        ({"item": "no-such"}, 404, "No indexed article"),
        ({"q": "<script>alert(1)</script>" * 40}, 303, ""),
    ],
)
def test_what_cannot_be_opened_is_said(page: Page, params: dict[str, str], status: int, said: str) -> None:
    answer = page.web.get("/kibana", params=params)
    assert answer.status_code == status
    assert said in answer.text
    assert "<script>alert" not in answer.text


def test_another_site_cannot_make_us_write(page: Page) -> None:
    for site in ("cross-site", "same-site"):
        answer = page.web.get("/kibana", params={"q": "planted"}, headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, "this page only" in answer.text) == (400, True)
    assert page.web.head("/kibana", params={"q": "planted"}).status_code == 405
    assert page.web.post("/kibana", params={"q": "planted"}).status_code == 405
    with connect(page.elastic.transport.node_pool.get().base_url) as client:
        model = client.indices.get_mapping(index=f"{page.prefix}-passages")
        (body,) = model.values()
        planted = question_id(body["mappings"]["_meta"]["model"], "planted")
        assert not client.exists(index=f"{page.prefix}-vectors", id=planted)
    assert page.web.get("/kibana", params={"q": "ours"}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_in_a_browser_the_link_leads_there(page: Page, browser: Any) -> None:
    """The policy lets it, the browser says the link is ours, and another page's is refused."""
    app = create_app(Site(page.settings, FrozenClock(NOW)))
    with served(app) as address:
        assert app.state.site._warm.wait(10)
        context = browser.new_context()
        tab = context.new_page()
        tab.route(
            "http://kibana.example/**", lambda route: route.fulfill(body="<h1>Discover</h1>", content_type="text/html")
        )
        tab.route(
            "http://other.example/",
            lambda route: route.fulfill(body=f'<a href="{address}/kibana?q=planted">x</a>', content_type="text/html"),
        )
        tab.goto(f"{address}/search?q=inventor+and+machine")
        tab.get_by_role("link", name="Open in Kibana").click()
        tab.wait_for_url("http://kibana.example/k/app/discover**")
        assert "Near in meaning: inventor and machine" in str(read_link(tab.url)["_a"]["filters"])
        tab.goto(f"{address}/item/{GUIDANCE}")
        tab.get_by_role("link", name="More in Kibana").click()
        tab.wait_for_url("http://kibana.example/k/app/discover**")
        tab.goto("http://other.example/")
        tab.get_by_role("link", name="x").click()
        tab.get_by_text("for links of this page only").wait_for()
        context.close()


def test_without_elasticsearch_the_page_does_not_mention_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = build_home(tmp_path_factory.mktemp("plain"))
    with TestClient(create_app(Site(settings, FrozenClock(NOW))), base_url="http://127.0.0.1:8642") as web:
        assert "/kibana" not in web.get("/search?q=fees").text
        answer = web.get("/kibana?q=fees")
        assert (answer.status_code, "IPRWATCH_INDEX=elasticsearch" in answer.text) == (404, True)
