"""The query string of the search page ↔ what is asked. Every state has an address of its own. Pure; raises BadQuery."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, cast, get_args
from urllib.parse import urlencode

from search.index import BadQuery
from search.schema import FACETS, Filters, Mode, Query, Sort

View = Literal["hits", "economies"]
VIEWS: tuple[View, ...] = get_args(View)
MODES: tuple[Mode, ...] = get_args(Mode)
SORTS: tuple[Sort, ...] = get_args(Sort)
PAGE = 10  # hits a page: about three screens with their reasons
TEXT_MOST = 500  # characters of a question; a longer one is a document
VALUES_MOST = 50  # of one filter; more than there are offices in a region, fewer than an address may hold
NONE = Filters()
LISTS = {"theme": "themes", "source": "sources", "economy": "economies", "language": "languages", "verdict": "verdicts"}
"""Parameter → field of Filters; a parameter may be repeated."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One state of the search page."""

    text: str = ""
    mode: Mode = "hybrid"
    sort: Sort = "relevance"
    view: View = "hits"
    filters: Filters = NONE
    fold: bool = True  # one hit per story
    near: float | None = None  # least cosine that counts by meaning; None: the page's own
    cursor: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing is asked yet."""
        return not self.text and self.filters == NONE

    def values(self, name: str) -> tuple[str, ...]:
        """The chosen values of a facet; a month is chosen where the days are exactly its days."""
        if name != "month":
            return cast(tuple[str, ...], getattr(self.filters, LISTS[name]))
        since = self.filters.since
        return (f"{since:%Y-%m}",) if since and month_days(f"{since:%Y-%m}") == (since, self.filters.until) else ()

    def toggled(self, name: str, value: str) -> Asked:
        """The same question with a facet's value chosen, or no longer."""
        held = self.values(name)
        if name == "month":
            since, until = (None, None) if value in held else month_days(value)
            return replace(self, cursor="", filters=replace(self.filters, since=since, until=until))
        chosen = tuple(v for v in held if v != value) if value in held else (*held, value)
        return replace(self, cursor="", filters=_restricted(self.filters, name, chosen))

    def only(self, name: str, value: str) -> Asked:
        """The same question of one value of a facet, as a list of hits."""
        return replace(self, cursor="", view="hits", filters=_restricted(self.filters, name, (value,)))

    def changed(self, **fields: object) -> Asked:
        """The same question with other fields (text, mode, sort, view, fold), from its first page."""
        return replace(self, **{"cursor": "", **fields})  # type: ignore[arg-type]

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that say this state, defaults left out."""
        plain = {"q": self.text, "mode": self.mode, "sort": self.sort, "view": self.view}
        found = [(k, v) for k, v in plain.items() if v and v not in ("hybrid", "relevance", "hits")]
        found += [(name, value) for name, field in LISTS.items() for value in getattr(self.filters, field)]
        days = (("since", self.filters.since), ("until", self.filters.until))
        found += [(name, day.isoformat()) for name, day in days if day]
        if self.near is not None:
            found.append(("near", f"{self.near:g}"))
        return found + ([] if self.fold else [("fold", "0")]) + ([("cursor", self.cursor)] if self.cursor else [])

    def link(self, **more: str) -> str:
        """The address of this state."""
        pairs = [*self.pairs(), *more.items()]
        return f"/search?{urlencode(pairs)}" if pairs else "/search"

    def query(self, limit: int = PAGE) -> Query:
        """The question to the index."""
        return Query(
            text=self.text, mode=self.mode, filters=self.filters, sort=self.sort, limit=limit, cursor=self.cursor,
            collapse=self.fold, facets=FACETS, min_cosine=self.near,
        )  # fmt: skip


def read_asked(pairs: Iterable[tuple[str, str]]) -> Asked:
    """The state that an address says; unknown parameters are ignored. Raises BadQuery for a value that cannot be."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if value.strip():
            given.setdefault(name, []).append(value.strip())
    one = {name: values[-1] for name, values in given.items()}
    lists = {field: _values(given, name) for name, field in LISTS.items()}
    return Asked(
        text=" ".join(one.get("q", "").split())[:TEXT_MOST],
        mode=cast(Mode, _choice(one, "mode", MODES)),
        sort=cast(Sort, _choice(one, "sort", SORTS)),
        view=cast(View, _choice(one, "view", VIEWS)),
        filters=Filters(**lists, since=_day(one, "since"), until=_day(one, "until")),  # type: ignore[arg-type]
        fold=one.get("fold") != "0",
        near=_cosine(one, "near"),
        cursor=one.get("cursor", ""),
    )


def month_days(month: str) -> tuple[date, date]:
    """First and last day of `YYYY-MM`."""
    first = date.fromisoformat(f"{month}-01")
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def _restricted(filters: Filters, name: str, values: tuple[str, ...]) -> Filters:
    return replace(filters, **{LISTS[name]: values})  # type: ignore[arg-type]


def _values(given: Mapping[str, list[str]], name: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(given.get(name, ())))
    if len(found) > VALUES_MOST:
        raise BadQuery(f"{name} has more than {VALUES_MOST} values")
    return found


def _choice(given: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    default = {"mode": "hybrid", "sort": "relevance", "view": "hits"}[name]
    value = given.get(name, default)
    if value not in choices:
        raise BadQuery(f"{name} is none of {', '.join(choices)}")
    return value


def _day(given: Mapping[str, str], name: str) -> date | None:
    if name not in given:
        return None
    try:
        return date.fromisoformat(given[name])
    except ValueError:
        raise BadQuery(f"{name} is no day; write it as 2026-04-01") from None


def _cosine(given: Mapping[str, str], name: str) -> float | None:
    if name not in given:
        return None
    try:
        value = float(given[name])
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadQuery(f"{name} is no cosine; write it as 0.4")
    return value
