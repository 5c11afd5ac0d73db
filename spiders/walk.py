"""An office without a list, whose records have rising numbers: a visit that asks number after number. Job in, outcome out.

It begins at the last number that answered, so that one answer at least is due even when nothing is new, goes on past gaps,
and ends after `misses` missing numbers in a row or `most` numbers. A number is missing where the office says so (404,
410), leads elsewhere, or shows a page without a record. What fails in another way ends the visit there, and the next one
begins there again. Raises nothing but OSError of the landing.
"""

from __future__ import annotations

from hashlib import sha256

from parsel import Selector

from pipelines.model import Entry
from spiders.answer import Answer, FetchError
from spiders.api import find, load_answer
from spiders.entries import ParseError, decode, entry_hash
from spiders.plan import Status
from spiders.source import Source
from spiders.visit import Row, Visit


class Walk(Visit):
    """A visit by rising number."""

    async def _visit(self) -> tuple[Status, str]:
        walk, tally, misses = self.job.source.walk, self.tally, 0
        number = first = max(walk.first, self.job.seen.walked)
        tally.walked = self.job.seen.walked
        while misses < walk.misses:
            if number - first == walk.most or self._is_full():
                tally.dropped += 1  # what lies beyond is unknown: it counts as one
                break
            if await self._read_number(number):
                tally.walked, misses = number, 0
            else:
                misses += 1
                tally.missing += 1
            number += 1
        if tally.rows or (first > walk.first and await self._read_number(walk.first)):
            return "ok", ""
        return "empty", f"No record answered at number {first} or beyond; the addresses may have changed."

    def _is_full(self) -> bool:
        limit = self.job.limit
        return limit is not None and self.tally.new + self.tally.changed >= limit

    async def _read_number(self, number: int) -> bool:
        """Whether there is a record; it is landed where it is new and the source's own."""
        source, seen = self.job.source, self.job.seen.entries
        url = source.walk.url.replace("{n}", str(number))
        failed = Row(Entry(url), sha256(url.encode()).hexdigest(), "")
        if seen.get(url) == failed.digest:  # a number whose page has failed for days
            return False
        try:
            answer = await self._ask(url)
        except FetchError as error:
            if error.gone:
                return False
            self._fail(error, failed)
            raise
        if (answer.redirects and str(number) not in answer.url) or not has_record(source, answer):
            return False
        listing = self._parse(answer)
        rows = [Row(entry, entry_hash(entry), "") for entry in listing.entries]
        self.tally.rows += 1
        self.tally.matched += len(rows)
        for row in rows:
            if seen.get(row.key) == row.digest:
                self.tally.known += 1
            elif source.article.follow:
                self._land(row, answer, "item")
            else:
                self._land(row, None, "inline")
        return True


def has_record(source: Source, answer: Answer) -> bool:
    """Whether a page is that of an existing number, by the declared `walk.record`."""
    wanted = source.walk.record
    if not wanted:
        return True
    if source.kind == "listing":
        return bool(Selector(text=decode(answer.body, answer.header("content-type")), type="html").css(wanted))
    try:
        return find(load_answer(source, answer.body, answer.url), wanted) is not None
    except ParseError:
        return False
