"""Opens the index engine of the settings: the embedded one, or Elasticsearch. Knows no third. Raises SearchError, InputError."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iprwatch.errors import InputError

if TYPE_CHECKING:
    from iprwatch.settings import Settings
    from search.client import Elasticsearch
    from search.elastic_index import ElasticIndex
    from search.index import Index


def open_index(settings: Settings, *, dims: int = 384, model: str = "", read_only: bool = False) -> Index:
    """The index, for vectors of this model and length; a reader that brings no vectors need not say them."""
    if settings.index == "elasticsearch":
        return open_elasticsearch(settings, dims=dims, model=model, read_only=read_only)
    from search.sqlite_index import SqliteIndex

    return SqliteIndex(settings.index_folder, dims=dims, model=model, read_only=read_only)


def open_elasticsearch(
    settings: Settings, *, dims: int, model: str, read_only: bool = False, generation: int | None = None
) -> ElasticIndex:
    """The index on Elasticsearch; `generation`: a certain one, live or not."""
    from search.elastic_index import ElasticIndex

    client, prefix = connect_elasticsearch(settings), index_prefix(settings)
    graph = settings.elasticsearch_graph
    return ElasticIndex(
        client, prefix=prefix, dims=dims, model=model, read_only=read_only, generation=generation, graph=graph
    )


def connect_elasticsearch(settings: Settings) -> Elasticsearch:
    """A client for the server of the settings; nothing is sent yet. Raises InputError, ServerRefused."""
    from search.client import connect

    key = read_secret(settings.elasticsearch_api_key)
    return connect(settings.elasticsearch_url, api_key=key, ca=settings.elasticsearch_ca)


def index_prefix(settings: Settings) -> str:
    """What the names of the indices begin with: invented and real items have indices of their own."""
    return "iprwatch" if settings.current == "live" else f"iprwatch-{settings.current}"


def read_secret(value: str) -> str:
    """A secret as it stands, or the content of the file that `file:/path` names. Raises InputError."""
    if not value.startswith("file:"):
        return value
    try:
        return Path(value.removeprefix("file:")).read_text("utf-8").strip()
    except OSError as error:
        raise InputError(
            f"The secret in {value} cannot be read: {error.strerror}", "Name a file that this user may read"
        ) from None
