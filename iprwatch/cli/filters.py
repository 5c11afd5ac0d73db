"""The values a search is narrowed by → nothing, or an error that names what there is. Never opens the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from iprwatch.errors import NotFound

if TYPE_CHECKING:
    from search.index import Index
    from search.schema import Filters

FIELDS = {"source": "sources", "economy": "economies", "language": "languages"}
"""Facet of the index → field of Filters."""
NAMED_MOST = 20  # values that fit in a sentence; of more only the likeliest are named


def check_filters(filters: Filters, index: Index) -> None:
    """Raises NotFound for a theme, source, economy or language that neither the index nor a declaration knows."""
    if filters.themes:
        labels = find_themes()
        tops = ", ".join(f"{id} {label}" for id, label in labels.items() if "." not in id)
        refuse_unknown("theme", filters.themes, labels, f"Themes: {tops}; those below them: iprwatch themes")
    given = {facet: getattr(filters, name) for facet, name in FIELDS.items() if getattr(filters, name)}
    if not given:
        return
    held = find_held(index, given)
    if all(held[facet].issuperset(values) for facet, values in given.items()):
        return
    declared = find_declared()
    for facet, values in given.items():
        known = held[facet] | declared[facet]
        many = len(known) > NAMED_MOST
        refuse_unknown(
            facet, values, known, "See: iprwatch source list" if many else f"Known: {', '.join(sorted(known))}"
        )


def refuse_unknown(kind: str, values: Iterable[str], known: Iterable[str], remedy: str) -> None:
    """Raises NotFound for the first value that is not known; says which one may have been meant."""
    names = {name.casefold(): name for name in known}
    for value in values:
        if value in names.values():
            continue
        near = [names[n] for n in get_close_matches(value.casefold(), names, n=2)]
        raise NotFound(f"No {kind} is called {value}", (f"Did you mean {' or '.join(near)}? " if near else "") + remedy)


def find_themes() -> Mapping[str, str]:
    """Label by theme id, in the statement's order."""
    from pipelines.tag.themes import load_themes

    return {theme.id: theme.label for theme in load_themes().themes.values()}


def find_held(index: Index, facets: Iterable[str]) -> dict[str, set[str]]:
    """The values of these facets that the index holds."""
    from search.schema import Query

    answer = index.find(Query(mode="keyword", limit=1, facets=tuple(facets), highlight=False))
    return {facet: set(answer.facets.get(facet, ())) for facet in facets}


def find_declared() -> dict[str, set[str]]:
    """The values that declared sources may bring."""
    from spiders.source import load_sources

    sources = load_sources().values()
    return {
        "source": {s.id for s in sources},
        "economy": {s.economy for s in sources},
        "language": {language for s in sources for language in s.languages},
    }
