"""What a digest holds: frozen values, kept as JSON so that mail, page, feed and terminal say the same.

Does not decide what is in it (`compose.py`), reads no store, renders nothing. A field that is added has a default, so that digests
kept before stay readable. `load_digest` raises StoreError.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from iprwatch.errors import StoreError

Word = Literal["more than usual", "as usual", "less than usual", "too few to say"]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a story is told: one sentence of the item beside one of the statement."""

    theme: str
    label: str
    item_sentence: str
    statement_sentence: str


@dataclass(frozen=True, slots=True)
class Told:
    """One story that is told in full, headed by the original office's article."""

    story: str
    article: str
    title: str
    url: str  # http or https, else empty
    office: str
    economy: str
    language: str
    published: datetime
    day: date  # of publication, in the source's zone
    precision: str
    origin: str
    why: Why
    themes: tuple[str, ...] = ()  # its other themes
    also_by: tuple[str, ...] = ()  # offices that report it too


@dataclass(frozen=True, slots=True)
class Brief:
    """One story that is counted in the mail and listed on the page."""

    story: str
    title: str
    url: str
    office: str


@dataclass(frozen=True, slots=True)
class Section:
    """The new stories of one top theme."""

    theme: str
    label: str
    told: tuple[Told, ...]
    rest: tuple[Brief, ...] = ()

    @property
    def total(self) -> int:
        """How many stories are new."""
        return len(self.told) + len(self.rest)


@dataclass(frozen=True, slots=True)
class Usual:
    """How many stories of a theme were published on the whole days of the window, against the usual."""

    theme: str
    label: str
    count: int
    low: int
    high: int
    word: Word
    partly_seen: bool  # sources were down: a low count says nothing


@dataclass(frozen=True, slots=True)
class Down:
    """A source that could not be read in the window."""

    source: str  # its title
    since: datetime
    until: datetime | None  # when it was read again; None: still down at the cut
    cause: str


@dataclass(frozen=True, slots=True)
class Raised:
    """A story that woke watches since the last digest."""

    watches: tuple[str, ...]
    title: str
    url: str
    at: datetime  # of the newest alert


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well the sources were read in the window."""

    sources: int  # that are watched
    visited: int  # that were visited in the window
    last: datetime | None  # newest visit
    unread: int = 0  # still down at the cut
    down: tuple[Down, ...] = ()  # down at any time of the window; still down first; the longest list is cut
    troubled: int = 0  # how many that were


@dataclass(frozen=True, slots=True)
class Digest:
    """The stories of a window, told once to one subscription."""

    id: str  # subscription:cut
    subscription: str
    title: str
    demo: bool  # invented items
    since: datetime  # label of the window
    cut: datetime
    timezone: str
    days: tuple[date, date]  # first and last UTC day that `usual` counts
    coverage: Coverage
    sections: tuple[Section, ...] = ()  # in the order of the statement
    usual: tuple[Usual, ...] = ()
    alerts: tuple[Raised, ...] = ()
    more_alerts: int = 0
    untagged: int = 0  # new items of the window that bear on no theme
    earlier: int = 0  # back-fill: published before, taken without being told

    @property
    def total(self) -> int:
        """How many stories are new."""
        return sum(s.total for s in self.sections)

    @property
    def told(self) -> tuple[Told, ...]:
        """The stories that are told, in order."""
        return tuple(t for s in self.sections for t in s.told)

    @property
    def top(self) -> Told | None:
        """The story that most offices report; of equals the newest."""
        return max(self.told, key=lambda t: (len(t.also_by), t.published, t.story), default=None)


def tell_fewer(digest: Digest) -> Digest:
    """The same digest with the last story of its fullest section counted instead of told; as it is where none is told."""
    fullest = max(digest.sections, key=lambda s: len(s.told), default=None)
    if fullest is None or not fullest.told:
        return digest
    *told, last = fullest.told
    brief = Brief(last.story, last.title, last.url, last.office)
    shorter = replace(fullest, told=tuple(told), rest=(brief, *fullest.rest))
    return replace(digest, sections=tuple(shorter if s is fullest else s for s in digest.sections))


@cache
def _adapter() -> TypeAdapter[Digest]:
    return TypeAdapter(Digest)


def dump_digest(digest: Digest) -> dict[str, Any]:
    """A digest as plain JSON values."""
    plain: dict[str, Any] = _adapter().dump_python(digest, mode="json")
    return plain


def load_digest(body: object) -> Digest:
    """The digest that `dump_digest` gave. Raises StoreError."""
    try:
        return _adapter().validate_python(body, strict=False)
    except ValidationError as error:
        raise StoreError(f"A digest in the ledger is not readable: {error.errors()[0]['msg']}") from None
