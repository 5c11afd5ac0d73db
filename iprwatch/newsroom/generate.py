"""A number and a seed → that many invented offices, as declarations and office folders, for load tests.

Each is an RSS feed with the whole text in its items on a host `office-001.example`. The same seed writes the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import yaml

from iprwatch.newsroom.variants import build_variant

AGES = 420  # days: fourteen months, as the written offices have
FEED = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>{{ office.title }}</title><link>{{ office.homepage }}</link>
{%- for item in items %}
<item><title>{{ item.title }}</title><link>{{ item.url }}</link><guid>{{ item.url }}</guid>
<pubDate>{{ item.date|rfc822 }}</pubDate><description>{{ item.html|string|e }}</description></item>
{%- endfor %}
</channel></rss>
"""


def build_declaration(name: str) -> dict[str, Any]:
    """A source with a full-content feed."""
    return {
        "title": f"News of {name}",
        "organisation": f"Invented {name}",
        "homepage": f"https://{name}.example/",
        "economy": "INT",
        "languages": ["en"],
        "kind": "feed",
        "url": f"https://{name}.example/rss.xml",
        "every": "1h",
        "delay": "0s",
        "evidence": "confirmed",
        "item": [rf"^https://{name}\.example/news/[\w-]+$"],
        "article": {"follow": False},
    }


def build_office(items: int) -> dict[str, Any]:
    """Its routes: one feed that holds everything, and pages nobody needs to fetch."""
    feed = {"path": "/rss.xml", "template": "list.xml.j2", "type": "application/rss+xml; charset=utf-8", "size": items}
    page = {"path": "/news/{slug}", "each": "item", "template": "item.html.j2"}
    return {"routes": [feed, page]}


def write_offices(folder: Path, offices: int, items: int, seed: int) -> list[str]:
    """Write `offices` offices of `items` items into `folder`/sources and /offices. Gives their source ids."""
    names = [f"office-{number:03d}" for number in range(1, offices + 1)]
    declared = folder / "sources" / "generated"
    declared.mkdir(parents=True, exist_ok=True)
    for name in names:
        random = Random(f"{seed} {name}")  # noqa: S311 - invented news need no secrecy
        raws = [build_variant(f"{seed} {name} {number}")[1] for number in range(items)]
        rows = [
            {**raw, "slug": f"{raw['slug']}-{n}", "days": round(random.uniform(0.2, AGES), 2)}
            for n, raw in enumerate(raws)
        ]
        place = folder / "offices" / name
        place.mkdir(parents=True, exist_ok=True)
        (declared / f"{name}.yaml").write_text(yaml.safe_dump(build_declaration(name), sort_keys=False), "utf-8")
        (place / "office.yaml").write_text(yaml.safe_dump(build_office(items), sort_keys=False), "utf-8")
        (place / "items.yaml").write_text(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True), "utf-8")
        (place / "list.xml.j2").write_text(FEED, "utf-8")
        (place / "item.html.j2").write_text(
            "<!DOCTYPE html><title>{{ item.title }}</title><main><h1>{{ item.title }}</h1>{{ item.html }}</main>",
            "utf-8",
        )
    return names
