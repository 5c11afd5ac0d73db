"""Where an address may lead: the host map to loopback, and which network addresses are public. Does not connect.

Shared by the crawl and the watcher. Never fails: what is no address is not public.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: its last 32 bits are an IPv4 address


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet, neither private, loopback, link-local, multicast nor reserved.

    An IPv6 address that wraps an IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by what it wraps.
    """
    try:
        ip = ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def is_literal(host: str) -> bool:
    """Whether a host is written as an IP address, which no resolver is asked for."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def map_url(url: str, host_map: Mapping[str, str]) -> tuple[str, str] | None:
    """Where the host map leads an address: the plain-http address to connect to and the Host header; None if unmapped."""
    parts = urlsplit(url)
    target = host_map.get(parts.hostname or "") or host_map.get("*")
    if not target:
        return None
    return parts._replace(scheme="http", netloc=target, fragment="").geturl(), parts.netloc
