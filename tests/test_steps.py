"""Every step alone on the command line: JSON Lines in and out."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iprwatch.cli.main import cli
from iprwatch.errors import InputError, NotFound

FIXTURES = Path(__file__).parent / "fixtures" / "sources"
FEED = next((FIXTURES / "uspto-news").glob("list.*"))


def call(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, list(words), input=stdin, catch_exceptions=False)


def lines(result: Result) -> Iterator[dict[str, object]]:
    return map(json.loads, result.stdout.splitlines())


def test_parse_gives_the_entries_by_declaration_or_by_kind() -> None:
    declared = list(lines(call("parse", str(FEED), "--source", "uspto-news")))
    bare = list(lines(call("parse", str(FEED), "--kind", "feed")))
    assert {e["url"] for e in declared} <= {e["url"] for e in bare}
    assert all(e["title"] and e["published"] for e in declared)


def test_parse_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--source"):
        call("parse", str(FEED))
    with pytest.raises(NotFound, match="nobody"):
        call("parse", str(FEED), "--source", "nobody")
    broken = tmp_path / "broken.xml"
    broken.write_text("no feed at all")
    with pytest.raises(InputError):
        call("parse", str(broken), "--kind", "feed")


def test_extract_gives_title_text_date_and_language() -> None:
    page = FIXTURES / "dpma-press" / "item.html"
    url = "https://www.dpma.de/service/presse/pressemitteilungen/23022026/index.html"
    (found,) = lines(call("extract", str(page), "--url", url, "--source", "dpma-press"))
    assert found.keys() == {"title", "text", "author", "published", "language"}
    assert found["language"] == "de"
    assert str(found["published"]).startswith("2026-02-23")
    assert len(str(found["text"])) > 300


def test_tag_gives_both_sentences_and_keeps_the_order() -> None:
    item = {
        "title": "Customs seize fakes sold online",
        "text": "Customs officers seized counterfeit shoes sold through online marketplaces. Buyers learn how to report fakes.",
    }
    asked = "\n".join(
        json.dumps({"id": i, **each}) for i, each in enumerate([item, {"title": "Canteen", "text": "Soup."}])
    )
    first, second = lines(call("tag", "--jsonl", stdin=asked))
    assert (first["id"], first["verdict"]) == (0, "themed")
    tag = first["tags"][0]  # type: ignore[index]
    assert tag["theme"].startswith("T03")
    assert tag["item_sentence"] in item["title"] + item["text"]
    assert (second["id"], second["verdict"], second["tags"]) == (1, "not_ip", [])


def test_source_check_reads_the_fixture() -> None:
    assert "reads as expected" in call("source", "check", "uspto-news", "--fixtures", str(FIXTURES)).stdout
    with pytest.raises(NotFound, match="no fixture"):
        call("source", "check", "uspto-news", "--fixtures", str(FIXTURES / "none"))


def test_an_odd_line_is_named() -> None:
    with pytest.raises(InputError, match="Line 2"):
        call("tag", "--jsonl", stdin='{"title": "a", "text": "b"}\n{"title": "a"}\n')


def test_imported_articles_are_found_and_never_doubled(tmp_path: Path) -> None:
    row = {
        "url": "https://office.example/consultation",
        "title": "Office opens consultation on design law",
        "text": "The office opened a consultation on the registration of industrial designs.\n\nComments are welcome until June.",
        "published": "2026-05-04",
    }
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert "1 new" in call("import", str(path)).stdout
    assert "0 new, 0 revised, 1 unchanged" in call("import", str(path)).stdout
    (hit,) = json.loads(call("search", "--json", "design consultation").stdout)
    assert hit["url"] == row["url"]
    assert hit["published"].startswith("2026-05-04")
    assert hit["tags"][0]["theme"] == "T07"
