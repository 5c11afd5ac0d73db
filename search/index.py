"""The one protocol of every index, and this room's errors.

SearchError(fact)
├─ IndexMissing      there is no index yet; remedy: `iprwatch run` or `iprwatch reindex`
├─ IndexMismatch     schema version, vector length or model differ; remedy: `iprwatch reindex`
├─ IndexBusy         another process holds the writer lock for too long
└─ BadQuery          the question cannot be asked (bad cursor, unknown facet, limit out of range)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from search.schema import Answer, Document, Query


class SearchError(Exception):
    """Root of this room's errors; the message names the fact and the remedy."""


class IndexMissing(SearchError):
    """There is no index yet."""


class IndexMismatch(SearchError):
    """Schema version, vector length or model differ from the index's."""


class IndexBusy(SearchError):
    """Another process holds the writer lock for too long."""


class BadQuery(SearchError):
    """The question cannot be asked."""


class Index(Protocol):
    """Keeps documents and answers questions; derived from the ledger, safe to delete."""

    name: str

    def upsert(self, documents: Iterable[Document]) -> dict[str, int]:
        """Write whole documents; an older row_version never replaces a newer one. Returns {id: row_version now held}."""

    def delete(self, ids: Iterable[str]) -> None:
        """Forget these articles; unknown ids are ignored."""

    def find(self, query: Query) -> Answer:
        """Answer a question. Raises BadQuery, IndexMissing, IndexMismatch."""

    def get(self, id: str) -> Document | None:
        """One document as indexed, vectors included; None if unknown."""

    def scan(self) -> Iterator[tuple[str, int]]:
        """All (id, row_version), for consistency checks."""

    def count(self) -> int:
        """Number of articles."""

    def model(self) -> str:
        """Id of the model whose vectors the index holds; empty if none."""

    def close(self) -> None:
        """Release files and connections."""
