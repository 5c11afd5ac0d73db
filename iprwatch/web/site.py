"""What the pages read: index, ledger, encoder, themes, declared sources. All opened read-only, when first used.

Does not write, fetch or encode items. A question waits a moment for the model, then is answered by words only, and says so.
Raises IndexMissing, IndexMismatch, IndexBusy, StoreError, SourceError.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from iprwatch.clock import Clock
from iprwatch.context import Context
from iprwatch.engines import open_index
from iprwatch.errors import StoreError
from iprwatch.ledger.store import Ledger
from iprwatch.settings import Settings
from iprwatch.web.names import OWN_SOURCES
from pipelines.embed.weights import MODEL_ID
from pipelines.errors import ModelError
from pipelines.tag.themes import Themes, load_themes
from search.index import Index
from search.schema import Answer, Document, Query, Vector

if TYPE_CHECKING:
    from pipelines.embed import Encoder

HANDLES = 2  # an index handle answers one question at a time; more than the usual two cores would only hold memory
PATIENCE = 1.2  # seconds a question waits for the model: opening takes 0.5 s, the first answer is promised within 2 s
QUESTION_THREADS = (
    1  # of the encoder: a question is a dozen word pieces, and more threads would only wait for each other
)
REMEMBERED = 512  # vectors of questions kept, 1.5 KB each: paging and facets ask the same question again
NEAR = 0.35
"""Least cosine at which an item counts as found by meaning, for the default model only. Of twelve questions over 108 labelled English items
it keeps 57 % of what bears on the question, and 31 % of what it keeps does (`benchmarks/watches.py`); at 0.4 it is 43 and 51 %. A watch
takes 0.4, since an alert disturbs and a list is read; its search says so in its address (`near`)."""


class ReadContext(Context):
    """A context whose ledger refuses to be written."""

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, read only. Raises StoreError where there is none yet, or of another version."""
        return open_read_only(self.settings.database_url)


class Site:
    """One process's read-only view of a data space. Close it at the end."""

    def __init__(
        self, settings: Settings, clock: Clock | None = None, load: Callable[[], Encoder] | None = None
    ) -> None:
        threads = settings.threads or QUESTION_THREADS
        self.context = ReadContext(settings.model_copy(update={"threads": threads}), clock)
        self._load = load or (lambda: self.context.encoder)
        self._encoder: Encoder | None = None
        self._trouble = "the model is being made ready"
        self._warm = threading.Event()
        self._handles: queue.LifoQueue[Index | None] = queue.LifoQueue()
        for _ in range(HANDLES):
            self._handles.put(None)
        self._vector = lru_cache(REMEMBERED)(self._encode)
        self._opening = threading.Lock()

    @cached_property
    def themes(self) -> Themes:
        """The shipped taxonomy."""
        return load_themes()

    def warm(self) -> None:
        """Open the model in the background, so that the first question need not wait for it."""
        threading.Thread(target=self._open_encoder, name="encoder", daemon=True).start()

    def ask(self, query: Query) -> Answer:
        """Answer a question, with its vector where mode and model allow."""
        trouble = ""
        if query.text.strip() and query.mode != "keyword" and query.vector is None:
            vector, trouble = self.vector(query.text)
            near = self.near if query.min_cosine is None else query.min_cosine
            query = replace(query, vector=vector, mode="keyword" if vector is None else query.mode, min_cosine=near)
        with self.index() as index:
            answer = index.find(query)
        return replace(answer, note=f"by words only: {trouble}") if trouble else answer

    def vector(self, text: str) -> tuple[Vector | None, str]:
        """A question's vector, or None and why there is none."""
        if not self._warm.wait(PATIENCE) or self._encoder is None:
            return None, self._trouble
        held = self._model()
        if held and held != self._encoder.model_id:
            return None, f"the index holds vectors of {held}; remake it: iprwatch reindex"
        return self._vector(text), ""

    @property
    def near(self) -> float | None:
        """Least cosine at which meaning counts; None for a model whose cosines we have not measured: the nearest then."""
        return NEAR if self._encoder is not None and self._encoder.model_id == MODEL_ID else None

    def theme_label(self, id: str) -> str:
        """What a theme is called; its id where nobody knows it."""
        return self.themes.themes[id].label if id in self.themes.themes else id

    def source_title(self, id: str) -> str:
        """What a source is called; its id where nobody knows it."""
        return self.context.sources[id].title if id in self.context.sources else OWN_SOURCES.get(id, id)

    def get(self, id: str) -> Document | None:
        """One document as indexed; None if unknown."""
        with self.index() as index:
            return index.get(id)

    def count(self) -> int:
        """Number of articles in the index."""
        with self.index() as index:
            return index.count()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read transaction on the ledger, which refuses to write."""
        with self._opening:
            ledger = self.context.ledger
        with ledger.read() as connection:
            yield connection

    def close(self) -> None:
        """Release the handles that are not in use."""
        with contextlib.suppress(queue.Empty):
            while True:
                if index := self._handles.get_nowait():
                    index.close()
        self.context.close()

    @contextlib.contextmanager
    def index(self) -> Iterator[Index]:
        """A handle on the index, lent to one thread. Raises IndexMissing, IndexMismatch."""
        index = self._handles.get()
        try:
            index = index or open_index(self.context.settings, read_only=True)
            yield index
        finally:
            self._handles.put(index)

    def _model(self) -> str:
        with self.index() as index:
            return index.model()

    def _encode(self, text: str) -> Vector:
        assert self._encoder is not None
        (vector,) = self._encoder.encode([text], "query")
        return np.asarray(vector)

    def _open_encoder(self) -> None:
        try:
            encoder = self._load()
            encoder.encode(["ready"], "query")
            self._encoder = encoder
        except ModelError as error:
            self._trouble = str(error)
        finally:
            self._warm.set()


def open_read_only(url: str) -> Ledger:
    """The ledger, refusing every write. Raises StoreError where there is none yet, or of another version."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        raise StoreError(f"There is no record in {parsed.database}", "Make one: iprwatch run")
    ledger = Ledger(url)
    sa.event.listen(ledger.engine, "connect", _refuse_writes)
    ledger.check()
    return ledger


def _refuse_writes(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    lite = type(connection).__module__.startswith("sqlite3")
    cursor.execute("PRAGMA query_only=ON" if lite else "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    cursor.close()
