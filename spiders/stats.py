"""What the spider counts during one visit → Outcome. Scrapy's own counts prove nothing: it ends well when all failed."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipelines.model import Entry
from spiders.plan import Outcome, Status


@dataclass(slots=True)
class Tally:
    """The running counts of one visit; the fields are those of Outcome."""

    source: str
    rows: int = 0
    matched: int = 0
    new: int = 0
    changed: int = 0
    known: int = 0
    dropped: int = 0
    failed_pages: int = 0
    missing: int = 0
    walked: int = 0
    http_status: int = 0
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    entries: dict[str, str] = field(default_factory=dict)
    fetched: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)
    bytes: int = 0
    requests: int = 0
    retry_after: float = 0.0
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    clock: float = field(default_factory=time.monotonic)

    def land(self, key: str, digest: str, entry: Entry, url: str = "", etag: str = "", last_modified: str = "") -> None:
        """An item has landed."""
        self.entries[key] = digest
        self.fetched[key] = {"url": url, "etag": etag, "last_modified": last_modified, "entry": asdict(entry)}

    def fail(self, key: str, digest: str, entry: Entry, url: str, gone: bool) -> None:
        """An item's page was not read; `gone` where the office says so."""
        self.failed[key] = {"url": url, "entry": asdict(entry), "hash": digest, "gone": gone}

    def outcome(self, status: Status, cause: str = "") -> Outcome:
        """The visit's result."""
        counts = asdict(self)
        seconds = round(time.monotonic() - counts.pop("clock"), 3)
        return Outcome(status=status, cause=cause, seconds=seconds, **counts)
