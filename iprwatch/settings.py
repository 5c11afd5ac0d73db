"""Settings from the environment (`IPRWATCH_*`), and the folders of one data space.

A space is a data folder of its own: `demo` (invented items) or `live` (real ones); they never mix. The space last used is
remembered, so that `iprwatch search` after `make run` looks where the run wrote. Raises InputError.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from iprwatch.errors import InputError, name_disk_error
from iprwatch.redact import keep_secret

Space = Literal["demo", "live"]
SPACES: tuple[Space, ...] = ("demo", "live")
PASSWORD = re.compile(r":([^:@\s]+)@")  # in an address, well formed or not


class Settings(BaseSettings):
    """Every setting, with its default. Secrets come from the environment or from files only."""

    model_config = SettingsConfigDict(env_prefix="IPRWATCH_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("iprwatch"))  # holds demo/ and live/
    cache: Path = Field(default_factory=lambda: user_cache_path("iprwatch"))  # exported models; safe to delete
    space: Space | None = None  # unset: the space last used
    database: str = ""  # SQLAlchemy URL; empty: SQLite in the space's folder
    landing: str = ""  # folder or fsspec URL; empty: in the space's folder
    model: str = "default"  # a sentence-transformers name or folder; `default` is the packaged English model
    model_revision: str = ""  # pinned revision of a named model
    sources: tuple[Path, ...] = ()  # more folders of declarations, as JSON list
    contact: str = ""  # sent in the User-Agent header to the offices
    threads: int | None = None  # encoder threads; unset: all cores
    newsroom_port: int = 0  # 0: any free port
    newsroom_every: float = 1.0  # seconds between looks at its lists under Airflow; 0: as rarely as at real offices
    index: Literal["sqlite", "elasticsearch"] = "sqlite"  # engine of the search index
    elasticsearch_url: str = "http://localhost:9200"  # used where index is elasticsearch
    elasticsearch_api_key: str = ""  # base64 id:key as the server gives it; or `file:/path` of a file that holds it
    elasticsearch_ca: Path | None = None  # certificate authority of the server and of Kibana, where it is no public one
    elasticsearch_graph: Literal["int8_hnsw", "bbq_hnsw"] = "int8_hnsw"  # how new indices keep vectors for searching
    kibana_url: str = "http://localhost:5601"  # as a browser reaches it: links lead there
    kibana_api_key: str = ""  # as elasticsearch_api_key
    kibana_space: str = ""  # empty: Kibana's default space
    page_url: str = "http://localhost:8642"  # of `iprwatch web` as a browser reaches it: links lead there
    operators: tuple[str, ...] = ()  # channels that hear what is wrong with the watch itself, as JSON list
    config: Path | None = None  # folder of watches, subscriptions and channels; unset: the space's folder

    @cached_property
    def current(self) -> Space:
        """The space to use: set, remembered, or live."""
        if self.space:
            return self.space
        try:
            word = (self.home / "space").read_text("utf-8").strip()
        except OSError:
            return "live"
        return "demo" if word == "demo" else "live"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: who is calling, and the passwords in addresses."""
        addresses = (self.database, self.landing, self.elasticsearch_url, self.kibana_url)
        found = [password for address in addresses for password in PASSWORD.findall(address)]
        keys = (self.elasticsearch_api_key, self.kibana_api_key)
        return tuple(filter(None, (self.contact, *keys, *found, *map(unquote, found))))

    @property
    def folder(self) -> Path:
        """The data folder of the current space."""
        return self.home / self.current

    @property
    def database_url(self) -> str:
        """Where the ledger is."""
        return self.database or f"sqlite:///{self.folder / 'ledger.sqlite'}"

    @property
    def landing_url(self) -> str:
        """Where responses are kept."""
        return self.landing or str(self.folder / "landing")

    @property
    def config_folder(self) -> Path:
        """Where watches, subscriptions and channels are declared."""
        return self.config or self.folder

    @property
    def index_folder(self) -> Path:
        """Where the embedded index is."""
        return self.folder / "index"

    @property
    def log_folder(self) -> Path:
        """Where logs are."""
        return self.folder / "log"

    def prepared(self) -> Settings:
        """The same settings, with the folder made and the space remembered. Raises StoreError, InputError."""
        place = self.home / "space"
        try:
            self.log_folder.mkdir(parents=True, exist_ok=True)
            if not place.exists() or place.read_text("utf-8") != self.current:
                place.write_text(self.current, "utf-8")
        except OSError as error:
            raise name_disk_error(error) or InputError(
                f"The data folder {self.folder} cannot be written: {error.strerror}",
                "Set IPRWATCH_HOME to a folder you own",
            ) from None
        return self


def load_settings(**given: object) -> Settings:
    """The settings of this process; `given` wins over the environment. Raises InputError."""
    try:
        settings = Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(f"IPRWATCH_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise InputError(f"A setting is not usable: {faults}", "See docs/settings.md") from None
    except ValueError as error:
        raise InputError(f"A setting is not usable: {error}", "See docs/settings.md") from None
    for secret in settings.secrets:
        keep_secret(secret)
    return settings
