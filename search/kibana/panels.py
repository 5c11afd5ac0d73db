"""The dashboards, as values: what is counted, by what, where it stands. Pure; `dashboards` and `lens` write them in Kibana's two notations.

Stories are counted, not articles: one announcement by twelve offices is one. Source health here is what the index shows (when each source last brought
something); the verdict with its cause is in `iprwatch status`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from search import elastic_rows as rows

MOST_SOURCES = 200  # of a table; more sources than are declared
MOST_ECONOMIES = 30

Grid = tuple[int, int, int, int]
"""x, y, width, height; a dashboard has 48 columns."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number: `count` of articles, `unique_count` or `max` of a field."""

    operation: Literal["count", "unique_count", "max"]
    label: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class By:
    """What it is counted by: time, the values of a field, or named values of it (`chosen`: value → label)."""

    operation: Literal["date_histogram", "terms", "filters"]
    label: str
    field: str
    limit: int = 10
    chosen: Mapping[str, str] | None = None

    def queries(self) -> dict[str, str]:
        """Label → KQL of each chosen value."""
        return {label: f'{self.field}: "{value}"' for value, label in (self.chosen or {}).items()}


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart on the articles. `x` and `by` are the two ways it is split; a table has rows by `x`."""

    id: str
    kind: Literal["bars", "heatmap", "table"]
    title: str
    grid: Grid
    measures: tuple[Measure, ...]
    x: By
    by: By | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels."""

    name: str
    title: str
    description: str
    panels: tuple[Panel, ...]


STORIES = Measure("unique_count", "Stories", rows.STORY)
ARTICLES = Measure("count", "Articles")
LAST_SEEN = Measure("max", "Last new item", rows.FIRST_SEEN)
PUBLISHED = By("date_histogram", "Published", rows.PUBLISHED)
SEEN = By("date_histogram", "First seen", rows.FIRST_SEEN)
SOURCES = By("terms", "Source", rows.SOURCE, MOST_SOURCES)
ECONOMIES = By("terms", "Economy", rows.ECONOMY, MOST_ECONOMIES)


def build_dashboards(themes: Mapping[str, str]) -> tuple[Dashboard, ...]:
    """All dashboards. `themes`: label by id, tops and those below; a top counts what lies below it too."""
    tops = {id: f"{id} {label}" for id, label in themes.items() if "." not in id}
    below = {id: f"{id} {label}" for id, label in themes.items() if "." in id}
    top, under = (By("filters", "Theme", rows.THEMES, chosen=chosen) for chosen in (tops, below))
    return (
        Dashboard(
            "themes",
            "IP policy: themes over time",
            "Stories per theme of the G7 statement, by day of publication.",
            (
                Panel("themes-over-time", "bars", "Stories per top theme", (0, 0, 48, 16), (STORIES,), PUBLISHED, top),
                Panel("themes-below", "table", "Stories per theme", (0, 16, 48, 20), (STORIES, ARTICLES), under),
            ),
        ),
        Dashboard(
            "economies",
            "IP policy: theme × economy",
            "Who published on what: stories per theme and economy.",
            (
                Panel("theme-economy", "heatmap", "Stories", (0, 0, 48, 18), (STORIES,), ECONOMIES, top),
                Panel("economies", "table", "Economies", (0, 18, 48, 14), (STORIES, ARTICLES), ECONOMIES),
            ),
        ),
        Dashboard(
            "sources",
            "IP policy: source health",
            "When each source last brought something new. A verdict with its cause: iprwatch status.",
            (
                Panel(
                    "source-days", "heatmap", "New articles by first sight", (0, 0, 48, 20), (ARTICLES,), SEEN, SOURCES
                ),
                Panel("sources", "table", "Sources", (0, 20, 48, 20), (ARTICLES, STORIES, LAST_SEEN), SOURCES),
            ),
        ),
    )
