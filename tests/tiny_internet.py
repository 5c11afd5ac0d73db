"""An internet of its own, in a network namespace: public addresses on loopback, names in a hosts file, TLS on port 443.

Run inside (see `small_world.py`): `python tests/tiny_internet.py FOLDER`. Crawls every office once with FOLDER/ca.pem as the
trusted authority and once without, and prints the outcomes as one JSON document. The crawl is the real one, with no host map:
names are resolved, addresses judged, certificates verified.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import AF_INET6

from office_server import declare

from spiders.plan import Job, Plan
from spiders.run import run_crawl

V4, V6 = "8.8.8.8", "2a00:1450:4001::1"
HOSTS = {
    "trusted": (V4,),
    "self-signed": (V4,),
    "expired": (V4,),
    "wrong-name": (V4,),
    "v6-only": (V6,),
    "private-too": ("10.0.0.8", V6),
    "inner": ("10.0.0.8",),
    "inner-v6": ("fd00::8", "::1"),
    "leads-inside": (V4,),
}
FEED = b"<rss version='2.0'><channel><title>t</title><item><title>Row</title><link>/x</link><description>Short</description></item></channel></rss>"


class Desk(BaseHTTPRequestHandler):
    """The same feed for every host, save one that redirects to a private one."""

    def do_GET(self) -> None:
        inside = self.headers["Host"].startswith("leads-inside")
        self.send_response(302 if inside else 200)
        if inside:
            self.send_header("Location", "https://inner.example/rss")
        self.send_header("Content-Length", str(len(FEED)))
        self.end_headers()
        self.wfile.write(FEED)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        return


class Office6(HTTPServer):
    address_family = AF_INET6


def build_network(folder: Path) -> None:
    """Public addresses on loopback, and names for them."""
    subprocess.run(["ip", "address", "add", f"{V4}/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "address", "add", f"{V6}/128", "dev", "lo", "nodad"], check=True)
    lines = [f"{address} {name}.example" for name, addresses in HOSTS.items() for address in addresses]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "\n".join(lines) + "\n")
    subprocess.run(["mount", "--bind", folder / "hosts", "/etc/hosts"], check=True)


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """Both addresses answer; the certificate is that of the name asked for, of a bare address the trusted one."""
    contexts = {}
    for name in HOSTS:
        contexts[f"{name}.example"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[f"{name}.example"].load_cert_chain(folder / f"{name}.pem")

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = contexts[name or "trusted.example"]

    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    first.load_cert_chain(folder / "trusted.pem")
    first.sni_callback = choose
    servers = [HTTPServer((V4, 443), Desk), Office6((V6, 443), Desk)]
    for server in servers:
        server.socket = first.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield


def crawl(folder: Path, names: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Status and cause of each office."""
    sources = [declare(id=name, url=url, article={"follow": False}) for name, url in names.items()]
    plan = Plan(
        "run", tuple(Job(source, delay=0) for source in sources), folder / "spool", timeout=5.0, time_limit=30.0
    )
    return {name: (outcome.status, outcome.cause) for name, outcome in run_crawl(plan).items()}


def main(folder: Path) -> None:
    """Both crawls."""
    build_network(folder)
    names = {name: f"https://{name}.example/rss" for name in HOSTS} | {"literal-v6": f"https://[{V6}]/rss"}
    with served(folder):
        os.environ["SSL_CERT_FILE"] = str(folder / "ca.pem")
        found = crawl(folder, names)
        del os.environ["SSL_CERT_FILE"]
        found["untrusted"] = crawl(folder, {"trusted": names["trusted"]})["trusted"]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
