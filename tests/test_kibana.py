"""Kibana's objects and links without a Kibana: notation, references, marks, and what an address says when it is read back."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import prison
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.kibana.objects import MIGRATIONS, SavedObject, build_objects, find_differences, render_ndjson
from search.kibana.pills import (
    CANDIDATES,
    K,
    Names,
    build_pill,
    discover_link,
    discover_path,
    like_article,
    named_vector,
    question_id,
)
from search.kibana.rison import write_parameter, write_rison

NAMES = Names("iprwatch")
THEMES = {"T01": "IP and public health", "T01.1": "Access to “vaccines” (and more)", "T02": "It's future!"}
OBJECTS = build_objects(NAMES, THEMES, 0.4)
LINES = [json.loads(line) for line in render_ndjson(OBJECTS).splitlines()]

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back_by_another_program(value: Any) -> None:
    assert prison.loads(write_rison(value)) == value


@given(VALUES)
def test_in_an_address_too_and_nothing_cuts_it(value: Any) -> None:
    written = write_parameter(value)
    assert prison.loads(unquote(written)) == value
    assert not re.search(r"[\s\"<>&#)]", written)


@pytest.mark.parametrize("value", [0.4, -1.5, 1e-7])
def test_fractions_keep_their_value(value: float) -> None:
    assert float(prison.loads(write_rison({"x": value}))["x"]) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", {1, 2}])
def test_what_json_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        write_rison(value)


def read_link(link: str) -> dict[str, Any]:
    """The states in an address of Discover."""
    path, _, query = urlsplit(link).fragment.partition("?")
    assert path == "/"
    return {name: prison.loads(unquote(value)) for name, _, value in (part.partition("=") for part in query.split("&"))}


@given(TEXT, st.integers(1, 3000))
def test_a_link_says_what_was_meant(label: str, days: int) -> None:
    query = named_vector(NAMES, question_id("m", label), 0.4)
    link = discover_link(
        "https://kibana.example:5601/", "IP team", discover_path(NAMES, build_pill(NAMES, label, query), days)
    )
    assert link.startswith("https://kibana.example:5601/s/IP%20team/app/discover#/?_g=")
    states = read_link(link)
    assert states["_g"]["time"] == {"from": f"now-{days}d", "to": "now"}
    (pill,) = states["_a"]["filters"]
    assert (pill["meta"]["alias"], pill["query"]) == (label, query)
    assert states["_a"]["dataSource"] == {"dataViewId": "iprwatch-passages", "type": "dataView"}


def test_a_pill_names_its_vector_and_reaches_far() -> None:
    knn = named_vector(NAMES, "theme-t02", None)["knn"]
    assert knn["query_vector_builder"]["lookup"] == {"index": "iprwatch-vectors", "id": "theme-t02", "path": "vector"}
    assert "similarity" not in knn
    assert 1000 <= knn["k"] == K < knn["num_candidates"] == CANDIDATES <= 10_000
    assert len(discover_path(NAMES, build_pill(NAMES, "x" * 80, named_vector(NAMES, "y" * 40, 0.4)))) < 2000


def test_the_same_question_has_one_name_per_model() -> None:
    assert question_id("m", " genetic  resources ") == question_id("m", "genetic resources")
    assert question_id("m", "genetic resources") != question_id("n", "genetic resources")


def test_every_object_is_complete() -> None:
    keys = {(line["type"], line["id"]) for line in LINES}
    assert len(keys) == len(LINES) == 2 + len(THEMES) + 3
    for line in LINES:
        assert line["typeMigrationVersion"] == MIGRATIONS[line["type"]]
        assert line["coreMigrationVersion"]
        assert {(r["type"], r["id"]) for r in line["references"]} <= keys, "references resolve"
        names = [r["name"] for r in line["references"]]
        assert len(names) == len(set(names))
        named = set(re.findall(r'"indexRefName": "([^"]+)"', json.dumps(line).replace("\\", "")))
        if line["type"] == "dashboard":
            panels = json.loads(line["attributes"]["panelsJSON"])
            layers = [
                f"{p['panelIndex']}:indexpattern-datasource-layer-{layer}"
                for p in panels
                for layer in p["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
            ]
            named = set(layers)
        assert named == set(names), "each name that is used is a reference, and the reverse"


def find_json(value: Any) -> list[Any]:
    """Every JSON text within JSON, read."""
    if isinstance(value, dict):
        own = [json.loads(each) for key, each in value.items() if key.endswith(("JSON", "FormatMap"))]
        return own + [found for each in value.values() for found in find_json(each)]
    return [found for each in value for found in find_json(each)] if isinstance(value, list) else []


def test_json_within_json_is_json() -> None:
    assert len(find_json(LINES)) == 2 + len(THEMES) + 3 * 3


def test_panels_fill_the_grid_without_overlap_and_show_only_their_columns() -> None:
    for each in OBJECTS:
        if each.body is None:
            continue
        taken: set[tuple[int, int]] = set()
        for panel in each.body["panels"]:
            grid = panel["grid"]
            cells = {
                (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not cells & taken
            assert grid["x"] + grid["w"] <= 48
            taken |= cells
        both = (
            [p["id"] for p in each.body["panels"]],
            [p["panelIndex"] for p in json.loads(each.attributes["panelsJSON"])],
        )
        assert both[0] == both[1], "both notations show the same"


def test_an_items_id_leads_to_more_like_it() -> None:
    formats = json.loads(next(o for o in OBJECTS if o.id == NAMES.passages).attributes["fieldFormatMap"])
    template = formats["article"]["params"]["urlTemplate"]
    (pill,) = read_link(template.replace("{{value}}", "abc"))["_a"]["filters"]
    assert pill["query"] == like_article(NAMES, "abc", 0.4)


def exported(objects: tuple[SavedObject, ...]) -> list[dict[str, Any]]:
    return [{"type": o.type, "id": o.id, "attributes": {**o.attributes, "extra": 1}} for o in objects]


def test_what_differs_is_named_and_the_same_code_gives_the_same_objects() -> None:
    assert render_ndjson(build_objects(NAMES, THEMES, 0.4)) == render_ndjson(OBJECTS)
    found = exported(OBJECTS)
    assert find_differences(OBJECTS, found) == []
    assert find_differences(OBJECTS, found[1:]) == ["index-pattern iprwatch-articles is missing"]
    other = exported(build_objects(NAMES, THEMES, 0.5))
    said = find_differences(OBJECTS, other)
    assert [s.split()[1] for s in said] == ["iprwatch-passages", *(f"iprwatch-theme-{t.lower()}" for t in THEMES)]
    found[0]["attributes"]["name"] = "by hand"
    assert "not marked as ours" in find_differences(OBJECTS, found)[0]


def test_invented_and_real_items_have_objects_of_their_own() -> None:
    demo = build_objects(Names("iprwatch-demo"), THEMES, 0.4)
    assert not {o.key for o in demo} & {o.key for o in OBJECTS}
