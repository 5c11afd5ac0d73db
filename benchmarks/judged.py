"""How good the answers are, on both engines: `python -m benchmarks.judged`. Needs what the tests' node needs.

Questions and grades are ours: `tests/fixtures/judged`, whose README says how they were judged. The articles are those of `iprwatch run --demo`, the encoder is
the default one. nDCG@10 (Järvelin and Kekäläinen, 2002): gain 2^grade - 1, discount log2(1 + rank), against the best order of all judged articles.
`--all` prints every question.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, get_args

from benchmarks._corpus import ROOT
from benchmarks._table import Row, report
from search.schema import Mode, Query

if TYPE_CHECKING:
    from iprwatch.context import Context

QUESTIONS = ROOT / "tests" / "fixtures" / "judged" / "questions.jsonl"
DEPTH = 10
MODES: tuple[Mode, ...] = get_args(Mode)
ENGINES_APART = 0.02
IN_COMMON = 0.9  # BM25 is each engine's own: close ranks swap, and the tenth hit with the eleventh

Answers = dict[Mode, list[tuple[str, ...]]]
"""Titles of the first ten hits of every question, in file order."""

Scores = dict[Mode, list[float]]
"""nDCG@10 of every question."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A question and what it should find: title → 1 (touches it), 2 (partly about it), 3 (about it). Any other article: 0."""

    kind: str  # exact | paraphrase | language | name | theme | typo
    question: str
    grades: Mapping[str, int]


def load_judged() -> list[Judged]:
    """All questions."""
    return [Judged(**json.loads(line)) for line in QUESTIONS.read_text("utf-8").splitlines()]


def ndcg(grades: Mapping[str, int], found: Sequence[str]) -> float:
    """Of the first ten found, between 0 and 1."""
    best = sorted(grades.values(), reverse=True)[:DEPTH]
    return _gain(grades.get(title, 0) for title in found[:DEPTH]) / _gain(best)


def ask(context: Context, questions: Sequence[Judged]) -> Answers:
    """What the index of a context answers, in every mode."""
    vectors = context.encoder.encode([j.question for j in questions], "query")
    return {
        mode: [
            tuple(hit.title for hit in context.index.find(Query(j.question, mode, vector, limit=DEPTH)).hits)
            for j, vector in zip(questions, vectors, strict=True)
        ]
        for mode in MODES
    }


def score(questions: Sequence[Judged], answers: Answers) -> Scores:
    """nDCG@10 of each answer."""
    return {
        mode: [ndcg(j.grades, titles) for j, titles in zip(questions, found, strict=True)]
        for mode, found in answers.items()
    }


def overlap(one: Answers, other: Answers, mode: Mode) -> float:
    """Mean share of the first ten hits that two engines have in common; of the longer list where one is shorter."""
    pairs = [(set(a), set(b)) for a, b in zip(one[mode], other[mode], strict=True) if a or b]
    return mean(len(a & b) / max(len(a), len(b)) for a, b in pairs)


def run_demo(home: Path) -> None:
    """The demo, in a folder of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "iprwatch.cli.main", "run", "--demo", "--json"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "IPRWATCH_HOME": str(home)})


@contextmanager
def opened(home: Path, elasticsearch: str = "") -> Iterator[Context]:
    """A demo's context on the embedded index, or on a new one of this server, made from the ledger."""
    from iprwatch.context import Context
    from iprwatch.reindex import reindex
    from iprwatch.settings import load_settings

    settings = load_settings().model_copy(update={"home": home, "space": "demo"})
    if elasticsearch:
        settings = settings.model_copy(update={"index": "elasticsearch", "elasticsearch_url": elasticsearch})
    with Context(settings) as context:
        if elasticsearch:
            reindex(context)
        yield context


def main() -> int:
    """Make the articles, ask both engines, print."""
    from elasticsearch_node.elasticsearch_node import Node

    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--all", action="store_true")
    each, questions = options.parse_args().all, load_judged()
    with tempfile.TemporaryDirectory() as folder, Node() as node:
        home = Path(folder)
        run_demo(home)
        answers: dict[str, Answers] = {}
        for name, address in (("embedded", ""), ("Elasticsearch", node.url)):
            with opened(home, address) as context:
                answers[name] = ask(context, questions)
    engines = {name: score(questions, found) for name, found in answers.items()}
    if each:
        for number, judged in enumerate(questions):
            told = "  ".join(" ".join(f"{scores[mode][number]:.2f}" for mode in MODES) for scores in engines.values())
            print(f"{judged.kind:10} {judged.question:70} {told}")
    rows = [row for name, scores in engines.items() for row in compare_parts(name, scores, questions)]
    rows += [row for mode in MODES for row in compare_engines(list(answers.values()), list(engines.values()), mode)]
    return report(f"nDCG@10 of {len(questions)} judged questions: keyword, semantic, hybrid", rows)


def compare_engines(answers: Sequence[Answers], scores: Sequence[Scores], mode: Mode) -> Iterator[Row]:
    """How far two engines are apart in a mode."""
    apart, common = abs(mean(scores[0][mode]) - mean(scores[1][mode])), overlap(answers[0], answers[1], mode)
    yield Row(f"engines apart, {mode}", f"{apart:.4f}", bar=f"≤ {ENGINES_APART}", held=apart <= ENGINES_APART)
    yield Row(f"first ten in common, {mode}", f"{common:.3f}", bar=f"≥ {IN_COMMON}", held=common >= IN_COMMON)


def compare_parts(engine: str, scores: Scores, questions: Sequence[Judged]) -> Iterator[Row]:
    """One line for all questions and for each half, held against the parts; and one for each kind."""

    def means(chosen: Sequence[int]) -> list[float]:
        return [mean(scores[mode][n] for n in chosen) for mode in ("keyword", "semantic", "hybrid")]

    groups = {"all": range(len(questions)), "even": range(0, len(questions), 2), "odd": range(1, len(questions), 2)}
    for name, chosen in groups.items():
        keyword, semantic, hybrid = means(chosen)
        held = hybrid >= max(keyword, semantic)
        yield Row(f"{engine}, {name}", f"{keyword:.3f} {semantic:.3f} {hybrid:.3f}", bar="hybrid ≥ each", held=held)
    for kind in dict.fromkeys(j.kind for j in questions):
        keyword, semantic, hybrid = means([n for n, j in enumerate(questions) if j.kind == kind])
        yield Row(f"{engine}, {kind}", f"{keyword:.3f} {semantic:.3f} {hybrid:.3f}")


def _gain(grades: Iterable[int]) -> float:
    return float(sum((2**grade - 1) / math.log2(1 + rank) for rank, grade in enumerate(grades, 1)))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    sys.exit(main())
