"""What the benchmarks search and store: passages really encoded by the default model, and filler with stated noise around them.

The passages are those of the newsroom's items, of the labelled set and of the two seeds, then of the newsroom's generated variants
until there are enough; every vector is made once and kept under the cache folder, by model and texts. Filler texts are drawn from a
vocabulary with the skew of natural language (Zipf); a filler vector is a really encoded one plus noise of 0.5 times its length, made
unit length again: a cosine of about 0.9 to the passage it came from, as another passage of the same article has.
Run as `python -m benchmarks._corpus` it only encodes, so that the measuring process never holds the model.
"""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.schema import Document, IndexedPassage, IndexedTag

Matrix = NDArray[np.float32]

DIMS = 384
ENCODED = 2000
NOISE = 0.5
PASSAGES = 4  # of an article, about 50 words each: a usual notice
WORDS = 50
ROOT = Path(__file__).parent.parent
LABELLED = ROOT / "tests" / "fixtures" / "labelled.jsonl"
TOPIC_WORDS = """
    patent trademark design copyright office examination filing applicant treaty counterfeit enforcement artificial intelligence inventor standard
    essential licence court appeal fee consultation guideline traditional knowledge genetic resources innovation green technology small enterprise
    online platform seizure customs training cooperation statement grant opposition renewal register publication geographical indication
"""
LANGUAGES = ("en", "en", "en", "de", "fr", "es", "it", "pt", "ja")
"""Of the articles; a question is asked in the stems of each, though the words are English throughout."""


def real_articles() -> Iterator[tuple[str, str, str]]:
    """(title, text, language) of everything written by us that an encoder of English may meet; variants without end."""
    from iprwatch.newsroom.generate import build_variant
    from iprwatch.newsroom.load import load_shipped
    from iprwatch.seeds import load_seeds
    from pipelines.tag.measure import load_labelled

    for office in load_shipped().values():
        for raw in office.items:
            yield raw["title"], "\n\n".join(raw.get("body", ())), raw.get("language", office.source.languages[0])
    for item in load_labelled(LABELLED):
        yield item.title, item.text, item.language
    for seed in load_seeds():
        yield seed.title, seed.path.read_text("utf-8"), "en"
    for number in itertools.count():
        _, raw = build_variant(f"benchmark {number}")
        yield raw["title"], "\n\n".join(raw["body"]), "en"


def real_passages() -> list[str]:
    """The first `ENCODED` English passages, as they are encoded."""
    from pipelines.passages import split_passages

    found = (
        p.encoded(title)
        for title, text, lang in real_articles()
        if lang == "en"
        for p in split_passages(title, text, lang)
    )
    return list(dict.fromkeys(itertools.islice(found, 2 * ENCODED)))[:ENCODED]


def encoded_passages() -> Matrix:
    """Vectors of `real_passages`, shape (ENCODED, DIMS); made in a process of their own where they are not kept yet."""
    path = kept_path(real_passages())
    if not path.exists():
        subprocess.run([sys.executable, "-m", "benchmarks._corpus"], check=True, cwd=ROOT)
    return np.asarray(np.load(path), np.float32)


def kept_path(texts: list[str]) -> Path:
    """Where the vectors of these texts are kept."""
    from iprwatch.settings import load_settings

    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    return load_settings().cache / "benchmarks" / f"passages-{digest}.npy"


def unit(vectors: NDArray[np.float64]) -> Matrix:
    """Rows of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def near(base: Matrix, count: int, rng: np.random.Generator) -> Matrix:
    """`count` vectors, each a really encoded one with noise."""
    chosen = base[rng.integers(0, len(base), count)]
    return unit(chosen + NOISE * unit(rng.normal(size=chosen.shape)))


def spell(number: int) -> str:
    """A number as five letters: an invented word, since digits mean much to what groups articles."""
    return f"{number:05d}".translate(str.maketrans("0123456789", "bdfgklmnpt"))


class Vocabulary:
    """The topic words, then 30,000 invented ones, drawn with the skew of natural language."""

    def __init__(self) -> None:
        self.words = np.array([*TOPIC_WORDS.split(), *map(spell, range(30_000))])
        chances = np.cumsum(1 / (np.arange(len(self.words)) + 20.0))
        self._rising = chances / chances[-1]

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.str_]:
        """Words in this shape."""
        return self.words[np.searchsorted(self._rising, rng.random(shape))]


def filler(
    count: int, base: Matrix, rng: np.random.Generator, model: str, passages: int = PASSAGES
) -> Iterator[Document]:
    """Invented articles of `passages` passages; a third of them heads of stories of three."""
    vocabulary, start = Vocabulary(), datetime(2025, 1, 1, tzinfo=UTC)
    for i in range(count):
        texts = [" ".join(row) for row in vocabulary.draw((passages, WORDS), rng)]
        rows = enumerate(zip(texts, near(base, passages, rng), strict=True))
        at = start + timedelta(minutes=20 * i)
        yield Document(
            id=f"{i:064x}", row_version=1, source=f"office-{i % 30}", economy=("US", "JP", "EU", "GB", "DE")[i % 5],
            language=LANGUAGES[i % len(LANGUAGES)], url=f"https://office.example/{i}",
            title=f"{' '.join(vocabulary.draw((8,), rng))} PR/2026/{i}", text=" ".join(texts), author="", published=at,
            first_seen=at, story=f"{i - i % 3:064x}", head=i % 3 == 0, verdict="themed",
            tags=(IndexedTag(f"T{i % 15:02d}.1", 0.7, "", ""),), model=model,
            passages=tuple(IndexedPassage(n, 0, len(text), text, vector) for n, (text, vector) in rows),
        )  # fmt: skip


def main() -> None:
    """Encode and keep."""
    from iprwatch.settings import load_settings
    from pipelines.embed import load_encoder

    texts = real_passages()
    path = kept_path(texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    vectors = load_encoder(cache=load_settings().cache).encode(texts)
    part = path.with_suffix(".part.npy")
    np.save(part, vectors)
    part.replace(path)


if __name__ == "__main__":
    main()
