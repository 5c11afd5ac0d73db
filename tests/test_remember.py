"""What an encoder gave once is kept on disk, and what is kept is what it would give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from iprwatch.remember import Remembering
from pipelines.embed import TextKind, Vectors, load_encoder
from pipelines.embed.dummy import HashEncoder

TEXTS = ["Patent fees rise", "Trade marks for all"]


class Counting(HashEncoder):
    """Counts how often it is asked."""

    def __init__(self, model_id: str = "hash") -> None:
        super().__init__()
        self.model_id = model_id
        self.asked = 0

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        self.asked += 1
        return super().encode(texts, kind)


def test_the_same_texts_are_encoded_once(tmp_path: Path) -> None:
    counting = Counting()
    first = Remembering(counting, tmp_path / "kept").encode(TEXTS)
    again = Remembering(counting, tmp_path / "kept").encode(TEXTS)
    assert counting.asked == 1
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, load_encoder("hash").encode(TEXTS))


def test_other_texts_another_order_kind_or_model_are_not_taken_for_them(tmp_path: Path) -> None:
    counting, other = Counting(), Counting("other@1")
    remembering = Remembering(counting, tmp_path)
    for texts in (TEXTS, TEXTS[::-1], [*TEXTS, "more"], ["".join(TEXTS)]):
        remembering.encode(texts)
    remembering.encode(TEXTS, "query")
    Remembering(other, tmp_path).encode(TEXTS)
    assert (counting.asked, other.asked) == (5, 1)


@pytest.mark.parametrize("harm", [b"", b"\x93NUMPY", b"garbage"])
def test_a_broken_file_is_made_again(tmp_path: Path, harm: bytes) -> None:
    remembering = Remembering(Counting(), tmp_path)
    whole = remembering.encode(TEXTS)
    (path,) = tmp_path.iterdir()
    path.write_bytes(harm)
    np.testing.assert_array_equal(remembering.encode(TEXTS), whole)
    assert np.load(path).shape == whole.shape


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Remembering(Counting(), tmp_path / "file" / "kept").encode(TEXTS).shape[0] == 2
