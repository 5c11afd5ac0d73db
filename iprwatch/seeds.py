"""The two seed documents, the statement and the group page themselves, landed as files: they are found like any article."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iprwatch.landing import run_name
from iprwatch.ledger.articles import find_known
from pipelines.address import file_id
from pipelines.model import Entry
from spiders.warc import Capture, Landing

if TYPE_CHECKING:
    from iprwatch.context import Context

ADDED = "added"  # the source id of what was added by hand


@dataclass(frozen=True, slots=True)
class Given:
    """A file to add. `published` as people write it, empty where unknown."""

    path: Path
    title: str = ""
    published: str = ""


def load_seeds() -> list[Given]:
    """The seed documents as the themes file names them."""
    themes = files("pipelines") / "themes"
    raw: dict[str, Any] = json.loads((themes / "g7-apec.json").read_text("utf-8"))
    return [Given(Path(str(themes / "seeds" / s["file"])), s["title"], s["date"]) for s in raw["seeds"].values()]


def land_files(context: Context, given: list[Given]) -> list[str]:
    """Keep files in the landing, to be understood by the next step; returns their addresses (`urn:sha256:…`)."""
    landing = Landing(context.landing.spool, run_name(context.clock.now(), "-added"))
    addresses = []
    for each in given:
        body = each.path.read_bytes()
        address = file_id(body)
        media = "application/pdf" if body.startswith(b"%PDF") else "text/plain; charset=utf-8"
        entry = Entry(address, title=each.title or each.path.stem, published=each.published)
        headers = (("Content-Type", media),)
        landing.write(Capture(ADDED, "item", address, address, 200, headers, body, entry))
        addresses.append(address)
    landing.close()
    return addresses


def has_seeds(context: Context) -> bool:
    """Whether the record holds the seed documents."""
    ids = [file_id(seed.path.read_bytes()) for seed in load_seeds()]
    with context.ledger.read() as connection:
        return len(find_known(connection, ids)) == len(ids)


def land_rows(context: Context, rows: Iterable[dict[str, Any]], batch: int) -> int:
    """Keep articles given as {url, title, text, published, source?, language?} in the landing; returns how many."""
    remaining, landed = iter(rows), 0
    while part := list(itertools.islice(remaining, batch)):
        landing = Landing(context.landing.spool, run_name(context.clock.now(), "-import"))
        for row in part:
            entry = Entry(
                row["url"], title=row["title"], published=row["published"], language=row.get("language") or ""
            )
            body = "".join(f"<p>{escape(p)}</p>" for p in row["text"].split("\n\n")).encode()
            source = row.get("source") or ADDED
            headers = (("Content-Type", "text/html; charset=utf-8"),)
            landing.write(Capture(source, "inline", row["url"], row["url"], 200, headers, body, entry))
        landing.close()
        context.landing.admit_spooled()
        landed += len(part)
    return landed
