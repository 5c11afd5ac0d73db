"""One document by hand, a file or an address → its article in the record and the index.

An address is fetched by the same crawl as any source: robots.txt is obeyed, private addresses are refused unless mapped,
size, time and redirects are limited. What was added is read once, not watched. Where another run is at work, the document
is only landed, and that run or the next reads it.
Raises InputError (no address, or nothing to read there), FetchError, StoreError.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from iprwatch.contact import user_agent
from iprwatch.errors import Busy, FetchError, InputError
from iprwatch.flow import Progress, index_queued, silent, understand, whole_run
from iprwatch.landing import run_name
from iprwatch.ledger.articles import find_by_url
from iprwatch.ledger.tables import articles, dead_letters, tags
from iprwatch.seeds import ADDED, Given, land_files
from iprwatch.understand import reading_of
from pipelines.address import canonical_url
from spiders.entries import absolute
from spiders.plan import Job, Outcome, Plan
from spiders.run import run_crawl
from spiders.source import Article, Source

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.flow import Visit

LONGEST = 90.0  # seconds: robots.txt, the page and a redirect at the limit of 30 s each
DELAY = 1.0  # seconds between them: two or three requests are no burden
HEAD = 8000  # bytes in which a NUL betrays what is no text, as git judges
UTF16 = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
NOTHING = ":not(*)"  # selects no element, so that the extractor and not the page's <title> names the article

Done = Literal["new", "revised", "unchanged", "known", "landed"]
"""`unchanged`: what was read is in the record as it stands · `known`: the address is in the record, nothing was fetched ·
`landed`: another run at work will read it."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a document; only `url` is known of one that is landed."""

    done: Done
    url: str
    id: str = ""
    title: str = ""
    verdict: str = ""
    themes: tuple[str, ...] = ()  # best first


def add_file(context: Context, given: Given, progress: Progress = silent) -> Added:
    """Land one file, understand and index it. Raises InputError where it holds no text, OSError where it cannot be read."""
    with given.path.open("rb") as file:
        head = file.read(HEAD)
    if b"\0" in head and not head.startswith((b"%PDF-", *UTF16)):
        raise InputError(f"{given.path} is neither text nor a PDF", "Add it as one of these")
    (address,) = land_files(context, [given])
    try:
        return _follow(context, address, progress)
    except InputError as error:
        raise InputError(error.fact.replace(address, str(given.path))) from None


def find_added(context: Context, url: str) -> Added | None:
    """The article that an address is known to lead to, or None. Raises InputError for what is no address."""
    address = _canonical(context, _asked(url))
    with context.ledger.read() as connection:
        id = find_by_url(connection, [address]).get(address)
        return _read(connection, id, "known") if id else None


def add_url(context: Context, url: str, visit: Visit, title: str = "", progress: Progress = silent) -> Added:
    """Fetch one address, known or not; understand and index what is there. Raises InputError, FetchError."""
    asked = _asked(url)
    outcome = fetch(context, declare(asked, title), visit)
    if outcome.status != "ok":
        raise FetchError(outcome.cause.rstrip("."))
    return _follow(context, asked, progress)


def _asked(url: str) -> str:
    """The address without its fragment. Raises InputError for what is not http or https."""
    if asked := absolute(url, ""):
        return asked
    raise InputError(f"{url} is not an address to fetch", "It begins with https:// or http://, then a host")


def _canonical(context: Context, url: str) -> str:
    return canonical_url(url, reading_of(context, ADDED))


def _follow(context: Context, asked: str, progress: Progress) -> Added:
    """Have what was landed of an address understood and indexed; tell what became of it."""
    try:
        with whole_run(context):
            return _understand(context, asked, progress)
    except Busy:
        return Added("landed", asked)


def _understand(context: Context, asked: str, progress: Progress) -> Added:
    landed = [page for name in context.landing.admit_spooled() for page in context.landing.pages(name)]
    records = [page.record_id for page in landed if page.source == ADDED and page.url == asked]
    understand(context, progress)
    index_queued(context, progress)
    with context.ledger.read() as connection:
        read = sa.select(articles.c.id, articles.c.revision).where(articles.c.record_id.in_(records))
        if row := connection.execute(read).first():
            return _read(connection, row.id, "new" if row.revision == 1 else "revised")
        buried = sa.select(dead_letters.c.reason).where(dead_letters.c.record_id.in_(records))
        if reason := connection.scalar(buried):
            raise InputError(reason)
        address = _canonical(context, asked)
        if id := find_by_url(connection, [address]).get(address):
            return _read(connection, id, "unchanged")
    raise InputError(f"{asked}: no article came of it")


def declare(url: str, title: str) -> Source:
    """One address as a source: a page, read by the general extractor under the given title or its own."""
    return Source(
        id=ADDED, tier=ADDED, title=title, organisation="", homepage=url, economy="INT", languages=(), kind="page", url=url,
        every=timedelta(), evidence="unverified", article=Article(title=NOTHING),
    )  # fmt: skip


def fetch(context: Context, source: Source, visit: Visit) -> Outcome:
    """Crawl this one source; its page lies in the spool afterwards. Leaves no outcome in the record: it is not watched."""
    plan = Plan(
        run_id=run_name(context.clock.now(), "-added"),
        jobs=(Job(source, delay=DELAY * visit.delay_scale),),
        folder=context.landing.spool,
        host_map=visit.host_map,
        user_agent=user_agent(context.settings),
        time_limit=min(visit.time_limit, LONGEST),
        robots_scale=visit.delay_scale,
    )
    return run_crawl(plan)[ADDED]


def _read(connection: sa.Connection, id: str, done: Done) -> Added:
    row = connection.execute(sa.select(articles).where(articles.c.id == id)).one()
    themes = connection.scalars(sa.select(tags.c.theme).where(tags.c.article == id).order_by(tags.c.rank))
    return Added(done, row.url, id, row.title, row.verdict, tuple(themes))
