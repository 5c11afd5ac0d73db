"""What a killed or broken WARC file still gives."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path

import pytest

from pipelines.model import Entry
from spiders.warc import Capture, Landing, read_pages, repair

HEADERS = (
    ("Content-Type", "text/html"),
    ("Content-Encoding", "gzip"),
    ("Last-Modified", "Mon, 02 Mar 2026 09:00:00 GMT"),
)


def write(folder: Path, count: int = 3) -> Landing:
    landing = Landing(folder, "run")
    for n in range(count):
        url = f"https://a.example/é/{n}"
        landing.write(
            Capture(
                "a", "item", url, url + "?to", 200, HEADERS, b"body %d" % n, Entry(url, title="ü"), "<urn:list>", (url,)
            )
        )
    return landing


def test_a_page_comes_back_as_it_was_landed(tmp_path: Path) -> None:
    path = write(tmp_path).close()
    assert path
    with path.open("rb") as stream:
        page = next(read_pages(stream))
    assert (page.url, page.final_url, page.body, page.source) == (
        "https://a.example/é/0",
        "https://a.example/é/0?to",
        b"body 0",
        "a",
    )
    assert (page.last_modified, page.redirects) == (HEADERS[2][1], ("https://a.example/é/0",))
    assert page.entry == Entry("https://a.example/é/0", title="ü")
    assert page.record_id.startswith("<urn:uuid:")
    assert page.fetched_at.tzinfo


def test_nothing_landed_leaves_no_file(tmp_path: Path) -> None:
    assert Landing(tmp_path, "run").close() is None
    assert not list(tmp_path.iterdir())


def test_every_torn_end_gives_the_complete_records(tmp_path: Path) -> None:
    path = write(tmp_path).close()
    assert path
    whole = path.read_bytes()
    counts = set()
    for size in range(0, len(whole) + 1, 7):
        read = [page.body for page in read_pages(BytesIO(whole[:size]))]
        assert read == [b"body 0", b"body 1", b"body 2"][: len(read)]
        left = tmp_path / "torn.warc.gz.open"
        left.write_bytes(whole[:size])
        mended = repair(left)
        if mended:
            gzip.decompress(mended.read_bytes())  # no torn member is left
            with mended.open("rb") as stream:
                assert len(read) - len(list(read_pages(stream))) in (0, 1)  # 1: only the record's checksum was torn
        assert not left.exists()
        counts.add(len(read))
    assert counts >= {0, 1, 2}


def test_a_second_writer_does_not_overwrite(tmp_path: Path) -> None:
    first = write(tmp_path)
    with pytest.raises(FileExistsError):
        write(tmp_path)
    first.close()
