"""Sentence bank → items, scenes and whole offices, for ever: what comes when the written ones are used up, and load for tests.

The same seed gives the same bytes. The items read plainly and bear on the themes; they are not meant to be beautiful.
A generated office is an RSS feed with the whole text in its items on a host `office-001.example`, made from `generated/`.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import yaml

from iprwatch.newsroom.load import HERE, load_data

AGES = 420  # days: fourteen months, as the written offices have
PLAN = HERE / "generated"  # of an office: OFFICE is its name, SIZE the number of its ITEMS
ITEMS_A_SCENE = 6  # as many as the first written scene brings


def build_variant(seed: str) -> tuple[str, dict[str, Any]]:
    """The source and the raw item that belong to a seed."""
    random, bank = Random(seed), load_data("bank")  # noqa: S311 - invented news need no secrecy

    def fill(text: str) -> str:
        return text.format(**{slot: random.choice(words) for slot, words in bank["words"].items()})

    theme = random.choice(bank["themes"])
    title = fill(random.choice(theme["titles"]))
    sentences = [fill(text) for text in random.sample(theme["sentences"], 4)]
    closing = fill(random.choice(bank["closings"]))
    source, extra = random.choice(list(bank["sources"].items()))
    words = "".join(letter if letter.isalnum() else " " for letter in title.lower()).split()
    item = {"slug": "-".join([*words[:8], f"{random.randrange(10**6):06d}"]), "title": title, "language": "en"}
    body = [" ".join(sentences[:2]), " ".join(sentences[2:]), closing]
    return source, {**item, "summary": sentences[0], "body": body, "extra": extra}


def build_scene(number: int) -> dict[str, Any]:
    """A scene beyond the written ones: six items at different times of the same bank."""
    items: dict[str, list[dict[str, Any]]] = {}
    for place in range(ITEMS_A_SCENE):
        source, raw = build_variant(f"scene {number} item {place}")
        items.setdefault(source, []).append(raw)
    return {"title": f"Scene {number}: generated variants", "items": items}


def build_items(seed: str, count: int) -> list[dict[str, Any]]:
    """The raw items of one generated office, of any age."""
    random = Random(seed)  # noqa: S311 - as above
    raws = [build_variant(f"{seed} {number}")[1] for number in range(count)]
    aged = [{"slug": f"{raw['slug']}-{n}", "days": round(random.uniform(0.2, AGES), 2)} for n, raw in enumerate(raws)]
    return [{**raw, **age} for raw, age in zip(raws, aged, strict=True)]


def write_offices(folder: Path, offices: int, items: int, seed: int) -> list[str]:
    """Write `offices` offices of `items` items into `folder`/sources and /offices. Gives their source ids."""
    names = [f"office-{number:03d}" for number in range(1, offices + 1)]
    for name in names:
        rows = yaml.safe_dump(build_items(f"{seed} {name}", items), sort_keys=False, allow_unicode=True)
        for model in PLAN.rglob("*.*"):
            path = folder / str(model.relative_to(PLAN)).replace("OFFICE", name)
            text = model.read_text("utf-8").replace("OFFICE", name).replace("SIZE", str(items)).replace("ITEMS\n", rows)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return names
