"""A simulated year of the catalogue: publication → seen, adaptive against fixed intervals at the same number of looks. Bar: median ≤ 0.5 ×.

`python -m benchmarks.adaptive`. The enabled sources of the catalogue, each with an office that publishes in its own zone after one of four habits;
the watcher knows none of them, begins with nothing and learns only from what the ledger would hold (`iprwatch/rhythm.py`, weekly instead of daily).
The contender looks at each source as often in the year as the watcher did, at a fixed interval with the same jitter.
"""

from __future__ import annotations

import random
import statistics
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from zoneinfo import ZoneInfo

from benchmarks._table import Row, report
from iprwatch.rhythm import JITTER, Arrival, find_came, learn_rhythm
from spiders.source import Source, load_sources

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
RELEARN = timedelta(days=7)
CLOSED = 14  # days of the year without news, beside the weekends: holidays
STRAY = 0.08  # share of the items that come at any time: scheduled jobs, corrections, colleagues abroad
HABITS = ("press", "hour", "gazette", "batch")
"""press: office hours, most before noon and after lunch · hour: at a set hour of the working day · gazette: one weekday, several at once ·
batch: every working day before the office opens, several at once."""
WEEKLY = {0.5: 25.0, 1.0: 10.0, 2.0: 6.0, 3.0: 5.0, 6.0: 2.0, 12.0: 1.0, 24.0: 0.4}
"""Items a week, by hours of the declared interval: those who declare an office had its pace in mind."""


def draw_moment(habit: str, day: int, chance: random.Random) -> tuple[float, int]:
    """Hour of the day at which an office publishes, and how many items."""
    if chance.random() < STRAY:
        return chance.uniform(0, 24), 1
    if habit == "press":
        return (chance.gauss(10.5, 1.2) if chance.random() < 0.6 else chance.gauss(15, 1.3)) % 24, 1
    if habit == "hour":
        return 9 + 5 * (day % 2) + chance.random() / 12, 1
    return (11 if habit == "gazette" else 6.75) + chance.gauss(0, 0.2), chance.randint(2, 6)


def publish_year(source: Source, habit: str, chance: random.Random) -> list[datetime]:
    """When each item of the year comes."""
    zone = ZoneInfo(source.dates.timezone if source.dates.timezone != "UTC" else "Asia/Manila")
    weekly = WEEKLY.get(source.every / timedelta(hours=1), 0.2)
    closed = set(chance.sample(range(365), CLOSED))
    gazette = chance.randrange(5)
    found: list[datetime] = []
    for day in set(range(365)) - closed:
        date = START + timedelta(days=day)
        weekday = date.weekday()
        share = 0.02 if weekday >= 5 else 0.19
        if habit == "gazette":
            share = 0.8 if weekday == gazette else 0.03
        lot = 4 if habit in ("gazette", "batch") else 1
        for _ in range(draw_count(weekly * share / lot, chance)):
            hour, items = draw_moment(habit, day, chance)
            local = datetime(date.year, date.month, date.day, tzinfo=zone) + timedelta(hours=hour)
            found += [local.astimezone(UTC)] * items
    return sorted(found)


def draw_count(mean: float, chance: random.Random) -> int:
    """A Poisson number."""
    count, left = 0, chance.expovariate(1)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1)
    return count


def look_adaptively(source: Source, came: list[datetime]) -> Iterator[datetime]:
    """The watcher's looks over the year."""
    zone, timed = ZoneInfo(source.dates.timezone), source.kind in ("feed", "api", "sitemap")
    known: list[datetime] = []
    now, learned, seen = START, START - RELEARN, 0
    while now < START + YEAR:
        if now - learned >= RELEARN:
            rhythm, learned = learn_rhythm(source, known), now
        now = rhythm.draw_next(now)
        yield now
        for at in came[seen : bisect_right(came, now)]:
            arrival = Arrival(source.id, at, "second" if timed else "day", now, START - timedelta(days=2))
            known += filter(None, [find_came(arrival, zone)])
            seen += 1


def look_steadily(count: int, chance: random.Random) -> list[datetime]:
    """As many looks, at a fixed interval with jitter."""
    step = YEAR / count
    return [START + step * (n + 1 + chance.uniform(-JITTER, JITTER)) for n in range(count)]


def delays(came: list[datetime], looks: list[datetime]) -> list[float]:
    """Minutes from each publication to the next look."""
    places = [(at, bisect_left(looks, at)) for at in came]
    return [(looks[n] - at) / timedelta(minutes=1) for at, n in places if n < len(looks)]


def main() -> int:
    """Simulate the year, print the table."""
    random.seed(6)
    chance, habits = random.Random(6), cycle(HABITS)
    ours: list[float] = []
    theirs: list[float] = []
    by_habit: dict[str, tuple[list[float], list[float]]] = {habit: ([], []) for habit in HABITS}
    looks = declared = 0.0
    for source in (s for s in load_sources().values() if s.enabled):
        habit = next(habits)
        came = publish_year(source, habit, chance)
        adaptive = list(look_adaptively(source, came))
        steady = look_steadily(len(adaptive), chance)
        looks, declared = looks + len(adaptive), declared + YEAR / source.every
        pair = delays(came, adaptive), delays(came, steady)
        for all_, part in zip((ours, theirs), pair, strict=True):
            all_ += part
        for all_, part in zip(by_habit[habit], pair, strict=True):
            all_ += part
    ratio = statistics.median(ours) / statistics.median(theirs)
    rows = [
        Row("median, adaptive / fixed", f"{ratio:.2f} ×", bar="≤ 0.5 ×", held=ratio <= 0.5),
        Row("mean, adaptive / fixed", f"{statistics.mean(ours) / statistics.mean(theirs):.2f} ×"),
        Row("median, adaptive", f"{statistics.median(ours):.1f} min"),
        Row("median, fixed", f"{statistics.median(theirs):.1f} min"),
        Row("looks / looks at the declared interval", f"{looks / declared:.2f} ×"),
    ]
    for habit, (one, other) in by_habit.items():
        rows.append(
            Row(f"median, office of habit {habit!r}", f"{statistics.median(one) / statistics.median(other):.2f} ×")
        )
    return report(f"{len(ours)} items, {looks:.0f} looks in a year", rows)


if __name__ == "__main__":
    sys.exit(main())
