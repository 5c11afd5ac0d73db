"""Text → signature, band keys, similarity: which texts are nearly the same. Groups nothing (stories.py decides). Never fails.

MinHash (Broder 1997; datasketch) over shingles of five words, or of five characters where words are not parted by spaces;
candidates by locality-sensitive hashing, then the exact Jaccard index of the shingles.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any
from zlib import crc32

import numpy as np

from pipelines.months import MONTH_OF
from pipelines.normalise import folded

SHINGLE = 5  # words; shorter ones meet by chance, longer ones break with every edit
PERMUTATIONS = 128  # standard error of the estimate 1/√128 ≈ 0.09; the exact index decides
NEAR = 0.75  # Jaccard index from which two texts are one with edits
ROWS = 5  # per band: with 25 bands a pair at .75 is missed once in 900, one at .3 is looked at once in 17
BATCH = 4096  # shingles hashed at once: bounds the matrix at 4096 × 128 × 8 bytes = 4 MB
TEMPLATE = 0.95  # without their numbers so alike: the same form filled in anew

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


@lru_cache(maxsize=16)  # a new text is held against many old ones, one after another
def shingles(text: str) -> frozenset[str]:
    """The shingles of a text; a text shorter than one shingle is its own."""
    plain = folded(text)
    if len(_UNSPACED.findall(plain[:2000])) * 4 > len(plain[:2000]):
        signs: list[str] = ["".join(_WORD.findall(plain))]
        return frozenset(signs[0][i : i + SHINGLE] for i in range(max(1, len(signs[0]) - SHINGLE + 1)))
    words = _WORD.findall(plain)
    if len(words) <= SHINGLE:
        return frozenset((" ".join(words),))
    return frozenset(map(" ".join, zip(*(words[i:] for i in range(SHINGLE)), strict=False)))


def signature(text: str) -> bytes:
    """The MinHash of a text: PERMUTATIONS little-endian uint32 values, 512 bytes."""
    sketch, encoded = _blank().copy(), [shingle.encode("utf-8", "replace") for shingle in shingles(text)]
    for start in range(0, len(encoded), BATCH):
        sketch.update_batch(encoded[start : start + BATCH])
    return bytes(np.asarray(sketch.hashvalues, "<u4").tobytes())


def bands(signature: bytes) -> tuple[str, ...]:
    """Keys under which near-duplicates meet; two texts at NEAR share one almost surely."""
    width = ROWS * 4
    return tuple(
        f"{n}:{blake2b(signature[n * width : (n + 1) * width], digest_size=8).hexdigest()}"
        for n in range(PERMUTATIONS // ROWS)
    )


def estimate(a: bytes, b: bytes) -> float:
    """The Jaccard index two signatures suggest, 0…1."""
    if not a or len(a) != len(b):
        return 0.0
    return float(np.mean(np.frombuffer(a, "<u4") == np.frombuffer(b, "<u4")))


def similarity(a: str, b: str) -> float:
    """The exact Jaccard index of two texts' shingles, 0…1."""
    return _jaccard(shingles(a), shingles(b))


def is_near_duplicate(title_a: str, text_a: str, title_b: str, text_b: str) -> bool:
    """Whether two articles are one text with edits. Titles that name different numbers or months, and one form filled in twice, are not."""
    numbers_a, numbers_b = title_numbers(title_a), title_numbers(title_b)
    if numbers_a and numbers_b and numbers_a != numbers_b:
        return False
    if similarity(text_a, text_b) >= NEAR:
        return not is_template_pair(text_a, text_b)
    return False


def is_template_pair(a: str, b: str) -> bool:
    """Whether two texts say the same words with other numbers, as monthly statistics do."""
    if Counter(_NUMBER.findall(a)) == Counter(_NUMBER.findall(b)):
        return False
    return _jaccard(shingles(_without_numbers(a)), shingles(_without_numbers(b))) >= TEMPLATE


def title_numbers(title: str) -> frozenset[str]:
    """The numbers and month names of a title: what tells this issue of a series from the last."""
    plain = folded(title)
    months = (f"month {MONTH_OF[word]}" for word in _WORD.findall(plain) if word in MONTH_OF)
    return frozenset((*_NUMBER.findall(plain), *months))


def _without_numbers(text: str) -> str:
    """Digits out, and month names, which vary with them."""
    return " ".join(word for word in _WORD.findall(folded(_NUMBER.sub(" ", text))) if word not in MONTH_OF)


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


@cache
def _blank() -> Any:
    """An empty sketch. Seed and scheme are part of the stored format; CRC-32 spreads shingles well enough and is 10 times faster than SHA-1."""
    from datasketch import MinHash

    return MinHash(PERMUTATIONS, seed=1, hashfunc=crc32, scheme="affine32")
