from __future__ import annotations

import ast
import gzip
import http.client
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import iprwatch.newsroom as newsroom_package
from iprwatch.clock import FrozenClock
from iprwatch.errors import InputError, NotFound
from iprwatch.newsroom.faults import BOMB, HUGE
from iprwatch.newsroom.generate import write_offices
from iprwatch.newsroom.load import load_data, load_offices, load_shipped
from iprwatch.newsroom.model import Answer, Office
from iprwatch.newsroom.newsroom import Newsroom
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import load_all_offices, open_newsroom, publish, read_state, set_fault, start_scene
from spiders.source import load_keywords

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
SHIPPED = load_shipped()
TRUTH = ("uspto-news", "www.uspto.gov", "/rss.xml")


def ask(newsroom: Newsroom, url: str, headers: dict[str, str] | None = None) -> Answer:
    parts = urlsplit(url)
    return newsroom.answer(parts.netloc, parts.path + (f"?{parts.query}" if parts.query else ""), headers)


def urls(newsroom: Newsroom) -> dict[str, str]:
    return {item.url + item.slug: item.title for source in newsroom.offices for item in newsroom.board(source)}


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Office]:
    """Two invented offices of five items each."""
    write_offices(tmp_path, offices=2, items=5, seed=1)
    return load_offices([tmp_path / "offices"], [tmp_path / "sources"])


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


def fetch(server: Server, host: str, target: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request("GET", target, headers={"Host": host})
        return connection.getresponse().read()


@pytest.mark.parametrize("source", sorted(SHIPPED))
def test_every_office_renders_its_list_and_every_item(source: str) -> None:
    newsroom, office = Newsroom(START), SHIPPED[source]
    board = newsroom.board(source)
    assert board, "an office without items.yaml"
    listed = ask(newsroom, office.source.url)
    assert listed.status == 200
    assert listed.body
    for item in (item for item in board if item.path):
        host = next(r.host for r in office.routes if r.each) or urlsplit(office.source.url).netloc
        assert newsroom.answer(host, item.path).status == 200, item.path
    if any(route.each for route in office.routes):
        assert len({item.path for item in board}) == len(board), "two items at one address"


def test_the_boards_are_full_varied_and_spread_over_fourteen_months() -> None:
    newsroom = Newsroom(START)
    items = [item for source in newsroom.offices for item in newsroom.board(source)]
    assert len(items) >= 180
    assert len({item.language for item in items}) >= 6
    assert len({f"{item.date:%Y-%m}" for item in items}) >= 14
    assert max(item.date for item in items) < START


def test_same_arguments_same_bytes_and_no_bytes_change_by_themselves() -> None:
    assert ask(Newsroom(START, 3), "https://www.uspto.gov/rss.xml") == ask(
        Newsroom(START, 3), "https://www.uspto.gov/rss.xml"
    )


def test_the_first_scene_brings_exactly_six_items_and_one_edit() -> None:
    before, after = urls(Newsroom(START)), urls(Newsroom(START, 1))
    assert len(after.keys() - before.keys()) == 6
    (changed,) = (url for url in before if before[url] != after[url])
    assert changed.endswith("practice-notice-ai-generated-claims")
    edited = next(i for i in Newsroom(START, 1).board("ca-cipo-notices") if i.slug.startswith("practice"))
    assert edited.updated > edited.date


def test_a_moved_item_redirects_to_where_it_is_listed_now() -> None:
    before, after = Newsroom(START, 1), Newsroom(START, 2)
    old = next(i for i in before.board("epo-news") if i.slug.startswith("five-offices"))
    new = next(i for i in after.board("epo-news") if i.slug.startswith("five-offices"))
    moved = ask(after, old.url)
    assert (moved.status, moved.headers["Location"]) == (301, urlsplit(new.url).path)
    assert ask(after, new.url).status == 200
    assert ask(before, new.url).status == 404


def test_the_ipeg_page_changes_in_the_second_scene() -> None:
    url = SHIPPED["apec-ipeg-page"].source.url
    assert ask(Newsroom(START, 1), url).body == ask(Newsroom(START), url).body
    assert ask(Newsroom(START, 2), url).body != ask(Newsroom(START, 1), url).body


def test_the_third_scene_reprints_and_publishes_a_pdf() -> None:
    newsroom = Newsroom(START, 3)
    ours, theirs = (
        "\n".join(next(i.body for i in newsroom.board(s) if i.slug.startswith("joint-principles")))
        for s in ("uspto-news", "sg-mlaw-news")
    )
    assert ours != theirs
    assert ours.replace("the year", "this year") == theirs.replace("the year", "this year")
    notice = ask(newsroom, newsroom.board("jpo-news-en")[0].url)
    assert notice.headers["Content-Type"] == "application/pdf"
    assert notice.body.startswith(b"%PDF-")


def test_scenes_go_on_after_the_last_written_one() -> None:
    before, after, later = (urls(Newsroom(START, n)).keys() for n in (40, 41, 42))
    assert len(after - before) == len(later - after) == 6


def test_a_list_turns_its_pages(own: dict[str, Office], tmp_path: Path) -> None:
    office = own["office-001"]
    path = tmp_path / "offices" / "office-001" / "office.yaml"
    path.write_text(path.read_text("utf-8").replace("size: 5", "size: 2\n  pages: page\n  first: 1"), "utf-8")
    newsroom = Newsroom(START, offices=load_offices([tmp_path / "offices"], [tmp_path / "sources"]))
    pages = [ask(newsroom, f"{office.source.url}?page={n}").body for n in (1, 2, 3, 4)]
    assert [page.count(b"<item>") for page in pages] == [2, 2, 1, 0]


def test_conditional_requests(own: dict[str, Office]) -> None:
    newsroom = Newsroom(START, offices=own)
    first = ask(newsroom, "https://office-001.example/rss.xml")
    again = ask(newsroom, "https://office-001.example/rss.xml", {"if-none-match": f'W/{first.headers["ETag"]}, "x"'})
    assert (again.status, again.body) == (304, b"")
    assert ask(newsroom, "https://office-001.example/rss.xml", {"If-None-Match": '"other"'}).status == 200
    dated, url = Newsroom(START), SHIPPED["ca-cipo-notices"].source.url
    changed = ask(dated, url).headers["Last-Modified"]
    assert [ask(dated, url, {"If-Modified-Since": at}).status for at in (changed, "not a date")] == [304, 200]


def test_unknown_hosts_and_paths_are_404_and_robots_is_per_host() -> None:
    newsroom = Newsroom(START)
    assert newsroom.answer("nowhere.example", "/").status == 404
    assert newsroom.answer("www.uspto.gov", "/nothing").status == 404
    assert newsroom.answer("www.uspto.gov:443", "/robots.txt").body == SHIPPED["uspto-news"].robots.encode()


def broken(fault: str, source: str = TRUTH[0]) -> Answer:
    return ask(Newsroom(START, faults={source: fault}), SHIPPED[source].source.url)


def test_faults_that_replace_the_answer() -> None:
    assert broken("dead").hang_up
    names = ("gone", "down", "unavailable", "forbidden", "rate_limited")
    assert [broken(name).status for name in names] == [404, 500, 503, 403, 429]
    assert broken("rate_limited").headers["Retry-After"] == "120"
    assert broken("slow").delay > 1
    assert broken("redirect_loop").headers["Location"] == "/rss.xml"
    assert b"verify that you are human" in broken("bot_wall").body
    assert b"cookies" in broken("consent").body
    assert not {"ETag", "Last-Modified"} & broken("consent").headers.keys()


def test_faults_that_change_the_answer() -> None:
    assert b"R&D" in broken("malformed").body
    assert b"</rss>" not in broken("malformed").body
    assert b"<item>" not in broken("empty").body
    assert broken("empty").body.endswith(b"</rss>")
    assert len(broken("huge").body) > HUGE
    bomb = broken("gzip_bomb")
    assert len(bomb.body) < BOMB / 500
    assert len(gzip.decompress(bomb.body)) == BOMB
    assert json.loads(broken("empty", "uk-ipo-news").body)["results"] == []
    with pytest.raises(UnicodeDecodeError):
        broken("wrong_charset", "dpma-press").body.decode("utf-8")


def test_lying_and_stale_etags() -> None:
    one, two = broken("lying_etag"), broken("lying_etag")
    assert one.body == two.body
    assert one.headers["ETag"] != two.headers["ETag"]
    tag = broken("stale_etag").headers["ETag"]
    later = Newsroom(START, 1, faults={"uspto-news": "stale_etag"})
    assert ask(later, SHIPPED["uspto-news"].source.url, {"If-None-Match": tag}).status == 304


def test_every_fault_has_a_row_that_works_on_every_office() -> None:
    for fault in load_data("faults"):
        for source in SHIPPED:
            if fault not in ("gzip_bomb", "huge") or source == "uspto-news":
                broken(fault, source)


def test_faults_of_a_scene_end_with_it_and_can_be_overruled() -> None:
    url = SHIPPED["uibm-news"].source.url
    assert ask(Newsroom(START, 4), url).hang_up
    assert not ask(Newsroom(START, 5), url).hang_up
    assert not ask(Newsroom(START, 4, faults={"uibm-news": ""}), url).hang_up


def test_state_begins_with_scene_zero_and_goes_on(tmp_path: Path) -> None:
    clock = FrozenClock(START)
    assert start_scene(tmp_path, clock=clock) == 0
    clock.at += timedelta(hours=1)
    assert start_scene(tmp_path, clock=clock) == 1
    assert start_scene(tmp_path, 1, clock=clock) == 1
    state = read_state(tmp_path)
    assert state is not None
    assert (state.start, state.scenes) == (START, (START + timedelta(hours=1),))


def test_a_broken_state_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{", "utf-8")
    with pytest.raises(InputError, match="Delete it"):
        read_state(tmp_path)


def test_publish_walks_the_reserve_then_invents(tmp_path: Path) -> None:
    clock, reserve = FrozenClock(START), load_data("reserve")
    assert len(reserve) >= 12
    out = [publish(tmp_path, clock=clock) for _ in range(len(reserve) + 3)]
    assert [item.source for item in out[: len(reserve)]] == [raw["source"] for raw in reserve]
    assert len({item.url for item in out}) == len(out)
    newsroom = open_newsroom(tmp_path)
    assert all(item.title in ask(newsroom, item.url).body.decode() for item in out[-3:])
    with pytest.raises(NotFound):
        publish(tmp_path, slug="no-such-item")


def test_what_scenes_and_publish_bring_is_what_the_sources_look_for(tmp_path: Path) -> None:
    start_scene(tmp_path, 7)
    for _ in range(len(load_data("reserve")) + 4):
        publish(tmp_path)
    before, after = Newsroom(START), open_newsroom(tmp_path)
    for source, office in SHIPPED.items():
        known = {item.key for item in before.board(source)}
        fresh = [item for item in after.board(source) if item.key not in known and "citation-document" not in item.slug]
        for item in fresh if office.source.item else ():
            assert any(re.search(pattern, item.url) for pattern in office.source.item), item.url
            words = [load_keywords()[name] for name in office.source.filter]
            assert not words or any(word.search(f"{item.title} {item.summary}") for word in words), item.title
        assert len({item.url for item in fresh}) == len(fresh)


def test_publish_and_faults_from_another_process_take_effect_at_once(serving: Server) -> None:
    before = fetch(serving, *TRUTH[1:])
    code = f"from iprwatch.newsroom.state import publish; from pathlib import Path; print(publish(Path({str(serving.folder)!r})).title)"
    title = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    after = fetch(serving, *TRUTH[1:])
    assert title.encode() not in before
    assert title.encode() in after
    set_fault(serving.folder, "uspto-news", "dead")
    with pytest.raises(http.client.RemoteDisconnected):
        fetch(serving, *TRUTH[1:])
    set_fault(serving.folder, "uspto-news", None)
    assert fetch(serving, *TRUTH[1:]) == after


def test_unknown_faults_and_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rate_limited"):
        set_fault(tmp_path, "uspto-news", "gremlins")
    with pytest.raises(NotFound, match="nobody"):
        set_fault(tmp_path, "nobody", "dead")


def test_one_connection_serves_all_hosts_on_loopback(serving: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=5)
    for host, target in (("www.uspto.gov", "/rss.xml"), ("www.epo.org", "/rss.xml"), ("epo.org", "/robots.txt")):
        connection.request("GET", target, headers={"Host": host})
        answer = connection.getresponse()
        assert (answer.status, answer.version) == (200, 11)
        answer.read()
    connection.request("HEAD", "/rss.xml", headers={"Host": "www.epo.org"})
    assert connection.getresponse().read() == b""
    connection.close()
    assert serving.hosts["www.uspto.gov"] == f"127.0.0.1:{serving.port}"


def test_the_code_stays_small_since_offices_and_items_are_data() -> None:
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    count = 0
    for path in Path(newsroom_package.__file__ or "").parent.rglob("*.py"):
        text = path.read_text("utf-8")
        strings = (
            n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
        )
        prose = {line for n in strings for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}
        tokens = (t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in skipped)
        count += len({line for t in tokens for line in range(t.start[0], t.end[0] + 1)} - prose)
    assert 300 < count <= 500, "lines without blanks, comments and docstrings"


def test_invented_offices_are_the_same_for_a_seed(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    names = write_offices(one, offices=3, items=4, seed=7)
    write_offices(two, offices=3, items=4, seed=7)
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)
    newsroom = Newsroom(START, offices=load_all_offices(one))
    assert [len(newsroom.board(name)) for name in names] == [4, 4, 4]
    assert ask(newsroom, "https://office-002.example/rss.xml").body.count(b"<item>") == 4
