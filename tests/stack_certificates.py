"""Certificates for the tests of the stack: a pair for a server, and a stand-in for elasticsearch-certutil with the options that our script gives it."""

from __future__ import annotations

import argparse
import ipaddress
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def make_pair(name: str, names: list[x509.GeneralName], days: int, issuer: Pair | None = None) -> Pair:
    """A certificate and its key, signed by the issuer; an authority without one."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return built.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(pair: Pair) -> tuple[bytes, bytes]:
    """Certificate and key as PEM."""
    form = serialization.PrivateFormat.PKCS8
    key = pair[1].private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pair[0].public_bytes(serialization.Encoding.PEM), key


def write_pair(folder: Path, name: str) -> None:
    """`server.crt` and `server.key` for a server of this name."""
    certificate, key = pem(make_pair(name, [x509.DNSName(name)], 1))
    (folder / "server.crt").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)
    (folder / "server.key").chmod(0o600)


def certutil(words: list[str]) -> None:
    """`ca` or `cert` with --pem: a zip with a folder of the name, as the real tool makes it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("ca", "cert"))
    parser.add_argument("--silent", action="store_true", required=True)
    parser.add_argument("--pem", action="store_true", required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="ca")
    parser.add_argument("--dns", default="")
    parser.add_argument("--ip", default="")
    parser.add_argument("--ca-cert", type=Path)
    parser.add_argument("--ca-key", type=Path)
    asked = parser.parse_args(words)
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in asked.dns.split(",") if name]
    names += [x509.IPAddress(ipaddress.ip_address(ip)) for ip in asked.ip.split(",") if ip]
    issuer = None
    if asked.mode == "cert":
        key = serialization.load_pem_private_key(asked.ca_key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        issuer = x509.load_pem_x509_certificate(asked.ca_cert.read_bytes()), key
    certificate, key_pem = pem(make_pair(asked.name, names, asked.days, issuer))
    with zipfile.ZipFile(asked.out, "x") as made:
        made.writestr(f"{asked.name}/{asked.name}.crt", certificate)
        made.writestr(f"{asked.name}/{asked.name}.key", key_pem)
