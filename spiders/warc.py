"""Responses → WARC file → Pages. Does not decide what is worth keeping.

Each response is a `response` record followed by a `metadata` record (JSON: source, role, entry, the record that led
here, redirects); a list row that carries its own text is a `resource` record with its metadata. Headers are stored as
received, but the body is stored decoded: Content-Encoding and Transfer-Encoding are left out and Content-Length is that
of the stored body. A file is written as `<run>.warc.gz.open` and renamed when complete, each record its own gzip member,
so that a killed crawl loses at most the record it was writing, and a full disk none that is whole. The writer holds a lock on the open file, which ends with
its process, so that nobody repairs a file that is still written. `read_pages` ends quietly at a truncated record.
"""

from __future__ import annotations

import fcntl
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from io import BytesIO, FileIO
from pathlib import Path
from typing import IO, Any, Literal

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines.model import Entry, Page
from spiders.entries import TAG

Role = Literal["list", "item", "page", "inline"]
CODED = ("content-encoding", "transfer-encoding", "content-length")
OPEN = ".open"
INLINE_TYPE = "text/html; charset=utf-8"
BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Capture:
    """One response to keep."""

    source: str
    role: Role
    url: str  # asked for
    final_url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    entry: Entry | None = None
    discovered_by: str = ""  # record id of the list
    redirects: tuple[str, ...] = ()


def is_bare(capture: Capture) -> bool:
    """Whether no HTTP answer stands behind it: a row's own text, or a file added by hand."""
    return capture.role == "inline" or not capture.final_url.startswith(("http:", "https:"))


class Landing:
    """Writes one crawl's file; makes it with the first record."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.path = folder / f"{run_id}.warc.gz"
        self._open = folder / f"{run_id}.warc.gz{OPEN}"
        self._stream: FileIO | None = None

    def write(self, capture: Capture) -> str:
        """Keep one response; returns its WARC-Record-ID. Raises OSError, and then has kept nothing of it."""
        records = BytesIO()
        writer = WARCWriter(records, gzip=True, warc_version="1.1")  # 1.1: dates finer than a second
        inline = is_bare(capture)
        head = None if inline else StatusAndHeaders(str(capture.status), _stored_headers(capture), "HTTP/1.1")
        record = writer.create_warc_record(
            capture.final_url,
            "resource" if inline else "response",
            payload=BytesIO(capture.body),
            length=len(capture.body),
            http_headers=head,
            warc_content_type=dict(capture.headers).get("Content-Type", INLINE_TYPE) if inline else "",
            warc_headers_dict={"WARC-Date": _now()},
        )
        writer.write_record(record)
        record_id: str = record.rec_headers.get_header("WARC-Record-ID")
        about = {k: v for k, v in asdict(capture).items() if k not in ("headers", "body", "final_url", "status")}
        payload = json.dumps(about, ensure_ascii=False).encode("utf-8", "replace")
        note = writer.create_warc_record(
            capture.final_url,
            "metadata",
            payload=BytesIO(payload),
            length=len(payload),
            warc_content_type="application/json",
            warc_headers_dict={"WARC-Date": _now(), "WARC-Refers-To": record_id},
        )
        writer.write_record(note)
        self._append(records.getbuffer())
        return record_id

    def _append(self, data: memoryview) -> None:
        """All of it or nothing."""
        if self._stream is None:
            self._open.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._open.open("xb", buffering=0)  # a buffer would try again what we took back
            fcntl.flock(self._stream, fcntl.LOCK_EX)
        start = self._stream.tell()
        try:
            while data:
                data = data[self._stream.write(data) :]
        except OSError:
            self._stream.truncate(start)
            self._stream.seek(start)
            raise

    def close(self) -> Path | None:
        """Finish the file; None where nothing was written."""
        if self._stream is None:
            return None
        self._open.rename(self.path)  # while it is locked
        self._stream.close()
        return self.path


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _stored_headers(capture: Capture) -> list[tuple[str, str]]:
    kept = [(k, v) for k, v in capture.headers if k.lower() not in CODED]
    return [*kept, ("Content-Length", str(len(capture.body)))]


def inline_page(entry: Entry) -> bytes:
    """A row that carries its own text as an HTML page."""
    text = entry.content or entry.summary
    body = text if TAG.search(text) else f"<p>{escape(text)}</p>"
    title = escape(entry.title)
    page = f'<!doctype html><html><head><meta charset="utf-8"><title>{title}</title></head><body><article><h1>{title}</h1>{body}</article></body></html>'
    return page.encode("utf-8", "replace")


def read_pages(stream: IO[bytes]) -> Iterator[Page]:
    """The item pages, watched pages and inline rows of a file, in the order of arrival."""
    held: tuple[Any, bytes] | None = None
    for record, body in _read_records(stream):
        if record.rec_type != "metadata":
            held = (record, body)
            continue
        length = record.rec_headers.get_header("Content-Length")
        if not length or len(body) < int(length):
            return
        if held and held[0].rec_headers.get_header("WARC-Record-ID") == record.rec_headers.get_header("WARC-Refers-To"):
            page = _read_page(*held, about=json.loads(body))
            if page:
                yield page


def _read_records(stream: IO[bytes]) -> Iterator[tuple[Any, bytes]]:
    """Records with their bodies, up to the torn end of a killed crawl's file."""
    records = iter(ArchiveIterator(stream))
    while True:
        try:
            record = next(records)
            body = record.raw_stream.read()
        except (
            StopIteration,
            ArchiveLoadFailed,
            EOFError,
            zlib.error,
            AttributeError,
            TypeError,
        ):  # the last two: a torn WARC header
            return
        yield record, body


def _read_page(record: Any, body: bytes, about: dict[str, Any]) -> Page | None:
    if about["role"] == "list":
        return None
    headers, head = record.rec_headers, record.http_headers
    inline = head is None
    return Page(
        source=about["source"],
        url=about["url"],
        final_url=headers.get_header("WARC-Target-URI"),
        fetched_at=datetime.fromisoformat(headers.get_header("WARC-Date")),
        status=200 if inline else int(head.get_statuscode()),
        content_type=headers.get_header("Content-Type") if inline else head.get_header("Content-Type", ""),
        body=body,
        entry=Entry(**about["entry"]) if about["entry"] else None,
        record_id=headers.get_header("WARC-Record-ID"),
        redirects=tuple(about["redirects"]),
        last_modified="" if inline else head.get_header("Last-Modified", ""),
    )


def repair(path: Path) -> Path | None:
    """Turn a killed crawl's `.warc.gz.open` into a `.warc.gz` of its complete records; None where there are none.

    Leaves alone what a living process still writes.
    """
    whole = 0
    with path.open("r+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        for whole in _member_ends(stream):  # noqa: B007  the last one counts
            pass
        if not whole:
            path.unlink()
            return None
        stream.truncate(whole)
        return path.rename(path.with_name(path.name.removesuffix(OPEN)))


def _member_ends(stream: IO[bytes]) -> Iterator[int]:
    """Where each complete gzip member ends, in bytes."""
    member, end, rest = zlib.decompressobj(wbits=31), 0, b""
    while block := rest or stream.read(BLOCK):
        try:
            member.decompress(block)
        except zlib.error:
            return
        end, rest = end + len(block) - len(member.unused_data), member.unused_data
        if member.eof:
            yield end
            member = zlib.decompressobj(wbits=31)
