"""Labelled items + Tagger → Report: F1 at the top themes and at the leaves, the gate, and how sure the figures are.

Borderline themes count neither as right nor as wrong; nor does an unlabelled parent or child of a labelled theme at the leaves.
A theme in no item's `must` has no F1 and is left out of the mean. Does not tune. Raises ValueError for a line that is no item.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.model import Verdict
from pipelines.passages import split_passages
from pipelines.tag.tagger import Tagger
from pipelines.tag.themes import Themes

if TYPE_CHECKING:
    from pipelines.embed import Encoder

ROUNDS = 1000  # of the bootstrap: the ends of a 95 % interval move by less than 0.01 from run to run


@dataclass(frozen=True, slots=True)
class Labelled:
    """One item with its labels. `must` themes are right, `borderline` ones neither right nor wrong."""

    id: str
    title: str
    text: str
    language: str
    date: str  # ISO 8601
    source: str
    must: tuple[str, ...]
    borderline: tuple[str, ...]
    verdict: Verdict
    evidence: str  # the sentence that justifies the first label
    split: Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tagger said of one item: shown themes, verdict, and the best probability of any theme."""

    item: Labelled
    shown: tuple[str, ...]
    verdict: Verdict
    best: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Right, wrong and missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where nothing was right."""
        return 2 * self.right / total if (total := 2 * self.right + self.wrong + self.missed) else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Figures 0…1. `interval`: 95 % bootstrap of macro-F1. `untagged`: share of items without a theme that got no tag."""

    items: int
    macro_f1: float
    interval: tuple[float, float]
    micro_f1: float
    leaf_f1: float  # micro, at the most specific nodes
    per_theme: dict[str, Counts]
    verdicts: float  # share of right verdicts
    untagged: float
    auroc: float  # of the best probability: items with a theme against those without


def load_labelled(path: Path) -> list[Labelled]:
    """A JSON Lines file. Raises ValueError."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    try:
        return [Labelled(**{**row, "must": tuple(row["must"]), "borderline": tuple(row["borderline"])}) for row in rows]
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path}: a line is no labelled item: {error}") from error


def run_tagger(tagger: Tagger, items: Iterable[Labelled], encoder: Encoder | None) -> list[Outcome]:
    """The tagger on every item; by words only where there is no encoder for the item's language."""
    outcomes = []
    for item in items:
        passages = split_passages(item.title, item.text, item.language)
        can = encoder is not None and encoder.can_encode(item.language)
        vectors = encoder.encode([each.encoded(item.title) for each in passages]) if encoder and can else None
        tagging = tagger.tag(item.title, item.text, item.language, passages, vectors)
        best = max(tagger.rank(item.title, item.text, item.language, vectors).values(), default=0.0)
        shown = tuple(tag.theme for tag in tagging.tags)
        outcomes.append(Outcome(item, shown, tagging.verdict, best))
    return outcomes


def measure(tagger: Tagger, items: Iterable[Labelled], encoder: Encoder | None) -> Report:
    """Run and judge."""
    return report(tagger.themes, run_tagger(tagger, items, encoder))


def report(themes: Themes, outcomes: Sequence[Outcome]) -> Report:
    """Outcomes → figures."""
    per_theme = count_top(themes, outcomes)
    without = [each for each in outcomes if each.item.verdict != "themed"]
    sampler = random.Random(0)  # noqa: S311  (a bootstrap, the same at every run)
    rounds = sorted(
        macro(count_top(themes, sampler.choices(outcomes, k=len(outcomes)))) for _ in range(ROUNDS if outcomes else 0)
    )
    return Report(
        items=len(outcomes),
        macro_f1=macro(per_theme),
        interval=(rounds[int(0.025 * ROUNDS)], rounds[int(0.975 * ROUNDS)]) if rounds else (0.0, 0.0),
        micro_f1=_total(per_theme.values()).f1,
        leaf_f1=_total(count_leaves(themes, each) for each in outcomes).f1,
        per_theme=per_theme,
        verdicts=_share([each.verdict == each.item.verdict for each in outcomes]),
        untagged=_share([not each.shown for each in without]),
        auroc=auroc([(each.best, each.item.verdict == "themed") for each in outcomes]),
    )


def count_top(themes: Themes, outcomes: Iterable[Outcome]) -> dict[str, Counts]:
    """Per top theme, over all items."""
    tops = [theme for theme in themes.themes if not themes.themes[theme].parent]
    right, wrong, missed = (dict.fromkeys(tops, 0) for _ in range(3))
    for outcome in outcomes:
        must = {themes.top(theme) for theme in outcome.item.must}
        shown = {themes.top(theme) for theme in outcome.shown}
        shown -= {themes.top(theme) for theme in outcome.item.borderline} - must
        for theme in must | shown:
            bucket = right if theme in must & shown else missed if theme in must else wrong
            bucket[theme] += 1
    return {theme: Counts(right[theme], wrong[theme], missed[theme]) for theme in tops}


def count_leaves(themes: Themes, outcome: Outcome) -> Counts:
    """At the nodes as labelled: a parent or child of a labelled node is neither right nor wrong."""
    must, shown = set(outcome.item.must), set(outcome.shown)
    lenient = set(outcome.item.borderline) | {themes.themes[theme].parent for theme in must}
    lenient |= {child for theme in must for child in themes.children(theme)}
    return Counts(len(must & shown), len(shown - must - lenient), len(must - shown))


def macro(per_theme: dict[str, Counts]) -> float:
    """Mean F1 of the themes that some item must have."""
    scores = [each.f1 for each in per_theme.values() if each.right + each.missed]
    return sum(scores) / len(scores) if scores else 0.0


def auroc(scored: Sequence[tuple[float, bool]]) -> float:
    """The chance that an item with a theme scores above one without (Mann and Whitney 1947); 0.5 where one kind is missing."""
    themed = [score for score, is_themed in scored if is_themed]
    others = [score for score, is_themed in scored if not is_themed]
    wins = sum((a > b) + 0.5 * (a == b) for a in themed for b in others)
    return wins / (len(themed) * len(others)) if themed and others else 0.5


def _total(counts: Iterable[Counts]) -> Counts:
    every = list(counts)
    return Counts(
        sum(each.right for each in every), sum(each.wrong for each in every), sum(each.missed for each in every)
    )


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 1.0
