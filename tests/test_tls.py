"""Certificates, IPv6 and private addresses as on the real internet, in a network namespace without a host map."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from small_world import MISSING, can_enter, run_inside
from tiny_internet import HOSTS, V6

DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """Issues certificates; its own is `ca.pem` in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key, self.name = folder, ec.generate_private_key(ec.SECP256R1()), named("Test authority")
        own = self.build(self.name, self.name, self.key, datetime.now(UTC) + DAY)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        (folder / "ca.pem").write_bytes(own.sign(self.key, hashes.SHA256()).public_bytes(PEM))

    @staticmethod
    def build(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime) -> x509.CertificateBuilder:  # fmt: skip
        plain = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        return (
            plain.serial_number(x509.random_serial_number()).not_valid_before(until - 30 * DAY).not_valid_after(until)
        )

    def issue(self, office: str, host: str, days: float = 1, own: bool = False) -> None:
        """Certificate and key of one office, in one file; `own`: signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(host), x509.IPAddress(ip_address(V6))]
        issuer = named(host) if own else self.name
        plain = self.build(named(host), issuer, key, datetime.now(UTC) + days * DAY)
        signed = plain.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
            key if own else self.key, hashes.SHA256()
        )
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self.folder / f"{office}.pem").write_bytes(signed.public_bytes(PEM) + secret)


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, str, str], NoReturn]
) -> dict[str, list[str]]:
    if not can_enter():
        require(*MISSING)
    folder = tmp_path_factory.mktemp("internet")
    authority = Authority(folder)
    for office in HOSTS:
        host = "another.example" if office == "wrong-name" else f"{office}.example"
        authority.issue(office, host, days=-1 if office == "expired" else 1, own=office == "self-signed")
    done = run_inside('PYTHONPATH=. "$PYTHON" tests/tiny_internet.py "$FOLDER"', FOLDER=folder)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


EXPECTED = {
    "trusted": ("ok", ""),
    "untrusted": ("failed", "The certificate of https://trusted.example/rss has expired, or no trusted authority"),
    "self-signed": (
        "failed",
        "The certificate of https://self-signed.example/rss has expired, or no trusted authority",
    ),
    "expired": ("failed", "The certificate of https://expired.example/rss has expired"),
    "wrong-name": ("failed", "The certificate of https://wrong-name.example/rss is for another name."),
    "v6-only": ("ok", ""),
    "literal-v6": ("ok", ""),
    "private-too": ("ok", ""),
    "inner": ("failed", "inner.example leads to 10.0.0.8, a private address, which is refused."),
    "inner-v6": ("failed", "inner-v6.example leads to "),
    "leads-inside": ("failed", "inner.example leads to 10.0.0.8, a private address, which is refused."),
}


@pytest.mark.parametrize("office", EXPECTED)
def test_an_office_is_reached_only_over_a_trusted_connection_to_a_public_address(
    office: str, found: dict[str, list[str]]
) -> None:
    status, words = EXPECTED[office]
    assert found[office][0] == status, found[office]
    assert words in found[office][1]
