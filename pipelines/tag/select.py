"""Probabilities → the zero to three themes that are shown. The boundary decisions of docs/labelling.md that code can hold.

The most specific node is shown: a parent goes where a child of it stays. A cross-cutting theme (T05) is never a fallback: it is shown
only where nothing more specific is.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.tag.themes import Themes

SHOWN = 3  # by the labelling rules
THRESHOLD = 0.5
RELATIVE = 0.75  # of the best: a clear subject leaves no room for asides
SIBLING = 0.8  # of the best in its family: what differs by more is the same ground seen from another side


def select_themes(themes: Themes, probabilities: Mapping[str, float]) -> list[str]:
    """Themes to show, best first."""
    best = max(probabilities.values(), default=0.0)
    least = max(THRESHOLD, RELATIVE * best)
    kept = [theme for theme in probabilities if probabilities[theme] >= least]
    families: dict[str, float] = {}
    for theme in kept:
        top = themes.top(theme)
        families[top] = max(families.get(top, 0.0), probabilities[theme])
    kept = [theme for theme in kept if probabilities[theme] >= SIBLING * families[themes.top(theme)]]
    parents = {themes.themes[theme].parent for theme in kept}
    kept = [theme for theme in kept if theme not in parents]
    specific = [theme for theme in kept if themes.top(theme) not in themes.cross_cutting]
    return sorted(specific or kept, key=lambda theme: -probabilities[theme])[:SHOWN]
