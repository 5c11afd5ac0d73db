"""Scrapy's download layer with the host map and the address check. Does not retry or parse.

Both sit below the scheduler: addresses, delays and robots.txt keep the real host. The resolver hands Twisted only public
addresses, IPv4 and IPv6, so what is checked is what is connected to, also after a redirect. Raises PrivateAddress.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from scrapy.http import Response
from scrapy.resolver import CachingHostnameResolver
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver

from spiders.net import is_literal, is_public, map_url

refused: dict[str, str] = {}
"""Host → the private address it led to. Twisted passes on only that a lookup gave nothing, not why."""


class PrivateAddress(IgnoreRequest):
    """A host that leads to an address that is not on the public internet."""

    def __init__(self, host: str, address: str) -> None:
        leads = "is a" if host == address else f"leads to {address}, a"
        super().__init__(f"{host} {leads} private address, which is refused.")


class PublicResolver(CachingHostnameResolver):
    """Resolves names to public addresses only; a literal address passes, as the handler has checked it."""

    def resolveHostName(  # noqa: N802  Twisted's names, here and below
        self,
        resolutionReceiver: IResolutionReceiver,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> IHostResolution:
        """Tell the receiver each public address of a host; none for a host that has only others."""
        receiver: Any = resolutionReceiver if is_literal(hostName) else PublicOnly(resolutionReceiver, hostName)
        return super().resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


class PublicOnly:
    """Passes on public addresses; of the others the last is left in `refused`."""

    def __init__(self, receiver: Any, host: str) -> None:
        self.host = host
        self.resolutionBegan, self.resolutionComplete = receiver.resolutionBegan, receiver.resolutionComplete
        self.accept = receiver.addressResolved

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        """Judge one address by what would be connected to."""
        if is_public(address.host):
            self.accept(address)
        else:
            refused[self.host] = address.host


class GuardedHandler(HTTP11DownloadHandler):
    """Leads mapped hosts to loopback; refuses private addresses for all others."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.host_map: dict[str, str] = crawler.settings.getdict("HOST_MAP")

    async def download_request(self, request: Request) -> Response:
        """The response, under the address that was asked for. Raises PrivateAddress."""
        if mapped := map_url(request.url, self.host_map):
            url, host = mapped
            inner = request.replace(url=url, headers={**request.headers, "Host": host})
            return (await super().download_request(inner)).replace(url=request.url)
        host = urlsplit(request.url).hostname or ""
        if is_literal(host) and not is_public(host):
            raise PrivateAddress(host, host)
        try:
            return await super().download_request(request)
        except CannotResolveHostError:
            if host in refused:
                raise PrivateAddress(host, refused[host]) from None
            raise


class HostRedirect(RedirectMiddleware):
    """Redirects, each under the delay of the host it leads to."""

    def _redirect(self, redirected: Request, request: Request, reason: Any) -> Request:
        redirected.meta.pop("download_slot", None)  # else the first host's delay would hold for the second
        return super()._redirect(redirected, request, reason)
