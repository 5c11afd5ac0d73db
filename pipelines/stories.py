"""Candidates → how a new article stands to those seen: alone, a moved copy, a variant, or a member of a story.

Decides only; the ledger finds the candidates (shared band keys, identifiers, near vectors) and writes the outcome. A split is
preferred to a wrong merge: a reader forgives two entries, not a lost one. Never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.duplicates import is_near_duplicate, title_numbers
from pipelines.normalise import folded

Link = Literal["none", "moved", "variant", "reprint", "same_story"]
"""`moved`: alias and revision; `variant`: folded; `reprint` and `same_story`: members of one story."""

WINDOW = timedelta(days=8)  # offices echo an event within about a week; later mentions are follow-ups
NEAR_VECTORS = 0.80  # cosine of title + lead; below it, one subject but not surely one event
SURE_VECTORS = 0.90  # so near that one shared rare name is enough
SHARED_WORDS = 0.35  # weighted overlap (Jaccard) of title + lead words; independent reports of one event reach it
MIN_RARE = 2  # rare names in common, so that one agency's name joins nothing

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-ZÀ-ÞА-Я][\w’'-]{2,}|\b[A-Z]{3,}\b|\b\d{3,}\b")
_COMMON = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "patent",
        "patents",
        "trademark",
        "trademarks",
        "office",
        "intellectual",
        "property",
        "wipo",
        "epo",
        "euipo",
        "uspto",
        "jpo",
        "ukipo",
        "dpma",
        "cipo",
        "copyright",
        "design",
        "designs",
        "press",
        "release",
        "news",
        "new",
        "international",
        "report",
        "president",
        "director",
        "general",
        "commission",
        "european",
        "world",
        "organization",
        "organisation",
        "ip",
        "minister",
        "ministry",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
"""Words that every office's item may hold: they say nothing of the event."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What grouping needs to know of an article. `vector`: unit length, of title and lead, or None."""

    id: str
    source: str
    url: str
    title: str
    text: str
    language: str
    published: datetime
    first_seen: datetime
    story: str = ""  # id of its story; empty for the new article
    identifiers: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()  # canonical addresses its text links to
    organisation: str = ""  # the issuing office's name, as other offices write it
    vector: NDArray[np.float32] | None = None
    gone: bool = False  # its address is gone, or redirects to the new article

    @property
    def lead(self) -> str:
        """Title and the first 400 characters: where a news item says what happened."""
        return f"{self.title}. {self.text[:400]}"


@dataclass(frozen=True, slots=True)
class Decision:
    """How the new article stands to `other` (an article id; empty for `none`), and why, for the record."""

    link: Link
    other: str = ""
    story: str = ""
    why: str = ""


def relate(new: Candidate, others: Sequence[Candidate]) -> Decision:
    """The strongest relation of a new article to those seen: moved, variant, reprint, same story, or none."""
    best: Decision | None = None
    order: tuple[Link, ...] = ("moved", "variant", "reprint", "same_story")
    for other in sorted(others, key=_age):
        decision = _relation(new, other)
        if decision and (best is None or order.index(decision.link) < order.index(best.link)):
            best = decision
    return best or Decision("none", story=new.id)


def _relation(new: Candidate, other: Candidate) -> Decision | None:
    if other.id == new.id:
        return None
    story = other.story or other.id
    if new.language == other.language and is_near_duplicate(new.title, new.text, other.title, other.text):
        if new.source == other.source:
            link: Link = "moved" if other.gone else "variant"
            return Decision(link, other.id, story, "nearly the same text in one source")
        return Decision("reprint", other.id, story, "nearly the same text in another source")
    why = same_event(new, other) if new.source != other.source or new.language != other.language else ""
    return Decision("same_story", other.id, story, why) if why else None


def same_event(a: Candidate, b: Candidate) -> str:
    """Why two articles report one event; empty if that is not certain."""
    if abs(a.published - b.published) > WINDOW:
        return ""
    shared = a.identifiers & b.identifiers
    if shared and _are_central(shared, a) and _are_central(shared, b):
        return f"both name {', '.join(sorted(shared)[:3])}"
    if a.url in b.links or b.url in a.links:
        return _if_alike(a, b, "one links to the other")
    numbers_a, numbers_b = title_numbers(a.title), title_numbers(b.title)
    if numbers_a and numbers_b and numbers_a.isdisjoint(numbers_b):
        return ""
    names = rare_names(a.lead) & rare_names(b.lead)
    cosine = _cosine(a, b)
    if cosine is not None and cosine >= NEAR_VECTORS and len(names) >= (1 if cosine >= SURE_VECTORS else MIN_RARE):
        return f"cosine {cosine:.2f}, both name {', '.join(sorted(names)[:3])}"
    if a.language == b.language and len(names) >= MIN_RARE and _overlap(a.lead, b.lead) >= SHARED_WORDS:
        return f"the same words, both name {', '.join(sorted(names)[:3])}"
    return ""


def rare_names(text: str) -> frozenset[str]:
    """Capitalised words inside sentences, abbreviations and numbers, without what every office's item holds."""
    return frozenset(name.casefold() for name in _NAME.findall(text)) - _COMMON


def story_id(members: Iterable[Candidate]) -> str:
    """The id of the earliest article: published, then first seen, then id."""
    return min(members, key=_age).id


def head(members: Sequence[Candidate]) -> str:
    """The article that stands for the story: the issuing office's own, which the others link to or name; else the earliest."""
    return max(
        sorted(members, key=_age),
        key=lambda m: sum(_credits(other, m) for other in members if other.source != m.source),
    ).id


def _credits(other: Candidate, origin: Candidate) -> int:
    """How strongly an article gives another as its source."""
    linked = origin.url in other.links
    named = bool(origin.organisation) and folded(origin.organisation) in folded(other.lead)
    return 2 * linked + named


def _age(candidate: Candidate) -> tuple[datetime, datetime, str]:
    return candidate.published, candidate.first_seen, candidate.id


def _are_central(shared: frozenset[str], candidate: Candidate) -> bool:
    """An item's own number stands at its start or end, or is one of few; a footnote's does not make it a report of that document."""
    return len(candidate.identifiers) <= 3 or any(name in folded(candidate.lead) for name in shared)


def _if_alike(a: Candidate, b: Candidate, why: str) -> str:
    """Links also go to background: they count only between alike items."""
    cosine = _cosine(a, b)
    alike = cosine >= NEAR_VECTORS if cosine is not None else _overlap(a.lead, b.lead) >= SHARED_WORDS / 2
    return why if alike else ""


def _cosine(a: Candidate, b: Candidate) -> float | None:
    return float(a.vector @ b.vector) if a.vector is not None and b.vector is not None else None


def _overlap(a: str, b: str) -> float:
    """Jaccard index of the words, without the common ones."""
    left, right = (frozenset(w for w in _WORD.findall(folded(t)) if len(w) > 2) - _COMMON for t in (a, b))
    return len(left & right) / len(left | right) if left | right else 0.0
