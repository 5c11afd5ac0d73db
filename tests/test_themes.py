"""The taxonomy file: what is shown as the statement's words stands in the statement; a file that contradicts itself is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ThemesError
from pipelines.tag.terms import Matcher, Term, fold
from pipelines.tag.themes import SHIPPED, load_themes, normalise_seed


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED.parent, tmp_path / "themes")
    return tmp_path / "themes" / SHIPPED.name


def change(path: Path, edit: Callable[[Any], object]) -> None:
    document = json.loads(path.read_text("utf-8"))
    edit(document)
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")


def test_shipped_file_has_ten_top_themes_and_every_anchor_in_its_seed() -> None:
    themes = load_themes()
    assert sum(not each.parent for each in themes.themes.values()) == 10
    assert len(themes.themes) == 33
    assert sum(len(each.anchors) for each in themes.themes.values()) == 50


def test_a_heading_theme_speaks_with_its_childrens_sentences() -> None:
    themes = load_themes()
    assert {anchor.theme for anchor in themes.statements("T01")} == set(themes.children("T01"))
    assert {anchor.theme for anchor in themes.statements("T04.1")} == {"T04.1"}
    assert themes.top("T03.5") == "T03"


@pytest.mark.parametrize(
    ("edit", "fact"),
    [
        (lambda d: d["themes"][1]["anchors"][0].update(start=0), "is not in seed"),
        (lambda d: d["themes"][1]["anchors"][0].update(text="We promise nothing."), "is not in seed"),
        (lambda d: d["themes"][1].update(parent="T99"), "unknown"),
        (lambda d: d["themes"][0].update(parent="T01.1"), "own descendant"),
        (lambda d: d["themes"][1].update(anchors=[]), "no anchor"),
        (lambda d: d["seeds"]["G7"].update(sha256="0"), "another sha256"),
        (lambda d: d["seeds"]["G7"].update(file="gone.txt"), "cannot be read"),
        (lambda d: d["themes"].append(d["themes"][0]), "twice"),
        (lambda d: d.pop("seeds"), "not a themes file"),
    ],
)
def test_a_false_file_is_refused_by_its_fact(copy: Path, edit: Callable[[Any], object], fact: str) -> None:
    change(copy, edit)
    with pytest.raises(ThemesError, match=fact):
        load_themes(copy)


def test_a_changed_seed_is_refused(copy: Path) -> None:
    seed = copy.parent / "seeds" / "apec-ipeg-2020.txt"
    seed.write_text(seed.read_text("utf-8") + "x", "utf-8")
    with pytest.raises(ThemesError, match="another sha256"):
        load_themes(copy)


def test_a_term_list_that_names_an_unknown_theme_is_refused(copy: Path) -> None:
    (copy.parent / "terms" / "en.yaml").write_text("T77: {strong: [x]}\n", "utf-8")
    with pytest.raises(ThemesError, match="T77"):
        load_themes(copy)


def test_another_taxonomy_needs_no_term_lists(copy: Path) -> None:
    shutil.rmtree(copy.parent / "terms")
    assert set(load_themes(copy).vocabulary.terms) == {"en"}


def test_terms_change_the_digest(copy: Path) -> None:
    before = load_themes(copy).digest
    with (copy.parent / "terms" / "fr.yaml").open("a", encoding="utf-8") as file:
        file.write("T06.1: {strong: [assistance technique]}\n")
    assert load_themes(copy).digest != before


def test_a_broken_hyphen_in_a_seed_is_joined() -> None:
    assert normalise_seed("fit-for-\npurpose  office\n") == "fit-for-purpose office "


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [
        ("patent", "Two patents were granted", True),
        ("patent", "patentability", False),
        ("patent*", "patentability", True),
        ("trade", "the trademark office", False),
        ("ISD", "words of wisdom", False),
        ("art", "a smart choice", False),
        ("e-commerce", "E‑Commerce rules", True),
        ("indicación geográfica", "Nueva INDICACION  GEOGRAFICA", True),
        ("geistige* Eigentum*", "Schutz geistigen Eigentums", True),
        ("geistige* Eigentum*", "geistige Armut", False),
        ("人工知能", "発明者は人工知能ではない", True),
        ("AI", "生成AIと特許", True),
        ("위조상품", "위조상품을 판매", True),
        ("التقليد", "مكافحة والتقليد", True),
        ("brevets+", "bando Brevets+ 2026", True),
    ],
)
def test_terms_match_as_words_of_their_script(term: str, text: str, expected: bool) -> None:
    assert bool(Matcher([Term(term, "T", "strong")]).find(fold(text))) is expected


def test_what_lies_in_a_not_phrase_does_not_count() -> None:
    matcher = Matcher([Term("trade", "T08", "weak"), Term("trade secret*", "T08", "not")])
    assert not matcher.find(fold("Trade secrets explained"))
    assert [found.start for found in matcher.find(fold("Trade secrets in trade deals"))] == [17]
