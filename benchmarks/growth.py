"""What one more item costs when the record is small and when it is large: `python -m benchmarks.growth [--large N]`.

Two data folders with real stores: a ledger and an index of 1,000 articles, and of 100,000. Filler fills them: each article has 200
words, one passage of 20 of them with its vector, 25 near-duplicate bands of its own, and one pair of names in its title, drawn from 5,000 invented names by Zipf's law;
two titles then share their names about as often as two of the newsroom's do (one pair in 1,000), so that a new item meets hardly anybody
in the small ledger and crowds in the large one. New pages (400 words, a title with two such names) go one by one through understanding
(extract, group, embed, tag, write) and indexing, in turn into both. The encoder hashes words: a model's milliseconds are
the same in both and would only flatter the ratio. Bar: the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks._corpus import DIMS, Vocabulary, spell, unit
from benchmarks._pages import build_page
from benchmarks._table import Row, median_row, report, timed
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.ledger.tables import articles, passages, vectors
from iprwatch.settings import load_settings
from iprwatch.understand import understand_batch
from pipelines.embed.dummy import HashEncoder
from pipelines.model import Page
from search.schema import Document, IndexedPassage

SMALL, LARGE = 1_000, 100_000
ROUNDS, WARM = 40, 4
BAR = 1.3
BANDS, NAMES = 25, 5_000
WORDS, SHOWN = 200, 20  # of a text, and of its one passage
CHUNK = 10_000  # articles at a time, so that filling stays small
Times = tuple[float, float, float]
START = datetime(2024, 1, 1, tzinfo=UTC)


class Invention:
    """Titles, texts and vectors of filler and of new pages, from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng, self._vocabulary = np.random.default_rng(seed), Vocabulary()
        self._rising = np.cumsum(1 / np.arange(1, NAMES + 1))
        self._rising /= self._rising[-1]

    def title(self) -> tuple[str, tuple[str, str]]:
        """Six words around two names, and the names in order."""
        one, two = (f"n{spell(place)}" for place in np.searchsorted(self._rising, self.rng.random(2)).tolist())
        words = self._vocabulary.draw((6,), self.rng).tolist()
        return " ".join([*words[:2], one.capitalize(), *words[2:4], two.capitalize(), *words[4:]]), (
            min(one, two),
            max(one, two),
        )

    def keys(self, names: tuple[str, str]) -> list[str]:
        """Bands that nobody shares, and the pair of names."""
        bands = [f"b:{n}:{word:016x}" for n, word in enumerate(self.rng.integers(0, 2**63, BANDS).tolist())]
        return [*bands, f"n:{names[0]}|{names[1]}"]

    def document(self, number: int, model: str) -> tuple[Document, list[str]]:
        """One filler article as the index holds it, and its keys."""
        title, names = self.title()
        words, at = self._vocabulary.draw((WORDS,), self.rng).tolist(), START + timedelta(minutes=10 * number)
        shown, text = " ".join(words[:SHOWN]), " ".join(words)
        passage = IndexedPassage(0, 0, len(shown), shown, unit(self.rng.normal(size=DIMS)))
        name = f"{number:064x}"
        made = Document(
            id=name, row_version=1, source=f"office-{number % 30}", economy="INT", language="en", url=f"https://office.example/{number}",
            title=title, text=text, author="", published=at, first_seen=at, story=name, head=True, verdict="outside", tags=(),
            passages=(passage,), model=model,
        )  # fmt: skip
        return made, self.keys(names)


def fill(context: Context, count: int, invention: Invention) -> None:
    """`count` filler articles in the ledger and in the index."""
    model = context.encoder.model_id
    made = (invention.document(number, model) for number in range(count))
    while part := list(itertools.islice(made, CHUNK)):
        documents = [document for document, _ in part]
        with context.ledger.write() as connection:
            for table, rows in (
                (articles, map(article_row, documents)),
                (passages, map(passage_row, documents)),
                (vectors, map(vector_row, documents)),
            ):
                connection.execute(sa.insert(table), list(rows))
            keys = sorted((key, document.id) for document, keys in part for key in keys)  # sorted: a tree likes it so
            connection.exec_driver_sql("INSERT INTO article_keys (key, article) VALUES (?, ?)", keys)
            urls = [(document.url, document.id) for document in documents]
            connection.exec_driver_sql("INSERT INTO article_urls (url, article) VALUES (?, ?)", urls)
        context.index.upsert(documents)


def article_row(document: Document) -> dict[str, Any]:
    """The ledger's row of a filler article."""
    same = ("id", "source", "url", "title", "text", "published", "language", "first_seen", "story", "verdict")
    return {
        **{name: getattr(document, name) for name in same}, "key": document.url, "published_precision": "day",
        "published_origin": "meta", "content_hash": f"v1:{document.id}", "last_changed": document.first_seen,
        "signature": bytes(512),
    }  # fmt: skip


def passage_row(document: Document) -> dict[str, Any]:
    """The ledger's row of its passage; its text hash is its id."""
    return {"article": document.id, "n": 0, "start": 0, "end": document.passages[0].end, "text_hash": document.id}


def vector_row(document: Document) -> dict[str, Any]:
    """The ledger's row of its vector."""
    vector = document.passages[0].vector
    assert vector is not None
    return {"text_hash": document.id, "model": document.model, "runtime": "numpy", "vector": vector.tobytes()}


def open_filled(home: Path, count: int) -> Context:
    """A data folder of `count` articles, its encoder hashing words."""
    context = Context(load_settings(home=home, space="demo").prepared())
    context.encoder = HashEncoder(DIMS)
    fill(context, count, Invention(count))
    context.tagger.prepare()
    return context


def add(context: Context, page: Page) -> Times:
    """Seconds to understand one page and to index it; and of the processor for both."""
    start = time.process_time()
    understood, counts = timed(lambda: understand_batch(context, [page]))
    indexed, done = timed(lambda: index_queued(context))
    if counts.new != 1 or not done:
        raise RuntimeError(f"{page.url} was not taken as new: {counts}")
    return understood, indexed, time.process_time() - start


def measure(contexts: dict[str, Context]) -> dict[str, list[Times]]:
    """Seconds per size and round; who goes first changes every round."""
    invention, pages = Invention(1), itertools.count()
    seconds: dict[str, list[Times]] = {name: [] for name in contexts}
    for turn in range(WARM + ROUNDS):
        number = next(pages)
        page = build_page(f"new {number}", invention.title()[0])
        for name in sorted(contexts, reverse=bool(turn % 2)):
            seconds[name].append(add(contexts[name], page))
    return {name: values[WARM:] for name, values in seconds.items()}


def rows_of(seconds: dict[str, list[Times]]) -> Iterator[Row]:
    """The table: each step at each size, and the ratio of the wholes."""
    for step, place in (("understand", 0), ("index", 1)):
        for name, values in seconds.items():
            yield median_row(f"{step}, {name} ledger", [1000 * value[place] for value in values], "ms", digits=1)
    pairs = list(zip(seconds["large"], seconds["small"], strict=True))
    ratios = [sum(large[:2]) / sum(small[:2]) for large, small in pairs]
    yield median_row("a new item, large against small", ratios, "×", BAR)
    yield median_row("of the processor, large against small", [large[2] / small[2] for large, small in pairs], "×")
    totals = [sum(times[2] for times in values) for values in zip(*pairs, strict=True)]
    yield Row("of the processor, all rounds together", f"{totals[0] / totals[1]:.2f} ×")


def main() -> int:
    """Fill, measure, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--large", type=int, default=LARGE)
    large = options.parse_args().large
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"small": SMALL, "large": large}
        spent, contexts = timed(lambda: {n: open_filled(Path(folder, n), size) for n, size in sizes.items()})
        rows = [Row("filling", f"{spent:.0f} s"), *rows_of(measure(contexts))]
        for context in contexts.values():
            context.close()
    return report(f"ledgers of {SMALL:,} and {large:,} articles, {ROUNDS} rounds", rows)


if __name__ == "__main__":
    sys.exit(main())
