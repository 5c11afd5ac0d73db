"""Everything a step needs, opened when first used: settings, clock, sources, ledger, landing, encoder, tagger, index."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from iprwatch.clock import Clock, SystemClock
from iprwatch.settings import Settings

if TYPE_CHECKING:
    from iprwatch.alerts.watches import Watches
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
        """Every declared source by id, in demo space the newsroom's generated ones too. Raises SourceError."""
        from spiders.source import load_sources

        own = self.settings.folder / "newsroom" / "sources"
        generated = (own,) if self.settings.current == "demo" and own.is_dir() else ()
        return load_sources((*self.settings.sources, *generated))

    @cached_property
    def offices(self) -> dict[str, tuple[Source, ...]]:
        """Host, without `www.` → the declared sources whose items stand there."""
        from pipelines.address import host_group

        found: dict[str, tuple[Source, ...]] = {}
        for source in self.sources.values():
            hosts = (f"https://{host}/" for host in source.canonical.hosts.values())
            for host in {host_group(u) for u in (source.url, source.homepage, *hosts)}:
                found[host] = (*found.get(host, ()), source)
        return found

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, with its schema made where there is none. Raises StoreError, InputError where it is the other space's."""
        from iprwatch.ledger.facts import claim_space
        from iprwatch.ledger.store import Ledger

        ledger = Ledger(self.settings.database_url)
        ledger.ensure()
        claim_space(ledger, self.settings.current)
        return ledger

    @cached_property
    def landing(self) -> Landing:
        """The landing. Raises StoreError, InputError where it is the other space's."""
        from iprwatch.landing import Landing

        landing = Landing(self.settings.landing_url, self.settings.folder / "spool")
        landing.claim(self.settings.current)
        return landing

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
        from iprwatch.remember import Remembering
        from pipelines.tag import Tagger, load_themes

        return Tagger(load_themes(), Remembering(self.encoder, self.settings.cache / "themes"))

    @cached_property
    def index(self) -> Index:
        """The index engine of the settings, open for writing."""
        from iprwatch.engines import open_index

        return open_index(self.settings, dims=self.encoder.dims, model=self.encoder.model_id)

    @cached_property
    def watches(self) -> Watches:
        """The watches of the settings; in the demo space the shipped ones where there are none yet. Raises ModelError."""
        from iprwatch.alerts.watches import Watches, settle_demo_watches

        config = self.settings.config_folder
        if self.settings.current == "demo":
            settle_demo_watches(config, self.clock.now().date())
        return Watches(config, lambda text: self.encoder.encode([text], "query")[0])

    def close(self) -> None:
        """Close what was opened."""
        for name in ("index", "ledger"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
