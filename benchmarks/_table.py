"""What every benchmark ends with: rows of medians with their noise, each held against its bar; the exit code is 1 where one is missed.

Noise is half the distance between the quartiles of the rounds: what the machine alone did to the figure. The best round stands beside a
median that is held against a bar: on a machine that does other work at the time, it is nearer to what the program costs.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
MARKS = {True: "PASS", False: "FAIL", None: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `held` None: for information."""

    what: str
    value: str
    noise: str = ""
    bar: str = ""
    held: bool | None = None


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2


def median_row(what: str, values: Sequence[float], unit: str, most: float | None = None, digits: int = 2) -> Row:
    """The median of the rounds in `unit`, which must not exceed `most`; None: for information."""
    middle = statistics.median(values)
    value, noise = f"{middle:.{digits}f} {unit}", f"± {spread(values):.{digits}f}"
    if most is None:
        return Row(what, value, noise)
    best = f", best {min(values):.{digits}f}" if len(values) > 1 and unit != "×" else ""
    return Row(what, value + best, noise, f"≤ {most:g} {unit}", middle <= most)


def report(head: str, rows: Sequence[Row]) -> int:
    """Print the table; the exit code of the benchmark."""
    print(f"{head}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':52} {'median':28} {'noise':9} {'bar':10}".rstrip())
    for row in rows:
        print(f"{row.what:52} {row.value:28} {row.noise:9} {row.bar:10} {MARKS[row.held]}".rstrip())
    return 1 if any(row.held is False for row in rows) else 0
