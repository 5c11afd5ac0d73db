"""An Answer as it should be → the same answer gone wrong, by a row of `faults.yaml`.

A row replaces parts of the answer (`status`, `headers`, `body`, `delay`, `hang_up`) or names one of the changes below.
`lists: true` leaves item pages alone. Raises InputError for a fault that no row names.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

from iprwatch.errors import InputError
from iprwatch.newsroom.load import load_data
from iprwatch.newsroom.model import Answer, Office

BOMB = (
    100_000_000  # bytes unpacked: beyond any limit a crawler may set for a page, and a tenth of a megabyte on the wire
)
HUGE = 10_000_000
VALIDATORS = {"ETag", "Last-Modified"}  # of the right bytes; they would hide the wrong ones behind a 304
ENTRY = re.compile(rb"<(item|entry)[\s>].*?</\1>", re.DOTALL)


def set_header(answer: Answer, name: str, value: str) -> Answer:
    """The answer with one header set."""
    return replace(answer, headers={**answer.headers, name: value})


@cache
def build_bomb() -> bytes:
    """Zeros, packed a thousandfold."""
    return gzip.compress(bytes(BOMB), mtime=0)


def break_markup(answer: Answer, _: Office) -> Answer:
    """A bare ampersand, and the end missing."""
    body = answer.body.replace(b"&amp;", b"&").replace(b"<title>", b"<title>R&D ", 2)
    return replace(answer, body=body[: len(body) * 3 // 5])


def break_charset(answer: Answer, office: Office) -> Answer:
    """Other bytes than the header declares."""
    encoding = "cp932" if "ja" in office.source.languages else "latin-1"
    body = answer.body.decode("utf-8", "replace").encode(encoding, "replace")
    return replace(
        set_header(answer, "Content-Type", f"{answer.headers['Content-Type'].split(';')[0]}; charset=utf-8"), body=body
    )


def empty(answer: Answer, _: Office) -> Answer:
    """The list without its rows."""
    kind = answer.headers["Content-Type"]
    if "json" in kind:
        data = json.loads(answer.body)
        bare = {k: [] if isinstance(v, list) else v for k, v in data.items()} if isinstance(data, dict) else []
        return replace(answer, body=json.dumps(bare).encode())
    if "xml" in kind:
        return replace(answer, body=ENTRY.sub(b"", answer.body))
    return replace(answer, body=b"<!DOCTYPE html><html><body><main><h1>News</h1></main></body></html>")


def inflate(answer: Answer, _: Office) -> Answer:
    """The same page behind ten megabytes of comment."""
    return replace(answer, body=answer.body + b"<!--" + b"x" * HUGE + b"-->")


def bomb(answer: Answer, _: Office) -> Answer:
    """A small answer that unpacks to a hundred megabytes."""
    return replace(set_header(answer, "Content-Encoding", "gzip"), body=build_bomb())


def lie_new(answer: Answer, _: Office) -> Answer:
    """A new ETag each time, whatever the content."""
    return set_header(answer, "ETag", f'"{uuid4().hex}"')


def lie_same(answer: Answer, _: Office) -> Answer:
    """One ETag for ever, so that a change is answered with 304."""
    return set_header(answer, "ETag", '"always-the-same"')


CHANGES: dict[str, Callable[[Answer, Office], Answer]] = {
    "bomb": bomb,
    "break_charset": break_charset,
    "break_markup": break_markup,
    "empty": empty,
    "inflate": inflate,
    "lie_new": lie_new,
    "lie_same": lie_same,
}


def break_answer(name: str, answer: Answer, office: Office, target: str) -> Answer:
    """`answer` with the fault `name` of `office`; no name, no fault. `{target}` in a row's header is the address asked."""
    if not name:
        return answer
    row = load_data("faults").get(name)
    if row is None:
        raise InputError(f"There is no fault {name!r}", f"Faults: {', '.join(load_data('faults'))}")
    if row.get("lists") and target.partition("?")[0] not in {r.path for r in office.routes if not r.each}:
        return answer
    broken = CHANGES[row["change"]](answer, office) if "change" in row else replace_parts(answer, row, target)
    if broken.body == answer.body:
        return broken
    bare = {key: value for key, value in broken.headers.items() if key not in VALIDATORS}
    return replace(broken, headers=bare)


def replace_parts(answer: Answer, row: Mapping[str, Any], target: str) -> Answer:
    """The answer with the parts that a row gives."""
    headers = {key: str(value).format(target=target) for key, value in row.get("headers", {}).items()}
    body = row["body"].encode() if "body" in row else answer.body
    broken = replace(answer, status=row.get("status", answer.status), headers={**answer.headers, **headers}, body=body)
    return replace(broken, delay=row.get("delay", 0.0), hang_up=row.get("hang_up", False))
