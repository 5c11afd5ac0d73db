"""One source's visit: job in, outcome out, with the network handed in. Knows neither Scrapy nor the ledger.

List → rows that are new or read differently → their pages, newest first, one after the other → landing. Nothing is
skipped for being old: a row is known only by key and hash. Raises nothing but OSError of the landing; what the network
and the office do ends as an outcome.
"""

from __future__ import annotations

from asyncio import CancelledError, sleep
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines.model import Entry
from spiders.answer import Answer, Fetch, FetchError, judge_answer, read_retry_after
from spiders.digest import list_digest
from spiders.entries import Listing, ParseError, entry_hash, fetch_address
from spiders.parse import parse_list
from spiders.plan import Job, Outcome, Recheck, Status
from spiders.stats import Tally
from spiders.warc import Capture, Landing, Role, inline_page

PATIENCE = 60.0  # seconds of Retry-After that a visit waits; longer ones are the next visit's matter
MOST_FAILURES = 5  # pages in a row: the office is down, the rest would only time out too


@dataclass(frozen=True, slots=True)
class Row:
    """A row to read, and the record of the list it stands in."""

    entry: Entry
    digest: str
    list_record: str

    @property
    def key(self) -> str:
        """What the row is known by."""
        return self.entry.key or self.entry.url


@dataclass(slots=True)
class Visit:
    """The state of one visit."""

    job: Job
    fetch: Fetch
    landing: Landing
    say: Callable[[str], None] = lambda _: None
    listed: bool = False  # the list was read: what fails later leaves the visit partial
    trouble: list[FetchError] = field(default_factory=list)
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.job.source.id)

    async def run(self) -> Outcome:
        """The whole visit. Raises OSError where the landing cannot be written."""
        try:
            status, cause = await self._visit()
        except FetchError as error:
            status, cause = error.status, error.cause
        except ParseError as error:
            status, cause = "failed", f"The list {error}."
        except CancelledError:  # time is up: what has landed counts
            status, cause = "failed", "The crawl ended before this source was finished."
        return self.tally.outcome("partial" if status == "failed" and self.listed else status, cause)

    async def _visit(self) -> tuple[Status, str]:
        source, seen, tally = self.job.source, self.job.seen, self.tally
        known = ("", "") if self.job.full else (seen.etag, seen.last_modified)
        answer = await self._ask(source.url, *known)
        tally.http_status = answer.status
        digest = list_digest(answer.body)
        unchanged = answer.status == 304 or (digest == seen.body_hash and not self.job.full)
        tally.etag = answer.header("etag") or (seen.etag if unchanged else "")
        tally.last_modified = answer.header("last-modified") or (seen.last_modified if unchanged else "")
        tally.body_hash = seen.body_hash if unchanged else digest
        if unchanged:
            self.listed = True
            await self._recheck()
            return "unchanged", ""
        if source.kind == "page":
            return self._land_page(answer, digest)
        rows = await self._collect(answer)
        await self._follow(rows)
        await self._recheck()
        return self._judge()

    def _judge(self) -> tuple[Status, str]:
        source, tally = self.job.source, self.tally
        if not tally.rows:
            return "empty", "The list answered without a single row."
        if not tally.matched and not source.filter:
            return (
                "empty",
                f"None of the {tally.rows} rows is one of the source's items; the addresses may have changed.",
            )
        if not self.trouble:
            return "ok", ""
        status: Status = (
            "blocked" if not tally.entries and all(e.status == "blocked" for e in self.trouble) else "partial"
        )
        unread = "1 page was" if len(self.trouble) == 1 else f"{len(self.trouble)} pages were"
        return status, f"{unread} not read. {self.trouble[0].cause}"

    async def _ask(self, url: str, etag: str = "", last_modified: str = "") -> Answer:
        """A good answer or 304; waits out one short Retry-After. Raises FetchError."""
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {k: v for k, v in conditions.items() if v}
        for last in (False, True):
            answer = await self.fetch(url, headers)
            self.tally.requests += 1 + len(answer.redirects)
            self.tally.bytes += len(answer.body)
            wait = read_retry_after(answer.header("retry-after"), datetime.now(UTC))
            if last or answer.status not in (429, 503) or not 0 < wait <= PATIENCE:
                break
            await sleep(wait)
        if answer.status in (429, 503):
            self.tally.retry_after = wait
        if error := judge_answer(answer, conditional=bool(headers)):
            if not self.listed:
                self.tally.http_status = answer.status
            raise error
        return answer

    def _land_page(self, answer: Answer, digest: str) -> tuple[Status, str]:
        listing = self._parse(answer)
        row = Row(listing.entries[0], digest, "")
        self.tally.rows = self.tally.matched = 1
        self._land(row, answer, "page")
        return "ok", ""

    def _parse(self, answer: Answer) -> Listing:
        listing = parse_list(self.job.source, answer.body, answer.url, answer.header("content-type"))
        self.listed = True
        return listing

    async def _collect(self, answer: Answer) -> list[Row]:
        """The rows to read, turning the pages of the list until one holds nothing new."""
        paging, limit = self.job.source.paging, self.job.limit
        todo: dict[str, Row] = {}
        queue: list[str] = []
        nested = False
        for page in range(1, max(paging.limit, 1) + 1):
            listing = self._parse(answer)
            fresh = self._sort(listing, self._capture(answer, "list", self.job.source.url), todo)
            queue += [*listing.nested, *filter(None, [listing.next])]
            nested = nested or bool(listing.nested)
            if not queue or not (fresh or nested):
                break  # nothing follows, or what follows is known
            if page == max(paging.limit, 1) or (limit is not None and len(todo) >= limit):
                self.tally.dropped += len(queue)  # what they hold is unknown: each counts as one
                break
            try:
                answer = await self._ask(queue.pop(0))
            except FetchError as error:
                self._fail(error)
                break
        rows = list(todo.values())
        kept = rows if limit is None else rows[:limit]
        self.tally.dropped += len(rows) - len(kept)
        if nested or self.tally.dropped:  # they say nothing of an index's sitemaps, and would hide what was left out
            self.tally.etag = self.tally.last_modified = self.tally.body_hash = ""
        return kept

    def _sort(self, listing: Listing, record: str, todo: dict[str, Row]) -> int:
        """Put the unknown rows of one list page into `todo`; returns how many there were."""
        before = len(todo)
        self.tally.rows += listing.rows
        self.tally.matched += len(listing.entries)
        for entry in listing.entries:
            row = Row(entry, entry_hash(entry), record)
            if self.job.seen.entries.get(row.key) == row.digest:
                self.tally.known += 1
            else:
                todo.setdefault(row.key, row)
        return len(todo) - before

    async def _follow(self, rows: list[Row]) -> None:
        failures = 0
        for row in rows:
            if not self.job.source.article.follow:
                self._land(row, None, "inline")
                continue
            try:
                answer = await self._ask(fetch_address(self.job.source, row.entry))
                self._land(row, answer, "item")
                failures = 0
            except FetchError as error:
                self._fail(error, row)
                failures += 1
                if failures == MOST_FAILURES:
                    raise FetchError(f"{failures} pages in a row were not read. {error.cause}") from None

    def _fail(self, error: FetchError, row: Row | None = None) -> None:
        self.tally.failed_pages += 1
        self.trouble.append(error)
        if row and not error.fatal:  # a fatal one says nothing of this item
            address = fetch_address(self.job.source, row.entry)
            self.tally.fail(row.key, row.digest, row.entry, address, bool(error.gone))
        if error.fatal:
            raise error

    async def _recheck(self) -> None:
        for known in self.job.rechecks:
            if known.key in self.tally.entries or known.key in self.tally.failed:
                continue
            try:
                await self._recheck_one(known)
            except FetchError as error:
                if error.fatal:
                    raise
                if error.gone:  # landed, so that what follows from it can be told again from the landing
                    self._capture(error.gone, "item", known.url, known.entry)
                self.tally.fail(known.key, self._digest(known), known.entry, known.url, bool(error.gone))

    def _digest(self, known: Recheck) -> str:
        return self.job.seen.entries.get(known.key) or entry_hash(known.entry)

    async def _recheck_one(self, known: Recheck) -> None:
        digest = self._digest(known)
        answer = await self._ask(known.url, known.etag, known.last_modified)
        if answer.status == 304:
            self.tally.land(known.key, digest, known.entry, known.url, known.etag, known.last_modified)
        else:
            self._capture(answer, "item", known.url, known.entry)
            self._count(known.key, known.entry, known.url, digest, answer)

    def _land(self, row: Row, answer: Answer | None, role: Role) -> None:
        if answer is None:
            answer = Answer(row.entry.url, 200, (), inline_page(row.entry))
            url = ""
        else:
            url = self.job.source.url if role == "page" else fetch_address(self.job.source, row.entry)
        self._capture(answer, role, url or row.entry.url, row.entry, row.list_record)
        self._count(row.key, row.entry, url, row.digest, answer)

    def _count(self, key: str, entry: Entry, url: str, digest: str, answer: Answer) -> None:
        if key in self.job.seen.entries:
            self.tally.changed += 1
        else:
            self.tally.new += 1
        self.tally.land(key, digest, entry, url, answer.header("etag"), answer.header("last-modified"))
        self.say(f"{self.job.source.id}: {entry.title or entry.url}")

    def _capture(self, answer: Answer, role: Role, url: str, entry: Entry | None = None, found_in: str = "") -> str:
        source = self.job.source.id
        return self.landing.write(
            Capture(
                source,
                role,
                url,
                answer.url,
                answer.status,
                answer.headers,
                answer.body,
                entry,
                found_in,
                answer.redirects,
            )
        )
