"""Everything a step needs, opened when first used: settings, clock, sources, ledger, landing, encoder, tagger, index."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from iprwatch.clock import Clock, SystemClock
from iprwatch.settings import Settings

if TYPE_CHECKING:
    from iprwatch.landing import Landing
    from iprwatch.ledger.store import Ledger
    from pipelines.embed import Encoder
    from pipelines.tag import Tagger
    from search.index import Index
    from spiders.source import Source


class Context:
    """One process's open parts. Close it, or use it in a `with`."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Every declared source by id. Raises SourceError."""
        from spiders.source import load_sources

        return load_sources(self.settings.sources)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, with its schema made where there is none. Raises StoreError."""
        from iprwatch.ledger.store import Ledger

        ledger = Ledger(self.settings.database_url)
        ledger.ensure()
        return ledger

    @cached_property
    def landing(self) -> Landing:
        """The landing. Raises StoreError."""
        from iprwatch.landing import Landing

        return Landing(self.settings.landing_url, self.settings.folder / "spool")

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of the settings. Raises ModelError."""
        from pipelines.embed import load_encoder

        settings = self.settings
        return load_encoder(
            settings.model, revision=settings.model_revision, cache=settings.cache, threads=settings.threads
        )

    @cached_property
    def tagger(self) -> Tagger:
        """The tagger over the shipped themes."""
        from pipelines.tag import Tagger, load_themes

        return Tagger(load_themes(), self.encoder)

    @cached_property
    def index(self) -> Index:
        """The index engine of the settings, open for writing."""
        from search.sqlite_index import SqliteIndex

        return SqliteIndex(self.settings.index_folder, dims=self.encoder.dims, model=self.encoder.model_id)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("index", "ledger"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
