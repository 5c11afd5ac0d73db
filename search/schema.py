"""What is indexed and what is asked: frozen values, field names, limits. No I/O.

One Document is one article with its passages; the ledger fills it, an index keeps it, delete the index and it is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1
"""Version of the index layout; an index of another version is rebuilt by `iprwatch reindex`."""

Mode = Literal["keyword", "semantic", "hybrid"]
Sort = Literal["relevance", "newest", "oldest"]
Vector = NDArray[np.float32]

FACETS = ("theme", "source", "economy", "language", "month")
"""Fields that answers can be counted by. `month` is YYYY-MM of the publication date."""


@dataclass(frozen=True, slots=True)
class IndexedTag:
    """A tag as the index shows it; field meanings as in pipelines.model.Tag."""

    theme: str
    probability: float
    statement_sentence: str
    item_sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class IndexedPassage:
    """One passage. `vector` is float32, shape (dims,), unit length; None: searchable by words only."""

    n: int
    start: int
    end: int
    text: str
    vector: Vector | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One article as the index keeps it. Dates are aware and UTC."""

    id: str
    row_version: int  # rises with every write of the article; an older one never replaces a newer one
    source: str
    economy: str
    language: str
    url: str
    title: str
    text: str
    author: str
    published: datetime
    first_seen: datetime
    story: str
    head: bool  # the story's head
    verdict: str  # themed | outside | not_ip
    tags: tuple[IndexedTag, ...]
    passages: tuple[IndexedPassage, ...]
    model: str = ""  # id of the model that made the vectors; empty where there are none


@dataclass(frozen=True, slots=True)
class Filters:
    """Restrictions, all of which must hold. Within one field any value may match. Empty: no restriction."""

    themes: tuple[str, ...] = ()  # a top theme includes those below it
    sources: tuple[str, ...] = ()
    economies: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    since: date | datetime | None = None  # published at or after
    until: date | datetime | None = None  # published before (a date: that day included)
    seen_since: datetime | None = None  # first seen at or after
    heads: bool = False  # story heads only
    stories: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question. `text` is what the person typed; `vector` its embedding (None: words only)."""

    text: str = ""
    mode: Mode = "hybrid"
    vector: Vector | None = None
    min_cosine: float | None = (
        None  # meaning: only articles at least so near match (hybrid: or by words). None: the nearest
    )
    filters: Filters = Filters()
    sort: Sort = "relevance"
    limit: int = 10
    cursor: str = ""  # opaque, from Answer.next
    collapse: bool = True  # one hit per story
    facets: tuple[str, ...] = ()
    highlight: bool = True


Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Count:
    """How many articles and stories of one group were published in one period."""

    start: date  # first day of the period; a week begins on Monday
    group: str  # value of the field that was counted by
    articles: int
    stories: int  # distinct stories among them


@dataclass(frozen=True, slots=True)
class Hit:
    """One found article. `highlights` are (start, end) character pairs in `snippet` and `title`."""

    id: str
    url: str
    title: str
    source: str
    economy: str
    language: str
    published: datetime
    first_seen: datetime
    story: str
    head: bool
    verdict: str
    tags: tuple[IndexedTag, ...]
    score: float
    snippet: str = ""  # the best passage, verbatim
    passage: int | None = None  # its number
    highlights: tuple[tuple[int, int], ...] = ()
    title_highlights: tuple[tuple[int, int], ...] = ()
    rank_keyword: int | None = None  # 1-based rank in each part of a hybrid search: why it stands where it stands
    rank_semantic: int | None = None
    cosine: float | None = None  # of the best passage
    folded: int = 0  # other articles of the same story that also matched


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found. `total` counts matching articles (before paging, after collapse)."""

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    next: str = ""  # cursor of the next page; empty at the end
    mode: Mode = "hybrid"  # what was done; keyword where no vector could be used
    note: str = ""  # what the person should know, e.g. "by words only: no model"
