"""Sentence bank → items, for ever: what is published once the written scenes and the reserve are used up.

The same number gives the same items. They read plainly and bear on the themes; they are not meant to be beautiful.
"""

from __future__ import annotations

from random import Random
from typing import Any

from iprwatch.newsroom.load import load_data

ITEMS_A_SCENE = 6  # as many as the first written scene brings


def fill(random: Random, text: str) -> str:
    """`text` with a word of the bank for every `{slot}`."""
    words = {slot: random.choice(choices) for slot, choices in load_data("bank")["words"].items()}
    return text.format(**words)


def build_variant(seed: str) -> tuple[str, dict[str, Any]]:
    """The source and the raw item that belong to a seed."""
    random, bank = Random(seed), load_data("bank")  # noqa: S311 - invented news need no secrecy
    theme = random.choice(bank["themes"])
    title = fill(random, random.choice(theme["titles"]))
    sentences = [fill(random, text) for text in random.sample(theme["sentences"], 4)]
    closing = fill(random, random.choice(bank["closings"]))
    source, extra = random.choice(list(bank["sources"].items()))
    words = "".join(letter if letter.isalnum() else " " for letter in title.lower()).split()
    slug = "-".join([*words[:8], f"{random.randrange(10**6):06d}"])
    body = [" ".join(sentences[:2]), " ".join(sentences[2:]), closing]
    return source, {
        "slug": slug,
        "title": title,
        "language": "en",
        "summary": sentences[0],
        "body": body,
        "extra": extra,
    }


def build_scene(number: int) -> dict[str, Any]:
    """A scene beyond the written ones: six items at different times of the same bank."""
    items: dict[str, list[dict[str, Any]]] = {}
    for place in range(ITEMS_A_SCENE):
        source, raw = build_variant(f"scene {number} item {place}")
        items.setdefault(source, []).append(raw)
    return {"title": f"Scene {number}: generated variants", "items": items}
