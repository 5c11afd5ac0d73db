"""Hits → who moved, newest first, and in which words: groups by economy, and the sentence to quote. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iprwatch.web.marks import Span, best_sentence
from search.schema import Hit

Spans = tuple[Span, ...]

MOST = 200  # hits that are grouped: the best twenty pages; beyond, nearness says little
EACH = 3  # hits told of one economy; the rest is counted and linked


@dataclass(frozen=True, slots=True)
class Group:
    """One economy: its newest hits among the best, and how many articles matched in all."""

    economy: str
    hits: tuple[Hit, ...]  # newest first
    articles: int


def group_by_economy(hits: Sequence[Hit], counts: Mapping[str, int]) -> list[Group]:
    """Groups in order of their newest hit. `counts`: matching articles per economy, from the facet."""
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.economy, []).append(hit)
    groups = [
        Group(
            economy, tuple(sorted(each, key=lambda h: h.published, reverse=True)[:EACH]), counts.get(economy, len(each))
        )
        for economy, each in found.items()
    ]
    return sorted(groups, key=lambda g: g.hits[0].published, reverse=True)


def telling_sentence(hit: Hit) -> tuple[str, Spans]:
    """The words to quote, with highlights: the sentence the question's words stand in, else the tagged one, else the passage."""
    if hit.highlights:
        return best_sentence(hit.snippet, hit.highlights)
    tagged = next((t.item_sentence for t in hit.tags if t.item_sentence in hit.snippet), "")
    return tagged or hit.snippet, ()


def told(hit: Hit, theme: str = "") -> str:
    """What an item says on a theme (or on any), where nothing was asked: a tagged sentence that is not its title, else how it begins."""
    said = [t.item_sentence for t in hit.tags if t.theme.startswith(theme) and t.item_sentence not in hit.title]
    return next(iter(said), hit.snippet if hit.snippet not in hit.title else "")
