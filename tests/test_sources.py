"""Every declared source, read from its fixture, says what a person has read and approved; and docs/sources.md lists it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from office_server import declare

from iprwatch.errors import InputError
from iprwatch.newsroom.load import load_shipped
from iprwatch.newsroom.newsroom import Newsroom
from iprwatch.source_check import EXPECTED, check_fixture, differences, find_entry, load_fixture, write_expectation
from iprwatch.source_docs import render_duration, render_sources
from pipelines.extract import extract
from pipelines.model import Entry, Page
from spiders.entries import Listing, fetch_address, on_topic, plain
from spiders.parse import parse_list
from spiders.source import load_keywords, load_source, load_sources
from spiders.warc import inline_page

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = Path(__file__).parent / "fixtures" / "sources"
DECLARED = {path.stem: path for path in sorted((ROOT / "spiders" / "sources").glob("*/*.yaml"))}
SOURCES = load_sources()
THEN = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", DECLARED)
def test_a_source_reads_its_fixture_as_expected(name: str) -> None:
    source, folder = load_source(DECLARED[name]), FIXTURES / name
    if not source.enabled and not folder.exists():
        assert source.disabled_reason
        return
    assert folder.is_dir(), f"{name} has no fixture; CONTRIBUTING.md says what it holds"
    if not (folder / EXPECTED).exists():
        write_expectation(source, folder, datetime.now(UTC))
        pytest.fail(f"{folder / EXPECTED} is written: read it, then run again")
    assert check_fixture(source, folder) == []


@pytest.mark.parametrize("folder", sorted(FIXTURES.iterdir()), ids=lambda path: path.name)
def test_an_expectation_is_sound(folder: Path) -> None:
    """What no reviewer should have to look for."""
    source = SOURCES[folder.name]  # a fixture without a source is an error too
    found = json.loads((folder / EXPECTED).read_text("utf-8"))
    article = found["article"]
    assert found["rows"] >= source.promise.rows, "fewer rows than the source promises"
    assert found["entries"]
    assert found["problems"] == []
    assert article["language"] in source.languages
    assert article["title"] not in article["text"].split("\n\n"), "the heading stands in the text"
    assert article["published"] <= found["fetched_at"]
    assert article["origin"] != "first_seen" or source.kind == "page"
    assert not any("<" in entry["title"] or "&#" in entry["title"] for entry in found["entries"])
    if source.key:
        assert all(entry["key"] for entry in found["entries"])


@pytest.mark.parametrize("name", sorted(load_shipped()))
def test_a_declaration_reads_every_item_of_its_office(name: str) -> None:
    """The bundled offices write in the sources' real shapes: none of their items may be lost or misread."""
    source, newsroom = SOURCES[name], Newsroom(THEN)

    def ask(url: str) -> tuple[bytes, str]:
        parts = urlsplit(url)
        answer = newsroom.answer(parts.netloc, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        assert answer.status == 200, url
        return answer.body, answer.headers["Content-Type"]

    body, kind = ask(source.url)
    listing = parse_list(source, body, source.url, kind)
    assert listing.entries
    for entry in listing.entries:
        url = source.url if source.kind == "page" else fetch_address(source, entry)
        inline = not source.article.follow
        body, kind = (inline_page(entry), "text/html; charset=utf-8") if inline else ask(url)
        article = extract(Page(name, url, url, THEN, 200, kind, body, entry), source.reading)
        assert article.language in source.languages, article.title
        assert article.published.origin != "first_seen" or name == "fr-cnac-news", article.title
        assert article.title not in article.text.split("\n\n")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "epo-news", tmp_path / "epo-news"))


def test_a_change_is_named_by_its_place(copied: Path) -> None:
    listed = copied / "list.xml"
    listed.write_text(listed.read_text("utf-8").replace("Open day for future examiners", "Open day postponed"), "utf-8")
    changed = SOURCES["epo-news"].model_copy(
        update={"article": SOURCES["epo-news"].article.model_copy(update={"drop": ()})}
    )
    found = check_fixture(changed, copied)
    assert found[0] == 'entries.7.title: "Open day postponed" instead of "Open day for future examiners"'
    assert {line.partition(":")[0] for line in found} == {
        "entries.7.title",
        "article.text",
        "article.chars",
        "article.content_hash",
    }


def test_a_missing_or_broken_expectation_is_an_error_with_a_remedy(copied: Path) -> None:
    for broken in ("{", "[]", '{"fetched_at": "yesterday"}'):
        (copied / EXPECTED).write_text(broken, "utf-8")
        with pytest.raises(InputError, match="missing or broken"):
            check_fixture(SOURCES["epo-news"], copied)
    write_expectation(SOURCES["epo-news"], copied, THEN)
    assert (copied / EXPECTED).read_bytes() == (FIXTURES / "epo-news" / EXPECTED).read_bytes()


def test_a_fixture_without_its_files_is_an_error(copied: Path) -> None:
    (copied / "item.html").unlink()
    with pytest.raises(InputError, match=r"no item\.html"):
        load_fixture(SOURCES["epo-news"], copied, THEN)
    with pytest.raises(InputError, match=r"no list\.html"):
        load_fixture(SOURCES["epo-news"], copied.parent, THEN)


def test_the_row_that_leads_to_an_item_is_found_by_its_title() -> None:
    first, second = Entry("https://a.example/1", title="One"), Entry("https://a.example/2", title="Two & more")
    listing = Listing((first, second), 2)
    assert find_entry(listing, b"<h1>Two &amp; more</h1>") == second
    assert find_entry(listing, b"<h1>Three</h1>") == first


def test_lists_of_other_length_differ_as_a_whole() -> None:
    assert list(differences({"a": [1]}, {"a": [1, 2], "b": None})) == ["a: [1, 2] instead of [1]"]


def test_titles_written_as_html_become_text() -> None:
    assert plain("AI &#038; copyright: <em>first</em><br/>results") == "AI & copyright: first results"
    assert plain("Fees < 100 and > 50 &lt;net&gt;") == "Fees < 100 and > 50 <net>"


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        (Entry("https://a.example/news/", title="New trade mark fees"), True),
        (Entry("https://a.example/trade-mark-fees/", title="A food fair"), False),
        (Entry("https://a.example/news/trade-mark_fees/"), True),
        (Entry("https://a.example/news/a-food-fair/"), False),
    ],
)
def test_the_address_speaks_where_a_row_says_nothing(entry: Entry, wanted: bool) -> None:
    assert on_topic(declare(filter=["ip-en"]), entry) is wanted
    assert on_topic(declare(filter=["ip-en"]), replace(entry, summary="About patents")) is True


def test_keywords_do_what_their_examples_say() -> None:
    import yaml

    sets = yaml.safe_load((ROOT / "spiders" / "sources" / "keywords.yaml").read_text("utf-8"))
    for name, pattern in load_keywords().items():
        assert [text for text in sets[name]["matches"] if not pattern.search(text)] == []
        assert [text for text in sets[name]["rejects"] if pattern.search(text)] == []


def test_the_list_of_sources_is_what_is_declared() -> None:
    written = (ROOT / "docs" / "sources.md").read_text("utf-8")
    assert written == render_sources(SOURCES.values()), "stale: python -m iprwatch.source_docs > docs/sources.md"
    assert all(f"`{name}`" in written for name in DECLARED)


def test_durations_are_written_as_in_declarations() -> None:
    spans = (timedelta(minutes=30), timedelta(hours=36), timedelta(days=7), timedelta(seconds=90))
    assert [render_duration(span) for span in spans] == ["30m", "36h", "7d", "90s"]
