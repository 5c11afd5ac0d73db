"""Trend → words and numbers: a row per theme for people, CSV (RFC 4180) and JSON for programs. Pure; draws nothing.

Every form names the periods in which not all sources were seen. Never fails.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from typing import Any

from iprwatch.outages import spell_days
from iprwatch.trends import Outage, Trend
from search.trends import Compared

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS_MOST = 26  # characters of a sparkline: half a year of weeks; more periods are added up to fit
COLUMNS = ("theme", "label", "start", "end", "articles", "stories", "whole", "partly_seen")


@dataclass(frozen=True, slots=True)
class Summary:
    """One theme in a line: its counts as blocks, their sum, and the last whole period's stories against the usual."""

    theme: str
    label: str
    sparkline: str
    total: int
    last: str
    usual: str
    word: str


def headline(trend: Trend) -> str:
    """`Stories per theme by month, 1 Oct 2025 – 30 Nov 2026 · demo data: invented items`."""
    scope = ", ".join((*trend.asked.economies, *trend.asked.sources))
    text = f"{trend.asked.unit.capitalize()} per theme by {trend.asked.by}, {spell_days(trend.since, trend.until)}"
    return text + (f", {scope}" if scope else "") + (" · demo data: invented items" if trend.demo else "")


def summarise(trend: Trend) -> list[Summary]:
    """A line per theme. All sparklines have the same scale, so that themes can be compared."""
    counts = {theme: pool([trend.size(row) for row in trend.series(theme)]) for theme in trend.themes}
    top = max((max(each) for each in counts.values()), default=0)
    return [
        Summary(theme, label, sparkline(counts[theme], top), sum(counts[theme]), *_said(trend.compared.get(theme), trend))
        for theme, label in trend.themes.items()
    ]  # fmt: skip


def _said(compared: Compared | None, trend: Trend) -> tuple[str, str, str]:
    if trend.compared_days is None:
        return "", "", "too few to say"
    if compared is None:
        return "0", "0", "too few to say"
    low, high = compared.usual_low, compared.usual_high
    return str(compared.count), str(low) if low == high else f"{low}–{high}", compared.word


def pool(counts: Sequence[int]) -> list[int]:
    """The same counts in at most SPARKS_MOST sums of equally many neighbours; the first may have fewer."""
    size = -(-len(counts) // SPARKS_MOST) or 1
    first = len(counts) % size or size
    cuts = [0, *range(first, len(counts) + 1, size)]
    return [sum(counts[start:end]) for start, end in pairwise(cuts)]


def sparkline(counts: Iterable[int], top: int) -> str:
    """A block per count, the highest for `top`; a dot for none."""
    return "".join(BLOCKS[(count * len(BLOCKS) - 1) // top] if count else "·" for count in counts)


def tell_outages(outages: Iterable[Outage]) -> list[str]:
    """`Partly seen 12–14 Nov 2026: epo-news down …`, latest first; neighbours that missed the same are told once."""
    told = []
    for text, alike in groupby(sorted(outages, key=lambda each: each.start, reverse=True), key=lambda each: each.text):
        same = list(alike)
        told.append(f"{spell_days(same[-1].start, same[0].end)}: {text}")
    return told


def render_csv(trend: Trend) -> str:
    """A record per theme and period, under a header; lines end in CR LF."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in trend.rows:
        values = asdict(row)
        writer.writerow([str(values[name]).lower() if name == "whole" else values[name] for name in COLUMNS])
    return out.getvalue()


def describe_trend(trend: Trend) -> dict[str, Any]:
    """The same for JSON: what was asked, the rows, what is usual, and what was not seen."""
    first, last = trend.compared_days or (None, None)
    return {
        "space": "demo" if trend.demo else "live",
        "by": trend.asked.by,
        "since": trend.since,
        "until": trend.until,
        "watched_since": trend.watched_since,
        "sources": trend.sources,
        "rows": [asdict(row) for row in trend.rows],
        "usual": {
            "since": first,
            "until": last,
            "themes": {theme: asdict(trend.compared[theme]) for theme in trend.themes if theme in trend.compared},
        },
        "partly_seen": [asdict(outage) for outage in trend.outages],
    }
