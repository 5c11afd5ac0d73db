"""Which addresses are public, and where the host map leads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiders.net import is_public, map_url


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "2001:db8::1", "localhost", ""])  # fmt: skip
def test_private_and_reserved_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "193.5.93.80", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    assert is_public(text) in (True, False)


def test_the_map_leads_to_loopback_under_the_real_host() -> None:
    hosts = {"office.example": "127.0.0.1:8001"}
    assert map_url("https://Office.example/a?b=c#d", hosts) == ("http://127.0.0.1:8001/a?b=c", "Office.example")
    assert map_url("https://other.example/", hosts) is None
    assert map_url("https://other.example/", {"*": "127.0.0.1:1"}) == ("http://127.0.0.1:1/", "other.example")


class Receiver:
    """What the connecting side is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.complete = False

    def resolutionBegan(self, resolution: object) -> None:  # noqa: N802  Twisted's name
        return

    def addressResolved(self, address: Any) -> None:  # noqa: N802  Twisted's name
        self.heard.append(address.host)

    def resolutionComplete(self) -> None:  # noqa: N802  Twisted's name
        self.complete = True


@pytest.mark.parametrize(
    ("addresses", "heard"),
    [
        (["10.0.0.8"], []),
        (["127.0.0.1", "::1"], []),
        (["fe80::1%eth0", "::ffff:10.0.0.1"], []),
        (["10.0.0.8", "8.8.8.8", "fc00::1", "2a00:1450:4001::1"], ["8.8.8.8", "2a00:1450:4001::1"]),
    ],
)
def test_the_resolver_hands_out_public_addresses_only_also_from_its_cache(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], heard: list[str]
) -> None:
    from scrapy import resolver as scrapys
    from twisted.internet.address import IPv4Address, IPv6Address

    from spiders import download

    class Original:
        def resolveHostName(self, receiver: Any, host: str, port: int, *_: object) -> None:  # noqa: N802
            asked.append(host)
            receiver.resolutionBegan(None)
            for address in addresses:
                receiver.addressResolved((IPv6Address if ":" in address else IPv4Address)("TCP", address, port))
            receiver.resolutionComplete()

    asked: list[str] = []
    monkeypatch.setattr(scrapys, "dnscache", scrapys.LocalCache(10))
    resolver = download.PublicResolver.__new__(download.PublicResolver)
    resolver.original_resolver = Original()
    for _ in range(2):
        receiver = Receiver()
        resolver.resolveHostName(receiver, "rebound.example", 443)
        assert (receiver.heard, receiver.complete) == (heard, True)
    assert asked == ["rebound.example"]
    assert download.refused.pop("rebound.example") in addresses
