"""An item that moves keeps its id; what a reprint links to heads its story. Real crawls of offices on loopback, then a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from office_server import Office, declare, serve

from iprwatch.context import Context
from iprwatch.flow import Visit, run_pass
from iprwatch.ledger.documents import count_queued
from iprwatch.ledger.tables import article_urls, articles, revisions
from iprwatch.newsroom.server import Server
from iprwatch.newsroom.state import start_scene
from iprwatch.replay import find_identity, replay
from iprwatch.report import Report
from iprwatch.settings import load_settings

BODY = (
    "The office and its partners agreed on a common form for citations of prior art, so that an applicant who files "
    "in several economies writes one list only. Examiners will see each other's lists from the first day of next year. "
    "Three offices begin with applications on batteries and heat pumps, the others follow in autumn after a test. "
    "Small firms are asked to tell what they think of the draft by the end of the month."
)
OTHER = (
    "Welcome to the office. Here you find patents, trade marks and designs, our fees, our opening hours and all forms. "
    "Choose a language, then a topic. Our staff answers questions on working days from eight to four by telephone."
)


def page(title: str, body: str = BODY, extra: str = "") -> bytes:
    return f"<html><head><title>{title}</title></head><body><main><h1>{title}</h1><p>{body}</p>{extra}</main></body></html>".encode()


def feed(host: str, *slugs: str) -> bytes:
    rows = "".join(f"<item><title>Common citation form agreed</title><link>https://{host}/news/{s}</link>"
                   "<pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate></item>" for s in slugs)  # fmt: skip
    return f'<rss version="2.0"><channel><title>t</title>{rows}</channel></rss>'.encode()


@pytest.fixture
def context() -> Iterator[Context]:
    with Context(load_settings(space="live", model="hash")) as context:
        names = ("alpha", "beta")
        context.__dict__["sources"] = {
            n: declare(id=n, organisation=f"{n} office", url=f"https://{n}.example/rss", item=[r"/news/"],
                       homepage=f"https://{n}.example/") for n in names
        }  # fmt: skip
        yield context


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        yield server


@pytest.fixture
def visit(context: Context, office: Office) -> Callable[..., Report]:
    def go(*ids: str) -> Report:
        mapped = Visit(host_map={"*": f"127.0.0.1:{office.port}"}, delay_scale=0.0, time_limit=30.0)
        return run_pass(context, ids or ("alpha",), mapped)

    return go


def rows(context: Context) -> list[sa.Row[Any]]:
    with context.ledger.read() as connection:
        return list(connection.execute(sa.select(articles).order_by(articles.c.source, articles.c.first_seen)))


def addresses(context: Context, id: str) -> set[str]:
    with context.ledger.read() as connection:
        return set(connection.scalars(sa.select(article_urls.c.url).where(article_urls.c.article == id)))


def assert_replayed_alike(context: Context) -> None:
    """The landing tells the same again, and the index holds what the record holds."""
    before = find_identity(context)
    assert replay(context).changed == ()
    assert find_identity(context) == before
    assert {id for id, _ in context.index.scan()} == before.keys()


def test_a_moved_item_keeps_its_id_and_gains_an_address(
    context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    office.routes = {
        "alpha.example/rss": feed("alpha.example", "old"),
        "alpha.example/news/old": page("Common citation form agreed"),
    }
    visit()
    (first,) = rows(context)
    office.routes |= {
        "alpha.example/rss": feed("alpha.example", "new"),
        "alpha.example/news/new": page("Common citation form agreed", BODY + " It was printed too."),
        "alpha.example/news/old": (301, {"Location": "/news/new"}, b""),
    }
    assert visit().counts.new == 1
    assert [r.relation for r in rows(context)] == ["head", "variant"]  # until the old address is asked
    assert visit().counts.moved == 1
    (now,) = rows(context)
    assert (now.id, now.key, now.story, now.published) == (first.id, first.key, first.story, first.published)
    assert (now.url, now.revision) == ("https://alpha.example/news/new", 2)
    assert now.text.endswith("printed too.")
    assert addresses(context, now.id) == {"https://alpha.example/news/old", "https://alpha.example/news/new"}
    with context.ledger.read() as connection:
        texts = connection.scalars(
            sa.select(revisions.c.text).where(revisions.c.article == now.id).order_by(revisions.c.n)
        ).all()
        assert count_queued(connection) == 0
    assert [t.endswith("printed too.") for t in texts] == [False, True]
    assert [id for id, _ in context.index.scan()] == [first.id]
    asked = len(office.asked)
    visit()
    assert office.asked[asked:][0][0] == "alpha.example/rss"
    assert len(office.asked) == asked + 1  # the old address is not asked again
    assert_replayed_alike(context)


def test_an_item_whose_row_leads_on_to_a_new_address_keeps_its_id(
    context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    office.routes = {
        "alpha.example/rss": feed("alpha.example", "old"),
        "alpha.example/news/old": page("Common citation form agreed"),
    }
    visit()
    (first,) = rows(context)
    office.routes |= {
        "alpha.example/rss": feed("alpha.example", "old").replace(b"10:00:00", b"10:30:00"),
        "alpha.example/news/old": (301, {"Location": "/news/new"}, b""),
        "alpha.example/news/new": page("Common citation form agreed", BODY + " It was printed too."),
    }
    assert visit().counts.revised == 1
    (now,) = rows(context)
    assert (now.id, now.key) == (first.id, first.key)
    assert (now.url, now.revision) == ("https://alpha.example/news/new", 2)
    assert_replayed_alike(context)


@pytest.mark.parametrize("status", [404, 410])
def test_an_item_whose_old_address_is_gone_has_moved(
    status: int, context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    office.routes = {
        "alpha.example/rss": feed("alpha.example", "old"),
        "alpha.example/news/old": page("Common citation form agreed"),
    }
    visit()
    (first,) = rows(context)
    office.routes = {"alpha.example/rss": feed("alpha.example", "new"), "alpha.example/news/new": page("Common citation form agreed"),
                     "alpha.example/news/old": (status, {}, b"gone")}  # fmt: skip
    visit()
    assert visit().counts.moved == 1
    (now,) = rows(context)
    assert (now.id, now.url, now.revision, now.gone) == (first.id, "https://alpha.example/news/new", 1, None)
    assert_replayed_alike(context)


def test_two_living_addresses_stay_variants_and_the_old_one_is_asked_once(
    context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    office.routes = {"alpha.example/rss": feed("alpha.example", "old"), "alpha.example/news/old": page("Common citation form agreed"),
                     "alpha.example/news/new": page("Common citation form agreed")}  # fmt: skip
    visit()
    office.routes["alpha.example/rss"] = feed("alpha.example", "new", "old")
    for _ in range(3):
        visit()
    assert [r.relation for r in rows(context)] == ["head", "variant"]
    assert office.count("alpha.example/news/old") == 2
    assert_replayed_alike(context)


@pytest.mark.parametrize("key", ["", "/news/([a-z]+)"])
def test_an_address_that_leads_to_the_home_page_changes_nothing_and_an_item_seen_later_takes_over(
    key: str, context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    context.sources["alpha"] = context.sources["alpha"].model_copy(update={"key": key})
    office.routes = {"alpha.example/rss": feed("alpha.example", "old"), "alpha.example/news/old": page("Common citation form agreed"),
                     "alpha.example/": page("Alpha office", OTHER)}  # fmt: skip
    visit()
    (first,) = rows(context)
    office.routes["alpha.example/news/old"] = (301, {"Location": "/"}, b"")
    office.routes["alpha.example/rss"] = feed("alpha.example", "old").replace(b"form agreed", b"form agreed!")
    visit()
    (kept,) = rows(context)
    assert (kept.text, kept.url) == (first.text, first.url)
    assert kept.gone is not None
    office.routes |= {
        "alpha.example/rss": feed("alpha.example", "new"),
        "alpha.example/news/new": page("Common citation form agreed"),
    }
    assert visit().counts.moved == 1  # its old address is known to be gone: nothing needs to be asked
    (now,) = rows(context)
    assert (now.id, now.url, now.gone) == (first.id, "https://alpha.example/news/new", None)
    assert_replayed_alike(context)


@pytest.mark.parametrize("order", [("alpha", "beta"), ("beta", "alpha")])
def test_what_a_reprint_links_to_heads_the_story(
    order: tuple[str, str], context: Context, office: Office, visit: Callable[..., Report]
) -> None:
    link = '<p>First published by <a href="http://www.alpha.example/news/x?utm_source=beta#top">its author</a>.</p>'
    office.routes = {"alpha.example/rss": feed("alpha.example", "x"), "alpha.example/news/x": page("Common citation form agreed"),
                     "beta.example/rss": feed("beta.example", "y").replace(b"Mon, 02 Mar", b"Sun, 01 Mar"),
                     "beta.example/news/y": page("Common citation form agreed", extra=link)}  # fmt: skip
    alpha = context.sources["alpha"]
    canonical = alpha.canonical.model_copy(update={"hosts": {"www.alpha.example": "alpha.example"}})
    context.sources["alpha"] = alpha.model_copy(update={"canonical": canonical})
    for source in order:
        visit(source)
    ours, theirs = rows(context)
    assert (ours.relation, theirs.relation) == ("head", "member")
    assert ours.story == theirs.story == theirs.id  # the earliest names the story, the author heads it
    assert_replayed_alike(context)


def test_the_newsroom_moves_an_item_and_reprints_one(tmp_path: Path) -> None:
    ids = ("epo-news", "uspto-news", "sg-mlaw-news")
    with Context(load_settings(space="demo", model="hash")) as context, Server(tmp_path) as newsroom:
        mapped = Visit(host_map=newsroom.hosts, delay_scale=0.0, time_limit=30.0)
        run_pass(context, ids, mapped)
        before = {r.url: r.id for r in rows(context)}
        old = next(u for u in before if "five-offices-agree-common" in u)
        start_scene(tmp_path, 2)
        run_pass(context, ids, mapped)
        start_scene(tmp_path, 3)
        assert run_pass(context, ids, mapped).counts.moved == 1
        after = {r.url: r for r in rows(context)}
        new = next(u for u in after if "five-offices-agree-on-a-common" in u)
        assert old not in after
        assert (after[new].id, after[new].relation) == (before[old], "head")
        reprints = [r for r in after.values() if "joint-principles" in r.url]
        assert {r.source: r.relation for r in reprints} == {"uspto-news": "head", "sg-mlaw-news": "member"}
        assert_replayed_alike(context)
