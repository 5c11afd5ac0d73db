"""What a crawl is told and what it tells: plan in, outcomes out, both as JSON. Does not fetch.

`read_plan` raises ValueError for a file that is no plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pipelines.model import Entry
from spiders.source import Source

Status = Literal["ok", "unchanged", "empty", "blocked", "failed", "partial"]
"""`ok` read as promised · `unchanged` nothing new to read · `empty` answered without rows · `blocked` the office refuses
robots · `failed` no list was read · `partial` the list was read, some of its pages were not."""

MAX_BYTES = 10 * 1024 * 1024  # no article is larger; PDFs of offices stay under it, scans do not


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a source before the visit."""

    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""  # of the list, without what changes by itself
    entries: Mapping[str, str] = field(default_factory=dict)  # item key, else address → entry_hash
    walked: int = 0  # highest number of an ID walk that answered


@dataclass(frozen=True, slots=True)
class Recheck:
    """A known page to look at again, conditionally."""

    url: str
    key: str  # in `Seen.entries`
    etag: str
    last_modified: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Job:
    """One source to visit."""

    source: Source
    seen: Seen = field(default_factory=Seen)
    limit: int | None = None  # newest new items at most; the rest is counted as dropped
    rechecks: tuple[Recheck, ...] = ()
    delay: float = 5.0  # seconds between requests to the host
    full: bool = False  # ignore validators and the body hash


@dataclass(frozen=True, slots=True)
class Plan:
    """One crawl."""

    run_id: str
    jobs: tuple[Job, ...]
    folder: Path  # where the WARC goes
    host_map: Mapping[str, str] = field(default_factory=dict)  # host or "*" → "127.0.0.1:port"
    user_agent: str = "iprwatch"
    time_limit: float = 1800.0  # seconds for the whole crawl
    max_bytes: int = MAX_BYTES
    max_redirects: int = 5
    timeout: float = 30.0  # seconds for one response
    robots_scale: float = 1.0  # of the crawl-delay in robots.txt; 0 only on loopback


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one visit gave."""

    source: str
    status: Status
    cause: str = ""  # a sentence for people, empty where all is well
    rows: int = 0  # in the list, before filters
    matched: int = 0  # rows that are the source's items
    new: int = 0  # landed, never seen before
    changed: int = 0  # landed again, because row or page changed
    known: int = 0  # skipped, as known
    dropped: int = 0  # not fetched because of a cap
    failed_pages: int = 0
    missing: int = 0  # numbers of an ID walk without a record
    walked: int = 0  # highest number of an ID walk that answered, in this visit or before
    http_status: int = 0  # of the list
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    entries: Mapping[str, str] = field(default_factory=dict)  # item key, else address → entry_hash; only what landed
    fetched: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # same key → url, etag, last_modified, entry
    failed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # key → url, entry, hash, gone
    bytes: int = 0
    requests: int = 0
    started: str = ""  # ISO 8601, UTC
    seconds: float = 0.0
    retry_after: float = 0.0  # seconds the office asked to wait; 0 where it did not


def write_plan(plan: Plan) -> str:
    """A plan as JSON."""
    jobs = [asdict(job) | {"source": job.source.model_dump(mode="json")} for job in plan.jobs]
    slim = {f.name: getattr(plan, f.name) for f in fields(plan) if f.name != "jobs"}
    return json.dumps(slim | {"jobs": jobs, "folder": str(plan.folder), "host_map": dict(plan.host_map)})


def read_plan(text: str) -> Plan:
    """The plan that `write_plan` wrote. Raises ValueError."""
    try:
        raw: dict[str, Any] = json.loads(text)
        return Plan(**raw | {"jobs": tuple(map(_read_job, raw["jobs"])), "folder": Path(raw["folder"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a plan: {error!r}") from None


def _read_job(raw: dict[str, Any]) -> Job:
    rechecks = tuple(Recheck(**r | {"entry": Entry(**r["entry"])}) for r in raw["rechecks"])
    source = Source.model_validate(raw["source"])
    return Job(**raw | {"source": source, "seen": Seen(**raw["seen"]), "rechecks": rechecks})


def write_outcome(outcome: Outcome) -> str:
    """An outcome as one line of JSON."""
    return json.dumps(asdict(outcome), ensure_ascii=False)


def read_outcome(line: str) -> Outcome:
    """The outcome that `write_outcome` wrote. Raises ValueError."""
    try:
        return Outcome(**json.loads(line))
    except TypeError as error:
        raise ValueError(f"not an outcome: {error}") from None
