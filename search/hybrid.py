"""Several rankings → one, by reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009). Pure; the same for every engine."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

K = 60
"""The paper's constant: how little the very first ranks count more than the next."""

WINDOW = 50
"""Articles of each ranking that are fused. A rank beyond it says little; keyword matches beyond it follow in their own order."""

Id = TypeVar("Id", bound=Hashable)


def fuse(rankings: Sequence[Sequence[Id]], k: int = K) -> list[tuple[Id, float]]:
    """(id, Σ 1 / (k + rank)) best first, ranks from 1. Ties keep the order of first appearance, so the result is deterministic."""
    scores: dict[Id, float] = {}
    for ranking in rankings:
        for rank, found in enumerate(ranking, 1):
            scores[found] = scores.get(found, 0.0) + 1 / (k + rank)
    return sorted(scores.items(), key=lambda item: -item[1])
