"""Other models by sentence-transformers: prompts, languages, ids; and what is refused, since it is not pinned or not safe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.embed import folders, load_encoder, parity
from pipelines.embed.reference import SentenceTransformersEncoder
from pipelines.embed.weights import MODEL_ID
from pipelines.errors import ModelError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "patent", "fees", "rise", "office", "query", "passage", ":"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers, saved as sentence-transformers saves it, without prompts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    root = tmp_path_factory.mktemp("tiny")
    (root / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    BertModel(BertConfig(vocab_size=len(WORDS), **shape)).save_pretrained(root / "bert")
    BertTokenizer(vocab=str(root / "vocab.txt"), model_max_length=64).save_pretrained(root / "bert")
    module = Transformer(str(root / "bert"), max_seq_length=64)
    SentenceTransformer(modules=[module, Pooling(16)], device="cpu").save_pretrained(str(root / "tiny-bert"))
    return root / "tiny-bert"


def copy_with(folder: Path, target: Path, **prompts: str) -> Path:
    shutil.copytree(folder, target)
    settings = target / "config_sentence_transformers.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "prompts": prompts}))
    return target


def test_any_local_model_encodes_with_its_prompts(tiny: Path, tmp_path: Path) -> None:
    plain = load_encoder(str(tiny))
    prompted = load_encoder(str(copy_with(tiny, tmp_path / "e", query="query : ", document="passage : ")))
    assert (plain.dims, plain.max_tokens, plain.languages) == (16, 64, None)
    np.testing.assert_allclose(
        prompted.encode(["fees rise"], "query"), plain.encode(["query : fees rise"], "query"), atol=1e-6
    )
    np.testing.assert_allclose(prompted.encode(["fees rise"]), plain.encode(["passage : fees rise"]), atol=1e-6)
    assert plain.encode([]).shape == (0, 16)


def test_prompts_of_a_known_model_serve_where_its_files_have_none(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "multilingual-e5-small")
    known, plain = load_encoder(str(folder)), load_encoder(str(tiny))
    np.testing.assert_allclose(known.encode(["fees"], "query"), plain.encode(["query: fees"], "query"), atol=1e-6)
    assert known.can_encode("ja")
    assert known.can_encode("zh-Hant")
    assert not known.can_encode("und")


def test_an_id_follows_the_content_of_a_folder(tiny: Path, tmp_path: Path) -> None:
    same = folders.find_model(str(shutil.copytree(tiny, tmp_path / "a" / "tiny-bert")))
    other = folders.find_model(str(copy_with(tiny, tmp_path / "b" / "tiny-bert", query="query : ")))
    assert same.model_id == folders.find_model(str(tiny)).model_id
    assert same.model_id.startswith("tiny-bert@")
    assert other.model_id != same.model_id


def test_languages_may_be_set(tiny: Path) -> None:
    encoder = SentenceTransformersEncoder(str(tiny), languages=["fr"])
    assert encoder.can_encode("fr-CA")
    assert not encoder.can_encode("en")


def test_bf16_is_close_and_has_an_id_of_its_own() -> None:
    reference = parity.load_reference()
    encoder = load_encoder(bf16=True)
    assert encoder.model_id == f"{MODEL_ID}+bf16"
    assert not encoder.can_encode("de")
    assert parity.least_cosine(encoder.encode(reference.texts), reference.vectors) >= 0.999


@pytest.mark.parametrize(
    ("name", "revision", "fact"),
    [
        ("acme/tiny", "", "no revision is given; give the commit"),
        ("acme/tiny", "main", "'main' can move; give the commit"),
        ("./no/such/folder", "", "there is no such folder"),
        ("", "", "no weights as safetensors|no such folder"),
    ],
)
def test_a_model_that_is_not_pinned_is_refused(
    name: str, revision: str, fact: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=fact):
        load_encoder(name, revision=revision)


def test_pickled_weights_and_foreign_code_are_refused(tiny: Path, tmp_path: Path) -> None:
    pickled = shutil.copytree(tiny, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no weights as safetensors"):
        load_encoder(str(pickled))
    dense = shutil.copytree(tiny, tmp_path / "dense")
    (dense / "2_Dense").mkdir()
    (dense / "2_Dense" / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match="as a pickle can run code"):
        load_encoder(str(dense))
    foreign = shutil.copytree(tiny, tmp_path / "foreign")
    (foreign / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "their.Module"}]')
    with pytest.raises(ModelError, match=r"their\.Module is code from elsewhere"):
        load_encoder(str(foreign))
    broken = shutil.copytree(tiny, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ModelError, match="cannot load it"):
        load_encoder(str(broken))


def test_a_commit_in_the_hub_cache_needs_no_network(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    shutil.copytree(tiny, tmp_path / "models--acme--tiny" / "snapshots" / COMMIT)
    encoder = load_encoder("acme/tiny", revision=COMMIT)
    assert encoder.model_id == "acme/tiny@0123456789ab"
    assert encoder.encode(["fees"]).shape == (1, 16)


def test_the_hub_is_asked_for_safe_files_of_one_commit(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked: list[dict[str, Any]] = []

    def snapshot(name: str, **wanted: Any) -> str:
        asked.append({"name": name, **wanted})
        if wanted.get("local_files_only") or name == "acme/gone":
            raise LocalEntryNotFoundError("not here")
        return str(tiny)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert folders.find_model("acme/tiny", COMMIT).folder == tiny
    assert asked[-1]["revision"] == COMMIT
    assert not any(pattern.endswith((".bin", ".py", ".pt")) for pattern in asked[-1]["allow_patterns"])
    with pytest.raises(ModelError, match="acme/gone@0123456789ab cannot be fetched"):
        folders.find_model("acme/gone", COMMIT)
