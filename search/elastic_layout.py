"""Generations of the Elasticsearch indices: make one, put the aliases on it in one step, drop the others.

`iprwatch-passages` is an alias; the index behind it is `iprwatch-passages-v<layout>-<generation>`. Readers and writers only ever name the alias, so a
new generation is filled beside the old one and takes its place at once. Raises what search.client raises.
"""

from __future__ import annotations

import contextlib

from search import elastic_rows as rows
from search.client import BadRequestError, Elasticsearch, translated
from search.schema import SCHEMA_VERSION

ARTICLES, PASSAGES, VECTORS = "articles", "passages", "vectors"
KINDS = (ARTICLES, PASSAGES, VECTORS)


def alias(prefix: str, kind: str) -> str:
    """The name that readers and writers use."""
    return f"{prefix}-{kind}"


def concrete(prefix: str, kind: str, generation: int) -> str:
    """The name of one generation of an index."""
    return f"{alias(prefix, kind)}-v{SCHEMA_VERSION}-{generation:06d}"


def find_analysers(client: Elasticsearch) -> list[str]:
    """Which native analysers the cluster has: asked, never assumed."""
    found = []
    for name in sorted(set(rows.NATIVE.values())):
        with translated(client), contextlib.suppress(BadRequestError):
            client.indices.analyze(analyzer=name, text="x")
            found.append(name)
    return found


def create_generation(
    client: Elasticsearch, prefix: str, generation: int, dims: int, *, live: bool, graph: str = "int8_hnsw"
) -> None:
    """Make the indices of a generation where they are missing; `live`: with the aliases on them; `graph`: one of rows.OVERSAMPLE."""
    found = find_analysers(client)
    bodies = {
        ARTICLES: rows.articles_body(found),
        PASSAGES: rows.passages_body(dims, found, graph),
        VECTORS: rows.vectors_body(dims),
    }
    for kind, body in bodies.items():
        aliases: dict[str, dict[str, str]] = {alias(prefix, kind): {}} if live else {}
        with translated(client):
            try:
                client.indices.create(index=concrete(prefix, kind, generation), aliases=aliases, **body)
            except BadRequestError as error:  # another process was first
                if "resource_already_exists" not in str(error.error):
                    raise


def find_generations(client: Elasticsearch, prefix: str) -> tuple[list[int], int]:
    """All generations there are, and the one that the alias of the passages is on (0: none)."""
    with translated(client):
        pattern = f"{alias(prefix, PASSAGES)}-v*"
        found = client.indices.get_alias(index=pattern, allow_no_indices=True, ignore_unavailable=True)
    numbers = {int(name.rpartition("-")[2]): alias(prefix, PASSAGES) in data["aliases"] for name, data in found.items()}
    return sorted(numbers), next((number for number, live in numbers.items() if live), 0)


def count_live(client: Elasticsearch, prefix: str) -> int:
    """How many articles the live generation holds, whatever its layout; 0 where there is none."""
    with translated(client):
        return int(client.count(index=alias(prefix, ARTICLES), ignore_unavailable=True)["count"])


def swap(client: Elasticsearch, prefix: str, generation: int) -> None:
    """Put all aliases on a generation, in one atomic step."""
    actions = [
        action
        for kind in KINDS
        for action in (
            {"remove": {"index": f"{alias(prefix, kind)}-v*", "alias": alias(prefix, kind), "must_exist": False}},
            {"add": {"index": concrete(prefix, kind, generation), "alias": alias(prefix, kind)}},
        )
    ]
    with translated(client):
        client.indices.update_aliases(actions=actions)


def drop(client: Elasticsearch, prefix: str, generation: int) -> None:
    """Delete a generation; one that is not there is no error."""
    names = [f"{alias(prefix, kind)}-v*-{generation:06d}" for kind in KINDS]
    with translated(client):
        found = client.indices.get(index=names, allow_no_indices=True, ignore_unavailable=True)
        for name in found:
            client.indices.delete(index=name)
