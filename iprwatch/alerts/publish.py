"""Digests of the record → files: one page each, the newest as `latest.html`, the newest stories as Atom feed.

All lie in `<space's folder>/digests/` and are derived: deleted, they are written again. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from iprwatch.alerts.digest import Digest, load_digest
from iprwatch.alerts.render import render_feed, render_page
from iprwatch.errors import StoreError
from iprwatch.ledger.digests import find_digests

if TYPE_CHECKING:
    from iprwatch.context import Context

FEED_DIGESTS = 30  # a month of one daily digest: a reader that was away so long still sees every story


def find_page(context: Context, id: str) -> Path:
    """Where the page of a digest lies. A colon is no letter of a file's name everywhere."""
    return context.settings.folder / "digests" / f"{id.replace(':', '-')}.html"


def publish_digests(context: Context, digests: Iterable[Digest]) -> None:
    """Write the pages of these digests, then newest page and feed anew."""
    for digest in digests:
        _write(find_page(context, digest.id), render_page(digest))
    with context.ledger.read() as connection:
        newest = [load_digest(past.body) for past in find_digests(connection, most=FEED_DIGESTS)]
    if newest:
        folder = context.settings.folder / "digests"
        _write(folder / "latest.html", render_page(newest[0]))
        demo = " (demo data)" if newest[0].demo else ""
        _write(folder / "digests.xml", render_feed(newest, f"iprwatch digests{demo}"))


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that no reader sees half of it."""
    partial = path.with_suffix(f"{path.suffix}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}", "Check the data folder") from None
