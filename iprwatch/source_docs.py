"""Sources → docs/sources.md: one table per tier. Writes no file; `python -m iprwatch.source_docs > docs/sources.md` does.

Raises SourceError for a declaration that is none, as a program only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby

from spiders.source import SECONDS, Source, load_sources

HEAD = """# Sources

Generated from `spiders/sources/<tier>/<id>.yaml` by `iprwatch/source_docs.py`; a test holds it equal. What each key means: [fields.md](fields.md). How to add one: [CONTRIBUTING](../CONTRIBUTING.md).

Evidence: `confirmed` was seen to answer, `likely` follows from documents or other code, `unverified` is a guess. {count} sources are declared, {enabled} of them enabled.
"""
COLUMNS = ("id", "title", "organisation", "economy", "languages", "kind", "every", "evidence", "enabled", "licence")


def render_sources(sources: Iterable[Source]) -> str:
    """The page as Markdown, tiers and ids in order."""
    ordered = sorted(sources, key=lambda source: (source.tier, source.id))
    head = HEAD.format(count=len(ordered), enabled=sum(source.enabled for source in ordered))
    return "\n".join([head, *(_tier(name, list(own)) for name, own in groupby(ordered, lambda source: source.tier))])


def _tier(name: str, sources: list[Source]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS), *map(_row, sources)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"## {name}", "", *lines, ""])


def _row(source: Source) -> tuple[str, ...]:
    enabled = "yes" if source.enabled else f"no: {source.disabled_reason}"
    cells = (
        f"[`{source.id}`]({source.homepage})", source.title, source.organisation, source.economy, ", ".join(source.languages),
        source.kind, render_duration(source.every), source.evidence, enabled, source.licence,
    )  # fmt: skip
    return tuple(cell.replace("|", r"\|") for cell in cells)


def render_duration(duration: timedelta) -> str:
    """As a declaration writes it: `30m`, `6h`, `7d`, in the largest unit up to days that divides it."""
    seconds = int(duration.total_seconds())
    unit = next(name for name in "dhms" if seconds % SECONDS[name] == 0)
    return f"{seconds // SECONDS[unit]}{unit}"


if __name__ == "__main__":
    sys.stdout.write(render_sources(load_sources().values()))
