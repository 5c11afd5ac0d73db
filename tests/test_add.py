"""`iprwatch add`: one document by hand, a file or an address, from offices on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from office_server import Office, serve

from iprwatch.addition import Added, add_file, add_url, find_added
from iprwatch.cli.newsroom import announced, find_hosts
from iprwatch.context import Context
from iprwatch.errors import Busy, FetchError, InputError
from iprwatch.flow import Visit, understand, whole_run
from iprwatch.newsroom.state import publish
from iprwatch.seeds import Given
from iprwatch.settings import load_settings
from search.schema import Query

URL = "https://office.example/notice?id=7"
BODY = "The office explains how patents on zebrafish are examined, and which fees are due in the first year. "
PAGE = f"<html><head><title>Zebrafish patents - Office</title></head><body><main><h1>Zebrafish patents</h1><p>{BODY * 3}</p></main></body></html>"
PDF = next(Path("iprwatch/newsroom").rglob("*.pdf")).read_bytes()


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        server.routes = {"office.example/notice?id=7": PAGE.encode()}
        yield server


@pytest.fixture
def context() -> Iterator[Context]:
    with Context(load_settings(space="live", model="hash")) as opened:
        yield opened


def add(context: Context, office: Office, url: str = URL, title: str = "") -> Added:
    return add_url(context, url, Visit({"office.example": f"127.0.0.1:{office.port}"}, delay_scale=0.0), title)


def test_a_page_is_fetched_by_its_address_and_found(office: Office, context: Context) -> None:
    added = add(context, office, f"{URL}#top")
    assert (added.done, added.title, added.url) == ("new", "Zebrafish patents", URL)
    assert [hit.id for hit in context.index.find(Query(text="zebrafish", mode="keyword")).hits] == [added.id]
    asked = len(office.asked)
    known = find_added(context, f"{URL}&utm_source=letter")
    assert known
    assert (known.done, known.id) == ("known", added.id)
    assert len(office.asked) == asked


def test_fetched_again_it_is_unchanged_or_a_revision(office: Office, context: Context) -> None:
    first = add(context, office)
    assert add(context, office).done == "unchanged"
    office.routes["office.example/notice?id=7"] = PAGE.replace("first year", "second year").encode()
    edited = add(context, office)
    assert (edited.done, edited.id) == ("revised", first.id)
    third = add(context, office, title="Our title")
    assert (third.done, third.title) == ("revised", "Our title")


def test_a_pdf_at_an_address_is_named_by_its_bytes(office: Office, context: Context) -> None:
    office.routes["office.example/file"] = (200, {"Content-Type": "application/pdf"}, PDF)
    office.routes["office.example/moved"] = (301, {"Location": "/file"}, b"")
    added = add(context, office, "https://office.example/moved")
    assert (added.done, added.id[:11], added.url) == ("new", "urn:sha256:", "https://office.example/file")
    known = find_added(context, "https://office.example/moved")
    assert known
    assert known.id == added.id


def test_while_another_run_is_at_work_a_document_is_landed_and_read_by_it(office: Office, context: Context) -> None:
    with whole_run(context):
        assert add(context, office) == Added("landed", URL)
        assert understand(context).new == 1
    known = find_added(context, URL)
    assert known
    assert known.title == "Zebrafish patents"


FAULTS = {
    "robots.txt": ("https://office.example/secret", FetchError, "robots.txt forbids"),
    "a missing page": ("https://office.example/none", FetchError, "answered 404"),
    "a page without text": ("https://office.example/bare", InputError, "bare"),
    "a picture": ("https://office.example/picture", InputError, "image/png is not read"),
    "a private address": ("http://127.0.0.1:9/", FetchError, "is a private address"),
    "an unknown host": ("https://no.invalid/", FetchError, "is unknown"),
    "another scheme": ("file:///etc/passwd", InputError, "is not an address to fetch"),
    "no address": ("https://[", InputError, "is not an address to fetch"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_added_says_why_in_one_sentence(fault: str, office: Office, context: Context) -> None:
    office.routes |= {
        "office.example/robots.txt": b"User-agent: *\nDisallow: /secret",
        "office.example/secret": PAGE.encode(),
        "office.example/bare": b"<html><body><main></main></body></html>",
        "office.example/picture": (200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n" + bytes(99)),
    }
    url, error, words = FAULTS[fault]
    with pytest.raises(error) as caught:
        add(context, office, url)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(context.landing.spool.glob("*.warc*"))


def test_a_file_is_read_and_a_picture_is_not(context: Context, tmp_path: Path) -> None:
    note, picture, empty = tmp_path / "note.txt", tmp_path / "picture.png", tmp_path / "empty.txt"
    note.write_text(BODY, "utf-16")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    empty.write_text("")
    added = add_file(context, Given(note))
    assert (added.done, added.title) == ("new", "note")
    assert add_file(context, Given(note)).done == "unchanged"
    assert add_file(context, Given(note, "Memorandum")).done == "revised"
    with pytest.raises(InputError, match=r"picture\.png is neither text nor a PDF"):
        add_file(context, Given(picture))
    with pytest.raises(InputError, match=r"empty\.txt: 0 characters"):
        add_file(context, Given(empty))


def iprwatch(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "iprwatch.cli.main", *words]
    return subprocess.run(
        command, env=os.environ | {"IPRWATCH_MODEL": "hash"}, capture_output=True, text=True, timeout=60
    )


def test_in_demo_space_a_running_newsroom_is_asked() -> None:
    serving = [sys.executable, "-m", "iprwatch.cli.main", "newsroom", "serve"]
    folder = Path(os.environ["IPRWATCH_HOME"]) / "demo" / "newsroom"
    item = publish(folder, "epo-news")
    refused = iprwatch("add", "--demo", item.url)
    assert (refused.returncode, "No contact for the offices" in refused.stderr) == (3, True)  # no newsroom: the network
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdout.readline().startswith("The newsroom listens")
        added = json.loads(iprwatch("add", "--demo", "--json", item.url).stdout)
        assert (added["done"], added["title"]) == ("new", item.title)
        with pytest.raises(Busy, match="Another newsroom serves"), announced(folder, 1):
            pass
        server.terminate()
    assert find_hosts(folder) == {}
    again = iprwatch("add", item.url)  # known: neither newsroom nor contact is needed
    assert again.stdout.startswith(f"Known already, not fetched again: {item.title}\n  {item.url}\n  id ")


@pytest.mark.parametrize("document", ["no-such-file", "gopher://office.example/"])
def test_what_is_neither_file_nor_address_is_an_input_error(document: str) -> None:
    refused = iprwatch("add", document)
    assert refused.returncode == 3
    assert refused.stderr.startswith(f"iprwatch: {document} is n")
