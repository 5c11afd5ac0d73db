"""The one protocol of every index, and this room's errors.

SearchError(fact)
├─ IndexMissing      there is no index yet; remedy: `iprwatch run` or `iprwatch reindex`
├─ IndexMismatch     schema version, vector length or model differ; remedy: `iprwatch reindex`
├─ IndexBusy         another process holds the writer lock for too long
├─ BadQuery          the question cannot be asked (bad cursor, unknown facet, limit out of range)
├─ ServerUnavailable the server does not answer or takes no writes now; what is owed is sent later
├─ ServerRefused     a person must act: key, certificate, version, privilege, block
└─ Rejected          the engine will never take these documents as they are; all others were written
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from search.schema import Answer, Count, Document, Filters, Period, Query


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


class ServerUnavailable(SearchError):
    """The server does not answer or takes no writes now."""


class ServerRefused(SearchError):
    """The server answers, but a person must act."""


class Rejected(SearchError):
    """Documents that the engine will never take as they are, with its reasons; all others were written."""

    def __init__(self, reasons: dict[str, str], held: dict[str, int]) -> None:
        super().__init__("; ".join(f"{id}: {reason}" for id, reason in list(reasons.items())[:3]))
        self.reasons, self.held = reasons, held


class Index(Protocol):
    """Keeps documents and answers questions; derived from the ledger, safe to delete."""

    name: str

    def upsert(self, documents: Iterable[Document]) -> dict[str, int]:
        """Write whole documents; an older row_version never replaces a newer one. Returns {id: row_version now held}."""

    def delete(self, ids: Iterable[str]) -> None:
        """Forget these articles; unknown ids are ignored."""

    def find(self, query: Query) -> Answer:
        """Answer a question. Raises BadQuery, IndexMissing, IndexMismatch."""

    def count_over_time(self, filters: Filters, by: Period, group: str = "theme") -> tuple[Count, ...]:
        """Articles and stories per period (UTC day of publication) and value of one of FACETS, oldest first; none where zero.

        A top theme counts what lies below it too. Raises BadQuery for an unknown period or group.
        """

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
