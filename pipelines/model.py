"""The nouns of the pipeline as frozen values. No I/O, no third-party import.

Entry → Page → Article → Passage → Tag; Story groups articles. `docs/fields.md` explains every field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["feed", "sitemap", "listing", "api", "page"]
KINDS: tuple[Kind, ...] = ("feed", "sitemap", "listing", "api", "page")

Precision = Literal["second", "day", "month", "year"]
"""How exact a date is: `day` means that the source gave no time."""

DateOrigin = Literal["entry", "meta", "page", "url", "header", "text", "first_seen"]
"""Where a date was read: list entry, machine-readable tag, declared selector, address, HTTP header, prose, or not at all."""

Verdict = Literal["themed", "outside", "not_ip"]
"""`themed`: bears on a theme; `outside`: IP policy news outside the themes; `not_ip`: neither."""

Relation = Literal["head", "member", "variant"]
"""An article's place in its story: the head, another office's member, or a variant folded into an article of the same source."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a feed, sitemap, listing or API answer, as the source gives it (strings raw, addresses absolute)."""

    url: str
    key: str = ""  # the source's declared item key; empty: the canonical URL is the key
    title: str = ""
    published: str = ""  # raw date string
    updated: str = ""  # raw date string
    summary: str = ""  # plain text or HTML
    content: str = ""  # full text as HTML where the row carries it; empty otherwise
    author: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source's pages are read: selectors and date rules from its declaration."""

    title: str = ""  # CSS selectors; empty: the general extractor decides
    text: str = ""
    date: str = ""
    author: str = ""
    drop: tuple[str, ...] = ()  # CSS selectors of volatile or foreign parts, removed before reading
    date_formats: tuple[str, ...] = ()  # strptime formats, tried first and in order
    date_order: Literal["DMY", "MDY", "YMD"] = "DMY"
    date_languages: tuple[str, ...] = ()  # BCP 47 primary tags for month names
    date_in_url: str = ""  # regular expression with groups y, m, d (or one of date_formats in group `date`)
    timezone: str = "UTC"  # IANA zone of dates without one
    languages: tuple[str, ...] = ()  # languages the source writes in; the first is the default
    strip_query: bool = True  # canonical address: drop the query except keep_params
    keep_params: tuple[str, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)  # leaked host → canonical host
    min_chars: int = 200  # less text than this, in a page without an entry summary, is "page without text"
    whole_page: bool = False  # a watched page: its text as a whole is the article


@dataclass(frozen=True, slots=True)
class Page:
    """One response (or one list row that carries its own text), as landed. `body` is raw bytes."""

    source: str
    url: str  # the address asked for
    final_url: str  # after redirects
    fetched_at: datetime  # aware, UTC
    status: int
    content_type: str  # full Content-Type value, may be empty
    body: bytes
    entry: Entry | None = None  # the list row that led here
    record_id: str = ""  # WARC-Record-ID
    redirects: tuple[str, ...] = ()  # addresses passed on the way, permanent or not
    last_modified: str = ""  # raw HTTP header


@dataclass(frozen=True, slots=True)
class Stamp:
    """A date with its pedigree. `at` is aware and UTC; day precision stands at noon of the source's zone."""

    at: datetime
    precision: Precision
    origin: DateOrigin
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """One published text. `id` = sha256 of the source's item key, else of the canonical URL (`urn:sha256:` for a file)."""

    id: str
    source: str
    key: str  # what `id` was made from
    url: str  # canonical address
    title: str
    text: str  # normalised plain text, paragraphs separated by a blank line
    published: Stamp
    language: str  # BCP 47 primary tag (zh-Hant kept apart), `und` where unknown
    content_hash: str  # `v1:` + sha256 over the normalised fields
    first_seen: datetime  # aware, UTC
    author: str = ""
    aliases: tuple[str, ...] = ()  # other addresses of the same article
    record_id: str = ""  # WARC record it was read from
    media: Literal["html", "pdf", "text"] = "html"
    links: tuple[str, ...] = ()  # absolute addresses that its text links to


@dataclass(frozen=True, slots=True)
class Passage:
    """Two or three sentences of an article. `start` and `end` count characters in `Article.text`."""

    n: int  # 0, 1, 2, …
    start: int
    end: int
    text: str  # verbatim slice of Article.text; what is encoded is title + ". " + text

    def encoded(self, title: str) -> str:
        """The text that is encoded: the title gives the passage its subject."""
        return f"{title}. {self.text}"


@dataclass(frozen=True, slots=True)
class Tag:
    """One theme of one article with its reason, in the statement's words and in the item's."""

    theme: str
    probability: float  # 0…1, uncalibrated until labels calibrate it
    score: float  # the tagger's raw score
    anchor: str  # id of the statement sentence in themes.json
    statement_sentence: str  # verbatim from the seed
    item_sentence: str  # verbatim slice of title or text
    field: Literal["title", "text"]  # where item_sentence stands
    start: int
    end: int
    runner_up: str  # next best theme, empty if none
    matched: tuple[str, ...] = ()  # terms that were found
    cosine: float | None = None  # passage × anchor; None where no vector existed


@dataclass(frozen=True, slots=True)
class Tagging:
    """What the tagger says of one article."""

    verdict: Verdict
    tags: tuple[Tag, ...]  # best first
    tagger: str  # version of tagger, terms and thresholds
