"""The one file that knows the `elasticsearch` client: connect, check the server, write in bulk, and name what went wrong.

Raises ServerUnavailable (try later), ServerRefused (a person must act), IndexMismatch, SearchError; never a client's own error.
"""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from elasticsearch import (
    ApiError,
    BadRequestError,
    ConnectionError,  # noqa: A004  the client's name
    ConnectionTimeout,
    Elasticsearch,
    NotFoundError,
    SSLError,
    TransportError,
    UnsupportedProductError,
)
from elasticsearch.helpers import pack_dense_vector, streaming_bulk

from search.index import IndexMismatch, IndexMissing, SearchError, ServerRefused, ServerUnavailable

MINIMUM = (9, 4)
"""Oldest server: 9.4 brought the vector lookup by id that Kibana's saved searches need."""

CHUNK_BYTES = 15_000_000
"""A bulk request: well under the server's limit of 100 MB, large enough that round trips do not count."""

CHUNK = 500
RETRIES = 5
RETRY_ON = (429, 502, 503, 504)
LONGEST_WAIT = 60.0  # seconds between two tries of a bulk item
REQUEST_SECONDS = 30.0

T = TypeVar("T")

__all__ = [
    "ApiError",
    "BadRequestError",
    "Elasticsearch",
    "NotFoundError",
    "TransportError",
    "bulk",
    "check_server",
    "connect",
    "made_ahead",
    "packed",
    "translated",
]


def connect(url: str, *, api_key: str = "", ca: Path | None = None) -> Elasticsearch:
    """A client; nothing is sent yet. `ca` is the file of the certificate authority. Raises ServerRefused for an unusable address or file."""
    if not url.startswith(("http://", "https://")):
        raise ServerRefused(f"IPRWATCH_ELASTICSEARCH_URL is no web address: {url!r}; write it as https://host:9200")
    if ca and not ca.is_file():
        raise ServerRefused(f"IPRWATCH_ELASTICSEARCH_CA is not usable: there is no file {ca}")
    trust: dict[str, Any] = {"ca_certs": str(ca)} if ca else {}
    try:
        return Elasticsearch(
            url,
            api_key=api_key or None,
            **trust,
            request_timeout=REQUEST_SECONDS,
            retry_on_status=RETRY_ON,
            retry_on_timeout=False,
            max_retries=2,
        )
    except (ValueError, OSError, ssl.SSLError) as error:
        raise ServerRefused(
            f"IPRWATCH_ELASTICSEARCH_URL is not usable ({error}); write it as https://host:9200"
        ) from None


def check_server(client: Elasticsearch) -> str:
    """The server's version. Raises ServerRefused for another product or an older one, ServerUnavailable."""
    with translated(client):
        version = str(client.info()["version"]["number"])
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise ServerRefused(
            f"the server is Elasticsearch {version}; {wanted} or newer of major version 9 is needed: upgrade it"
        )
    return version


def packed(vector: Any) -> str:
    """A float32 vector as base64, which the server reads four times as fast as numbers."""
    return str(pack_dense_vector(vector))


def bulk(client: Elasticsearch, actions: Iterable[dict[str, Any]]) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Send actions; (accepted, answer) of each, in order. 429 and 50x are tried again with growing waits. Raises ServerUnavailable, ServerRefused."""
    with translated(client):
        for accepted, answer in streaming_bulk(
            client,
            actions,
            chunk_size=CHUNK,
            max_chunk_bytes=CHUNK_BYTES,
            max_retries=RETRIES,
            initial_backoff=1,
            max_backoff=LONGEST_WAIT,
            retry_on_status=RETRY_ON,
            raise_on_error=False,
            raise_on_exception=True,
        ):
            (result,) = answer.values()
            yield accepted, result


def made_ahead(items: Iterable[T], size: int = CHUNK) -> Iterator[T]:
    """The same items in order, the next `size` of them made in one thread while these are used: rows are made while the server works."""
    coming = iter(items)
    with ThreadPoolExecutor(1, "made-ahead") as pool:
        following = pool.submit(lambda: list(itertools.islice(coming, size)))
        while part := following.result():
            following = pool.submit(lambda: list(itertools.islice(coming, size)))
            yield from part


@contextlib.contextmanager
def translated(client: Elasticsearch) -> Iterator[None]:
    """The client's errors as this room's, each with its remedy."""
    try:
        yield
    except SSLError as error:
        raise ServerRefused(
            f"the certificate of {_address(client)} is not trusted ({_reason(error)}); give its authority in IPRWATCH_ELASTICSEARCH_CA, renew it where it has expired"
        ) from error
    except ConnectionTimeout as error:
        raise ServerUnavailable(
            f"{_address(client)} did not answer within {REQUEST_SECONDS:.0f} s; what is owed is sent later"
        ) from error
    except ConnectionError as error:
        raise ServerUnavailable(
            f"{_address(client)} cannot be reached ({_reason(error)}); check IPRWATCH_ELASTICSEARCH_URL and that the server runs"
        ) from error
    except UnsupportedProductError as error:
        raise ServerRefused(
            f"{_address(client)} is not Elasticsearch (OpenSearch and other forks are not supported); name an Elasticsearch 9 server"
        ) from error
    except ApiError as error:
        raise _of_status(client, error) from error
    except TransportError as error:
        raise ServerUnavailable(
            f"{_address(client)} broke off ({_reason(error)}); what is owed is sent later"
        ) from error


def _of_status(client: Elasticsearch, error: ApiError) -> SearchError:
    status, reason = error.meta.status, explain(error)
    if status == 401:
        return ServerRefused(f"{_address(client)} does not know the key ({reason}); set IPRWATCH_ELASTICSEARCH_API_KEY")
    if status == 403 and "blocked by" in reason:
        return blocked(reason)
    if status == 403:
        return ServerRefused(f"the key may not do this ({reason}); docs/production.md lists the privileges it needs")
    if status == 404:
        return IndexMissing(f"the index is not there ({reason}); make it: iprwatch reindex")
    if (status == 400 and "compatible-with" in reason) or status == 406:
        return ServerRefused(f"{_address(client)} is of another major version ({reason}); version 9 is needed")
    if status in RETRY_ON:
        return ServerUnavailable(f"{_address(client)} is overloaded ({reason}); what is owed is sent later")
    if "dims" in reason or "mapper" in reason or "mapping" in reason:
        return IndexMismatch(f"the index has another layout ({reason}); remake it: iprwatch reindex")
    return SearchError(f"Elasticsearch refused a request ({status}: {reason})")


def blocked(reason: str) -> SearchError:
    """The error of a write that the server blocks."""
    if "flood" in reason or "disk" in reason:
        return ServerUnavailable(
            f"the server's disk is nearly full and it takes no writes ({reason}); free space, what is owed is sent later"
        )
    return ServerRefused(
        f'the index is read-only ({reason}); remove the block: PUT <index>/_settings {{"index.blocks.write": null}}'
    )


def explain(error: ApiError) -> str:
    """The server's own reason, in one line."""
    body = error.body
    found = body.get("error") if isinstance(body, dict) else None
    if isinstance(found, dict):
        roots = found.get("root_cause") or [found]
        return str(roots[0].get("reason") or found.get("reason") or found.get("type"))[:300]
    return str(found or error.message)[:300]


def _reason(error: TransportError) -> str:
    return str(error.message)[:200]


def _address(client: Elasticsearch) -> str:
    return " or ".join(node.base_url for node in client.transport.node_pool.all())
