"""The page without a browser: every address answers, hostile content stays text, nothing but reading is possible."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from httpx import Response
from web_home import HUGE, JAPANESE, NOW, build_home

from iprwatch.clock import FrozenClock
from iprwatch.settings import Settings
from iprwatch.web.app import create_app
from iprwatch.web.site import Site

GUIDANCE = sha256(b"guidance").hexdigest()
PAGES = (
    "/", "/?days=30", "/search", "/search?q=artificial+intelligence", "/search?q=inventor&view=economies", "/search?q=fees&sort=newest&fold=0",
    "/search?theme=T07&economy=US&language=en&since=2026-10-01&until=2026-12-01", f"/item/{GUIDANCE}", f"/item/{GUIDANCE}?p=0",
    f"/story/{GUIDANCE}", "/themes?theme=T02&theme=T07", "/themes?by=week&unit=articles&theme=T02&economy=JP", "/theme/T02.3", "/theme/T05", "/sources", "/alerts", "/watches", "/digests",
    *(f"/item/{sha256(name).hexdigest()}" for name in (b"script", b"turned", b"huge", b"tokyo", b"plain")),
)  # fmt: skip
WEIGHT_MOST = 150 * 1024  # bytes of a page with its style and script, charts apart


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_home(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(Site(settings, FrozenClock(NOW)))
    with TestClient(app, base_url="http://127.0.0.1:8642", follow_redirects=False) as client:
        assert app.state.site._warm.wait(10)
        yield client


@pytest.fixture(scope="module")
def fetched(client: TestClient) -> dict[str, Response]:
    """Every page once."""
    return {address: client.get(address) for address in PAGES}


def ledger_of(settings: Settings) -> Path:
    return settings.folder / "ledger.sqlite"


@pytest.mark.parametrize("address", PAGES)
def test_every_page_answers_whole_light_and_guarded(
    client: TestClient, fetched: dict[str, Response], address: str
) -> None:
    answer = fetched[address]
    assert answer.status_code == 200, answer.text
    assert answer.text.rstrip().endswith("</html>")
    page = answer.text.split('<script type="application/json"')[0]
    static = sum(len(client.get(f"/static/{name}").content) for name in ("style.css", "page.js", "icon.svg"))
    assert len(page.encode()) + static <= WEIGHT_MOST
    assert_guarded(answer)


def assert_guarded(answer: Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "address", ["/nowhere", "/healthz", "/feed/alerts.xml", "/static/style.css", "/search?cursor=x"]
)
def test_what_is_no_page_is_guarded_too(client: TestClient, address: str) -> None:
    assert_guarded(client.get(address))


@pytest.mark.parametrize("address", PAGES)
def test_hostile_content_stays_text(fetched: dict[str, Response], address: str) -> None:
    page = fetched[address].text
    assert "<script>document" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page
    assert not set(page) & set("\u202e\u2067\u200f")


def test_a_stranger_name_and_a_write_are_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/", headers={"Host": "127.0.0.1.evil.example:8642"}).status_code == 421
    assert client.get("/", headers={"Host": "[::1]:8642"}).status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/search").status_code == 405
    assert client.head("/search").status_code == 200


def test_reading_changes_no_record(client: TestClient, settings: Settings) -> None:
    with sqlite3.connect(ledger_of(settings)) as ledger:
        before = list(ledger.iterdump())
        for address in (
            "/",
            "/search?q=inventor",
            f"/item/{GUIDANCE}",
            "/themes?theme=T02",
            "/sources",
            "/alerts",
            "/watches",
            "/digests",
        ):
            client.get(address)
        assert list(ledger.iterdump()) == before
    with client.app.state.site.reading() as connection, pytest.raises(Exception, match="readonly"):  # type: ignore[attr-defined]
        connection.exec_driver_sql("delete from articles")


def test_a_search_says_why(client: TestClient) -> None:
    page = client.get("/search?q=artificial+intelligence").text
    assert "<mark>artificial</mark>" in page
    assert "1st by words" in page
    assert "The statement says" in page
    assert "1 more in this story" in page
    japanese = client.get("/search?q=人工知能").text
    assert JAPANESE in japanese.replace("<mark>", "").replace("</mark>", "")


def test_by_economy_the_last_to_move_comes_first(client: TestClient) -> None:
    page = client.get("/search?q=artificial+intelligence+inventor&mode=keyword&view=economies&fold=0").text
    japan, states = page.index(">Japan</a>"), page.index(">United States</a>")
    assert japan < states  # the reprint came after
    assert "Only natural persons" not in page  # the sentence, not the passage
    assert re.search(r"<blockquote.*<mark>", page)  # and in it the words asked for


def test_pages_follow_one_another_and_each_has_an_address(client: TestClient) -> None:
    seen: list[str] = []
    address = "/search?q=fee+notice&mode=keyword&format=json"
    while address:
        answer = client.get(address).json()
        seen += [hit["id"] for hit in answer["hits"]]
        address = answer["next"]
    assert len(seen) == len(set(seen)) == answer["total"] > 20
    page = client.get("/search?q=fee+notice&mode=keyword").text
    assert 'rel="next" href="/search?q=fee+notice' in page


@pytest.mark.parametrize(
    "wrong",
    ["mode=x", "sort=x", "view=x", "since=May", "near=2", "cursor=abc", "&".join(f"source={n}" for n in range(60))],
)
def test_a_question_that_cannot_be_is_explained(client: TestClient, wrong: str) -> None:
    answer = client.get(f"/search?q=fees&{wrong}")
    assert answer.status_code == 400
    assert "<h1>" in answer.text
    assert "error" in client.get(f"/search?q=fees&{wrong}&format=json").json()


def test_an_item_marks_its_sentences_and_shows_what_changed(client: TestClient) -> None:
    page = client.get(f"/item/{GUIDANCE}?p=0").text
    assert 'id="said-T02.3"' in page
    assert 'id="found"' in page
    assert "<del>30</del><ins>40</ins>" in page
    assert "The same story" in page
    assert "More like this" in page
    assert "from the office" in page


def test_an_item_is_found_by_the_beginning_of_its_id(client: TestClient) -> None:
    answer = client.get(f"/item/{GUIDANCE[:12]}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"/item/{GUIDANCE}")
    for address in ("/item/zzz", "/story/zzz", "/theme/T99", "/digest/zzz", "/item/" + "0" * 300):
        assert client.get(address).status_code == 404


def test_a_long_text_comes_in_parts(client: TestClient) -> None:
    address = f"/item/{sha256(b'huge').hexdigest()}"
    first, last = client.get(address).text, client.get(f"{address}?part=99").text
    assert first != last
    assert 'aria-label="Parts of the text"' in first
    assert len(HUGE) > 20 * len(first)
    assert client.get(f"{address}?part=x").status_code == 400


def test_today_says_what_is_new_what_fired_and_what_is_down(client: TestClient) -> None:
    page = client.get("/").text
    assert "IP and future technologies" in page
    assert "Machines as inventors" in page
    assert "alert after" in page
    assert "EPO news</b> since 24 Nov 2026, 07:00 UTC" in page
    assert "HTTP 503" in page
    assert "Daily &lt;script&gt; digest" in page


def test_themes_over_time_name_the_outage_and_lead_to_the_items(client: TestClient) -> None:
    page = client.get("/themes?by=day&theme=T02").text
    assert "epo-news down" in page
    assert "/search?theme=T02&amp;since=2026-11-25&amp;until=2026-11-25" in page
    assert client.get("/themes/chart.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/themes/chart.svg?theme=T02").text.startswith("<svg")
    assert client.get("/themes?by=year").status_code == 400


def test_watches_show_their_search_and_their_faults(client: TestClient) -> None:
    page = client.get("/watches").text
    assert 'href="/search?q=artificial+intelligence+inventor&amp;mode=keyword&amp;sort=newest"' in page
    assert "1 story" in page
    assert "odd:" in page


def test_the_digest_stands_in_a_sandbox(client: TestClient) -> None:
    address = client.get("/digests").text.split('href="/digest/')[1].split('"')[0]
    page = client.get(f"/digest/{address}")
    assert f'src="/digest/{address}/page"' in page.text
    framed = client.get(f"/digest/{address}/page")
    policy = framed.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "<script>" not in framed.text


def test_the_alert_feed_is_atom(client: TestClient) -> None:
    answer = client.get("/feed/alerts.xml")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    atom = "{http://www.w3.org/2005/Atom}"
    (entry,) = feed.findall(f"{atom}entry")
    link = entry.find(f"{atom}link")
    assert link is not None
    assert link.get("href") == f"http://127.0.0.1:8642/item/{GUIDANCE}"
    for name in ("id", "title", "updated"):
        assert feed.findtext(f"{atom}{name}")
        assert entry.findtext(f"{atom}{name}")


def test_health_and_an_empty_folder(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    empty = Site(Settings(home=tmp_path, space="live", model="hash"))
    with TestClient(create_app(empty), base_url="http://localhost") as fresh:
        assert fresh.get("/healthz").status_code == 503
        for address in ("/", "/search?q=fees", "/sources", "/themes"):
            answer = fresh.get(address)
            assert answer.status_code == 503
            assert "iprwatch run" in answer.text
    assert not list(tmp_path.iterdir())  # nothing was made


def test_without_a_model_a_search_is_by_words_and_says_so(settings: Settings) -> None:
    other = Settings(home=settings.home, space="demo", model=str(settings.home / "no-model"))
    with TestClient(create_app(Site(other, FrozenClock(NOW))), base_url="http://localhost") as client:
        page = client.get("/search?q=fee+notice").text
        assert "By words only" in page
        assert "<mark>Fee</mark>" in page


def test_a_foreign_host_needs_a_proxy_in_front() -> None:
    from iprwatch.cli.web import web_command
    from iprwatch.errors import InputError

    result = CliRunner().invoke(web_command, ["--host", "0.0.0.0"])
    assert isinstance(result.exception, InputError)
    assert "no login" in str(result.exception)


def test_json_is_what_the_page_shows(client: TestClient) -> None:
    answer = client.get("/search?q=artificial+intelligence&format=json")
    hit = json.loads(answer.content)["hits"][0]
    assert hit["item"] == f"/item/{hit['id']}"
    assert hit["tags"][0]["theme"] == "T02.3"
