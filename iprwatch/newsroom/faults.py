"""An Answer as it should be → the same answer gone wrong, by a row of `faults.yaml`.

A row replaces parts of the answer (`status`, `headers`, `body`, `delay`, `hang_up`) or names one of the changes below.
`lists: true` leaves item pages alone. Raises InputError for a fault that no row names.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from uuid import uuid4

from iprwatch.errors import InputError
from iprwatch.newsroom.load import load_data
from iprwatch.newsroom.model import Answer, Office, Raw

BOMB = 100_000_000
"""Bytes unpacked: beyond any limit a crawler may set for a page, and a tenth of a megabyte on the wire."""
HUGE = 10_000_000
VALIDATORS = {"ETag", "Last-Modified"}  # of the right bytes; they would hide the wrong ones behind a 304
ENTRY = re.compile(rb"<(item|entry)[\s>].*?</\1>", re.DOTALL)
BARE = b"<!DOCTYPE html><html><body><main><h1>News</h1></main></body></html>"


@cache
def build_bomb() -> bytes:
    """Zeros, packed a thousandfold."""
    return gzip.compress(bytes(BOMB), mtime=0)


def break_markup(body: bytes) -> bytes:
    """A bare ampersand, and the end missing."""
    bare = body.replace(b"&amp;", b"&").replace(b"<title>", b"<title>R&D ", 2)
    return bare[: len(bare) * 3 // 5]


def break_charset(body: bytes, office: Office) -> bytes:
    """The text in the encoding the country used before UTF-8."""
    return body.decode("utf-8", "replace").encode("cp932" if "ja" in office.source.languages else "latin-1", "replace")


def empty(answer: Answer) -> bytes:
    """The list without its rows."""
    if "json" in answer.headers["Content-Type"]:
        data = json.loads(answer.body)
        rows = data.items() if isinstance(data, dict) else ()
        return json.dumps({k: [] if isinstance(v, list) else v for k, v in rows} or []).encode()
    return ENTRY.sub(b"", answer.body) if "xml" in answer.headers["Content-Type"] else BARE


CHANGES: dict[str, Callable[[Answer, Office], bytes]] = {
    "bomb": lambda _answer, _office: build_bomb(),
    "break_charset": lambda answer, office: break_charset(answer.body, office),
    "break_markup": lambda answer, _: break_markup(answer.body),
    "empty": lambda answer, _: empty(answer),
    "inflate": lambda answer, _: answer.body + b"<!--" + b"x" * HUGE + b"-->",
}


def find_fault(name: str) -> Raw:
    """The row of one fault. Raises InputError."""
    rows: dict[str, Raw] = load_data("faults")
    if name not in rows:
        raise InputError(f"There is no fault {name!r}", f"Faults: {', '.join(rows)}")
    return rows[name]


def break_answer(name: str, answer: Answer, office: Office, target: str) -> Answer:
    """`answer` with the fault `name` of `office`; no name, no fault. `target` is the address asked for."""
    row = find_fault(name) if name else {}
    if row.get("lists") and target.partition("?")[0] not in {route.path for route in office.routes_for("")}:
        return answer
    told = {"target": target, "type": answer.headers["Content-Type"].partition(";")[0], "nonce": uuid4().hex}
    body = row["body"].encode() if "body" in row else answer.body
    if "change" in row:
        body = CHANGES[row["change"]](answer, office)
    kept = {key: value for key, value in answer.headers.items() if body == answer.body or key not in VALIDATORS}
    headers = kept | {key: str(value).format(**told) for key, value in row.get("headers", {}).items()}
    parts = {part: row[part] for part in ("status", "delay", "hang_up") if part in row}
    return replace(answer, headers=headers, body=body, **parts)
