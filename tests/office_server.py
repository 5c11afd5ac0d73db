"""For tests of parsers and crawls: a declared source, and a loopback server that answers by host and path and counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from spiders.source import Source

Reply = tuple[int, Mapping[str, str], bytes]


def declare(**keys: object) -> Source:
    base = {
        "id": "office", "tier": "tier1", "title": "Office", "organisation": "Office", "homepage": "https://office.example/",
        "economy": "XX", "languages": ("en",), "kind": "feed", "url": "https://office.example/news/rss.xml", "every": "1h", "evidence": "confirmed",
    }  # fmt: skip
    return Source.model_validate(base | keys)


@dataclass
class Office:
    """Routes by `host/path` (a reply, bytes, or a function of the request headers), and the requests seen."""

    routes: dict[str, Reply | bytes | Callable[[Mapping[str, str]], Reply]] = field(default_factory=dict)
    asked: list[tuple[str, float]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    port: int = 0

    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        place = f"{host}{path}"
        if path != "/robots.txt":
            self.asked.append((place, time.monotonic()))
            self.headers.append(headers)
        route = self.routes.get(place, (404, {}, b"not here"))
        if callable(route):
            return route(headers)
        return (200, {"Content-Type": "text/html; charset=utf-8"}, route) if isinstance(route, bytes) else route

    def count(self, place: str) -> int:
        return sum(p == place for p, _ in self.asked)


def tagged(body: bytes, kind: str = "application/rss+xml") -> Callable[[Mapping[str, str]], Reply]:
    """A route with an honest ETag."""
    tag = f'"{sha256(body).hexdigest()[:12]}"'

    def route(headers: Mapping[str, str]) -> Reply:
        head = {"ETag": tag, "Content-Type": kind}
        return (304, head, b"") if headers.get("If-None-Match") == tag else (200, head, body)

    return route


@contextmanager
def serve() -> Iterator[Office]:
    """An office on a free port."""
    office = Office()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = office.answer(self.headers["Host"], self.path, dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            return  # the crawl hangs up on what is too large

    server = Server(("127.0.0.1", 0), Handler)
    office.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield office
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
