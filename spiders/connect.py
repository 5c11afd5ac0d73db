"""httpx with the crawl's address check: only public addresses are connected to, and what the host map leads to. Does not ask.

A name is resolved here and one of its public addresses handed to the socket, so what is checked is what is connected to; certificates are
verified for the name. Raises httpx.ConnectError.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable

import httpcore
import httpx

from spiders.net import is_public

KEPT = 30.0  # seconds a connection stays open: beyond the next look on loopback, not with real offices


class PublicBackend(httpcore.AnyIOBackend):
    """Connects to public addresses, and to the places named."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = frozenset(allowed)  # `127.0.0.1:port`

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first public address of a host that answers."""
        addresses = [host] if f"{host}:{port}" in self.allowed else await find_public(host, port)
        for last, address in enumerate(addresses, 1):
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last == len(addresses):
                    raise
        raise httpcore.ConnectError(f"{host} leads to no public address; private ones are refused")


async def find_public(host: str, port: int) -> list[str]:
    """The public addresses of a host; none where it has only others."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"The host {host} is unknown: {error}") from None
    addresses = (str(place[0]) for *_, place in found)
    return [a for a in dict.fromkeys(addresses) if is_public(a)]


class PublicTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over our backend."""

    def __init__(self, allowed: Iterable[str], most: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(  # httpx has no public way to hand in a backend
            ssl_context=ssl.create_default_context(),
            max_connections=most,
            keepalive_expiry=KEPT,
            network_backend=PublicBackend(allowed),
        )
