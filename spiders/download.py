"""Scrapy's download layer with the host map and the address check. Does not retry or parse.

Both sit below the scheduler: addresses, delays and robots.txt keep the real host. The resolver hands Twisted only public
addresses, so what is checked is what is connected to, also after a redirect. Raises PrivateAddress.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from scrapy.http import Response
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

from spiders.net import is_literal, is_public, map_url

refused: dict[str, str] = {}
"""Host → the private address it led to. Twisted passes on only that a lookup failed, not why."""


class PrivateAddress(IgnoreRequest):
    """A host that leads to an address that is not on the public internet."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} leads to the private address {address}, which is refused.")


class PublicResolver(CachingThreadedResolver):
    """Resolves names to public addresses only; a literal address passes, as the handler has checked it."""

    def getHostByName(self, name: str, timeout: Any = ()) -> Deferred[str]:  # noqa: N802  Twisted's name
        """The public address of a host; fails with DNSLookupError."""
        found = super().getHostByName(name, timeout)
        return found if is_literal(name) else found.addCallback(check_address, name)


def check_address(address: str, host: str) -> str:
    """The address if it is public. Raises DNSLookupError, and leaves the reason in `refused`."""
    if is_public(address):
        return address
    refused[host] = address
    raise DNSLookupError(f"{host} is {address}, which is not public")


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
