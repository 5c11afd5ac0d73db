"""What is filtered, counted, sorted and folded by: one NumPy array per field, a position per article. Pure but for `refresh`, which reads SQLite.

Article numbers rise and are never used again, so a refresh only reads what came and what went since the last; cost follows the change, not the corpus.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.schema import Count, Filters, Period

Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000  # microseconds
THURSDAY = 3  # days after Monday: 1970 began on one
NOWHERE: Positions = np.empty(0, np.int64)
CODED = ("source", "economy", "language", "verdict", "story")
"""Fields of few distinct values, kept as codes."""

_ROWS = "SELECT no, id, published, first_seen, head, source, economy, language, verdict, story FROM document WHERE no > ? ORDER BY no"


def microseconds(at: datetime) -> int:
    """Microseconds since 1970, UTC; a naive time is taken as UTC."""
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The inverse of `microseconds`, aware and UTC."""
    return EPOCH + timedelta(microseconds=value)


def with_parents(theme: str) -> list[str]:
    """`T03.1.2` → T03, T03.1, T03.1.2."""
    parts = theme.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def first_days(published: Positions, by: Period) -> Positions:
    """First day of each moment's period, as days since 1970 (UTC); a week begins on Monday."""
    days = published // DAY
    if by == "week":
        return days - (days + THURSDAY) % 7
    if by == "month" and len(days):
        since = int(days.min())
        every = np.arange(since, int(days.max()) + 1)  # the calendar is asked once a day, not once an article
        firsts: Positions = every.astype("M8[D]").astype("M8[M]").astype("M8[D]").astype(np.int64)
        at: Positions = days - since
        return firsts[at]
    return days


class Columns:
    """The articles of an index as arrays. Positions are by rising article number; `alive` is False for what went."""

    def __init__(self) -> None:
        self._columns: dict[str, NDArray[Any]] = {
            "no": np.empty(0, np.int64), "published": np.empty(0, np.int64), "first_seen": np.empty(0, np.int64),
            "head": np.empty(0, np.bool_), "alive": np.empty(0, np.bool_), "tie": np.empty(0, np.uint64),
            **{name: np.empty(0, np.int32) for name in CODED},
        }  # fmt: skip
        self._codes: dict[str, dict[str, int]] = {name: {} for name in CODED}
        self._themes: dict[str, Positions] = {}
        self._gone = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __len__(self) -> int:
        return len(self._columns["no"])

    @property
    def newest(self) -> int:
        """The highest article number seen, 0 if none."""
        return int(self["no"][-1]) if len(self) else 0

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Take in what was written since the last call, by whatever process."""
        newest, size = self.newest, len(self)
        (last_gone,) = connection.execute("SELECT coalesce(max(seq), 0) FROM gone").fetchone()
        if last_gone != self._gone:
            went = np.array(
                connection.execute("SELECT no FROM gone WHERE seq > ?", (self._gone,)).fetchall(), np.int64
            ).ravel()
            self["alive"][np.isin(self["no"], went)] = False
            self._gone = last_gone
        rows = connection.execute(_ROWS, (newest,)).fetchall()
        if rows:
            self._append(rows)
            themed: dict[str, list[int]] = defaultdict(list)
            for no, theme in connection.execute(
                "SELECT DISTINCT no, theme FROM tag WHERE no > ? ORDER BY no", (newest,)
            ):
                for each in with_parents(theme):
                    if themed[each][-1:] != [no]:
                        themed[each].append(no)
            for theme, numbers in themed.items():
                fresh = size + np.searchsorted(self["no"][size:], numbers)
                self._themes[theme] = np.concatenate([self._themes.get(theme, NOWHERE), fresh])

    def values(self, name: str) -> set[str]:
        """Values a coded field has or had."""
        return set(self._codes[name])

    def positions(self, numbers: Iterable[int] | NDArray[np.int64]) -> tuple[Positions, Mask]:
        """Positions of article numbers, and which of them are known and alive."""
        wanted = np.asarray(numbers if isinstance(numbers, np.ndarray) else list(numbers), np.int64)
        if not len(self):
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
        found = np.minimum(np.searchsorted(self["no"], wanted), len(self) - 1)
        return found, (self["no"][found] == wanted) & self["alive"][found]

    def mask(self, filters: Filters) -> Mask:
        """Which articles pass, `ids` excepted (ids are not kept in memory)."""
        mask: Mask = self["alive"].copy()
        for name, wanted in (
            ("source", filters.sources), ("economy", filters.economies), ("language", filters.languages),
            ("verdict", filters.verdicts), ("story", filters.stories),
        ):  # fmt: skip
            if wanted:
                mask &= np.isin(
                    self[name], [self._codes[name][value] for value in wanted if value in self._codes[name]]
                )
        if filters.themes:
            themed = np.zeros(len(self), np.bool_)
            for theme in filters.themes:
                themed[self._themes.get(theme, NOWHERE)] = True
            mask &= themed
        if filters.since is not None:
            mask &= self["published"] >= microseconds(day_start(filters.since))
        if filters.until is not None:
            mask &= self["published"] < microseconds(day_end(filters.until))
        if filters.seen_since is not None:
            mask &= self["first_seen"] >= microseconds(filters.seen_since)
        return mask & self["head"] if filters.heads else mask

    def facet(self, name: str, positions: Positions) -> dict[str, int]:
        """Articles per value among `positions`, most first; a theme counts for those above it too, once an article."""
        if name == "theme":
            chosen = np.zeros(len(self), np.bool_)
            chosen[positions] = True
            counts = {theme: int(np.count_nonzero(chosen[at])) for theme, at in self._themes.items()}
        elif name == "month":
            months, numbers = np.unique(
                self["published"][positions].astype("M8[us]").astype("M8[M]"), return_counts=True
            )
            counts = {str(month): int(number) for month, number in zip(months, numbers, strict=True)}
        else:
            numbers = np.bincount(self[name][positions], minlength=len(self._codes[name]))
            counts = {value: int(numbers[code]) for value, code in self._codes[name].items()}
        return dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda item: (-item[1], item[0])))

    def count_over_time(self, chosen: Mask, by: Period, group: str) -> tuple[Count, ...]:
        """Articles and stories per period and value of `group` among the chosen, in order of day, then value; none where zero.

        One sort of (period, value, story) keys: its runs are the articles of a story, runs of runs its stories.
        """
        at, codes, names = self._grouped(chosen, group)
        if not len(at):
            return ()
        firsts = first_days(self["published"][at], by)
        since, stories = int(firsts.min()), len(self._codes["story"])
        cells = (firsts - since) * len(names) + codes
        keys, articles = np.unique(cells * stories + self["story"][at], return_counts=True)
        cells, starts = np.unique(keys // stories, return_index=True)
        days = (cells // len(names) + since).astype("M8[D]").tolist()
        totals = np.add.reduceat(articles, starts).tolist()
        distinct = np.diff(starts, append=len(keys)).tolist()
        values = [names[code] for code in (cells % len(names)).tolist()]
        return tuple(map(Count, days, values, totals, distinct))

    def _grouped(self, chosen: Mask, group: str) -> tuple[Positions, Positions, list[str]]:
        """Position and code of every value of a facet among the chosen articles, and the values by code, sorted."""
        if group == "theme":
            names = sorted(self._themes)
            parts = [at[chosen[at]] for at in map(self._themes.__getitem__, names)]
            codes = np.repeat(np.arange(len(names)), [len(part) for part in parts])
            return np.concatenate([NOWHERE, *parts]), codes, names
        at = np.flatnonzero(chosen)
        if group == "month":
            months, codes = np.unique(self["published"][at].astype("M8[us]").astype("M8[M]"), return_inverse=True)
            return at, codes, months.astype(str).tolist()
        names = sorted(self._codes[group])
        order = np.empty(len(names), np.int64)
        order[[self._codes[group][name] for name in names]] = np.arange(len(names))
        return at, order[self[group][at]], names

    def _append(self, rows: Sequence[tuple[Any, ...]]) -> None:
        no, ids, published, first_seen, head, *coded = zip(*rows, strict=True)
        ties = [int.from_bytes(hashlib.blake2b(article.encode(), digest_size=8).digest()) for article in ids]
        fresh: dict[str, Any] = {"no": no, "published": published, "first_seen": first_seen, "head": head, "tie": ties}
        fresh["alive"] = np.ones(len(rows), np.bool_)
        for name, values in zip(CODED, coded, strict=True):
            codes = self._codes[name]
            fresh[name] = [codes.setdefault(value, len(codes)) for value in values]
        for name, values in fresh.items():
            old = self._columns[name]
            self._columns[name] = np.concatenate([old, np.asarray(values, old.dtype)])


def day_start(day: date | datetime) -> datetime:
    """The first moment of a day, UTC; a moment is itself."""
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day, tzinfo=UTC)


def day_end(day: date | datetime) -> datetime:
    """The moment after a day, UTC; a moment is itself."""
    return day if isinstance(day, datetime) else day_start(min(day, date.max - timedelta(days=1))) + timedelta(days=1)
