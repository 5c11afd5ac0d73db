"""How the Elasticsearch client meets a server: who it is, trust, names, expiry, keys and privileges; a loopback server plays each.

The real node of the tests has no TLS and no security (its jars have neither), so this server answers as Elasticsearch does, for these requests only.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from stack_certificates import Pair, make_pair, pem

from iprwatch.engines import connect_elasticsearch, read_secret
from iprwatch.errors import InputError
from iprwatch.settings import Settings
from search.client import Elasticsearch, check_server, connect
from search.elastic_index import ElasticIndex
from search.index import ServerRefused, ServerUnavailable

KEY = base64.b64encode(b"id:secret").decode()
READER = base64.b64encode(b"id:reads-only").decode()
LOOPBACK: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]


@contextmanager
def impostor(status: int, headers: dict[str, str], body: object) -> Iterator[str]:
    """A loopback server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815  the library's names

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
DENIED = {"error": {"root_cause": [{"reason": "unable to authenticate with provided credentials"}], "reason": "x"}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, PRODUCT, {"version": {"number": "8.19.16"}}, "Elasticsearch 8.19.16; 9.4 or newer"),
        (200, PRODUCT, {"version": {"number": "9.3.0"}}, "upgrade it"),
        (200, {}, {"version": {"number": "3.1.0", "distribution": "opensearch"}}, "OpenSearch"),
        (401, PRODUCT, DENIED, "IPRWATCH_ELASTICSEARCH_API_KEY"),
        (403, PRODUCT, {"error": {"root_cause": [{"reason": "action [x] is unauthorized"}]}}, "privileges"),
        (400, PRODUCT, {"error": {"root_cause": [{"reason": "Accept version must be 8, but found compatible-with=9"}]}}, "major version"),
    ],
)  # fmt: skip
def test_a_server_that_will_not_do_is_named(status: int, headers: dict[str, str], body: object, said: str) -> None:
    with impostor(status, headers, body) as url, connect(url) as client, pytest.raises(ServerRefused, match=said):
        ElasticIndex(client, prefix="x")


def test_no_server_is_said_with_its_address() -> None:
    with (
        connect("http://127.0.0.1:9") as client,
        pytest.raises(ServerUnavailable, match="cannot be reached"),
    ):
        ElasticIndex(client, prefix="x")


@pytest.mark.parametrize("url", ["localhost", "http://", "", "ftp://x:1"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(ServerRefused, match="IPRWATCH_ELASTICSEARCH_URL"):
        connect(url)


def test_a_certificate_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="not usable"):
        connect("https://127.0.0.1:9", ca=tmp_path / "none.pem")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc\n")
    assert read_secret(f"file:{tmp_path}/key") == "abc"
    assert read_secret("plain") == "plain"
    with pytest.raises(InputError, match="cannot be read"):
        read_secret(f"file:{tmp_path}/none")


class Guarded(BaseHTTPRequestHandler):
    """Asks for a key as Elasticsearch's security does; the bodies are those of version 9."""

    def answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, reason: str) -> None:
        error = {"type": "security_exception", "reason": reason}
        self.answer(status, {"error": {"root_cause": [error], **error}, "status": status})

    def play(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get("Authorization", "")
        if given not in (f"ApiKey {KEY}", f"ApiKey {READER}"):
            what = "unable to authenticate with provided credentials" if given else "missing authentication credentials"
            self.refuse(401, f"{what} for REST request [{self.path}]")
        elif self.path == "/":
            self.answer(
                200, {"version": {"number": "9.5.3", "build_flavor": "default"}, "tagline": "You Know, for Search"}
            )
        elif given == f"ApiKey {READER}" and self.command in ("PUT", "POST"):
            self.refuse(403, "action [indices:admin/create] is unauthorized for API key id [id] of user [elastic]")
        else:
            self.answer(404, {"error": {"root_cause": [{"reason": "no such index"}], "reason": "no such index"}})

    do_GET = do_HEAD = do_PUT = do_POST = play  # noqa: N815  the library's names

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us breaks off."""


@contextmanager
def serving(folder: Path, certificate: Pair) -> Iterator[str]:
    """The address of a TLS server with this certificate."""
    (folder / "server.pem").write_bytes(b"".join(pem(certificate)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server = Server(("127.0.0.1", 0), Guarded)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def authority(tmp_path: Path) -> Pair:
    """An authority whose certificate is `ca.pem`."""
    pair = make_pair("Test authority", [], 1)
    (tmp_path / "ca.pem").write_bytes(pem(pair)[0])
    return pair


def expired(authority: Pair) -> Pair:
    """A certificate that ended yesterday."""
    good, key = make_pair("localhost", LOOPBACK, 1, authority)
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(
        good.issuer, good.subject, good.public_key(), good.serial_number, now - timedelta(9), now - timedelta(1), list(good.extensions)
    )  # fmt: skip
    return built.sign(authority[1], good.signature_hash_algorithm), key  # type: ignore[arg-type]


BAD: dict[str, tuple[Callable[[Pair], Pair], str]] = {
    "expired": (expired, "expired"),
    "wrong name": (lambda a: make_pair("other.example", [x509.DNSName("other.example")], 1, a), "127.0.0.1"),
    "unknown authority": (lambda _: make_pair("localhost", LOOPBACK, 1, make_pair("Nobody", [], 1)), "verify failed"),
    "self-signed": (lambda _: make_pair("localhost", LOOPBACK, 1), "verify failed"),
}


@pytest.mark.parametrize("which", BAD)
def test_a_certificate_that_cannot_be_trusted_is_refused_with_its_remedy(
    tmp_path: Path, authority: Pair, which: str
) -> None:
    make, reason = BAD[which]
    with (
        serving(tmp_path, make(authority)) as url,
        connect(url, api_key=KEY, ca=tmp_path / "ca.pem") as client,
        pytest.raises(ServerRefused, match=r"certificate of https://127.*IPRWATCH_ELASTICSEARCH_CA") as caught,
    ):
        check_server(client)
    assert reason in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.fixture
def url(tmp_path: Path, authority: Pair) -> Iterator[str]:
    with serving(tmp_path, make_pair("localhost", LOOPBACK, 1, authority)) as address:
        yield address


def opened(url: str, folder: Path, key: str) -> Elasticsearch:
    """A client with the settings of a person: the key lies in a file."""
    (folder / "key").write_text(f"{key}\n")
    settings = Settings(
        home=folder, index="elasticsearch", elasticsearch_url=url, elasticsearch_ca=folder / "ca.pem",
        elasticsearch_api_key=f"file:{folder}/key" if key else "",
    )  # fmt: skip
    return connect_elasticsearch(settings)


def test_a_trusted_server_and_a_right_key_do(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path, KEY) as client:
        assert check_server(client) == "9.5.3"


def test_without_its_authority_the_server_is_not_trusted(url: str) -> None:
    with connect(url, api_key=KEY) as client, pytest.raises(ServerRefused, match="IPRWATCH_ELASTICSEARCH_CA"):
        check_server(client)


@pytest.mark.parametrize("key", ["", base64.b64encode(b"id:wrong").decode(), "not base64 at all"])
def test_a_wrong_key_is_said_and_never_shown(url: str, tmp_path: Path, key: str) -> None:
    with (
        opened(url, tmp_path, key) as client,
        pytest.raises(ServerRefused, match="IPRWATCH_ELASTICSEARCH_API_KEY") as caught,
    ):
        check_server(client)
    assert not key or key not in str(caught.value)


def test_a_key_that_may_not_is_said_with_the_privilege(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path, READER) as client:
        assert check_server(client) == "9.5.3"
        with pytest.raises(ServerRefused, match=r"may not do this .*indices:admin/create.*docs/production.md"):
            ElasticIndex(client, prefix="x")


def test_a_plain_address_of_a_tls_server_is_said(url: str) -> None:
    with connect(url.replace("https", "http"), api_key=KEY) as client, pytest.raises(ServerUnavailable, match="127"):
        check_server(client)
