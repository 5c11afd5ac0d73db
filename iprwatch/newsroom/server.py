"""The newsroom on loopback: HTTP/1.1 with keep-alive; the Host header decides the office.

State and offices are re-read when `state.json` changes. Listens on 127.0.0.1 only and logs nothing. GET and HEAD.
Raises OSError where the port is taken.
"""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

from iprwatch.newsroom.newsroom import Newsroom
from iprwatch.newsroom.state import load_all_offices, open_newsroom


class Server(ThreadingHTTPServer):
    """`with Server(folder) as server:` serves in a thread; `serve_forever()` blocks instead. `port` 0 takes a free one."""

    daemon_threads = True  # they die with the process
    block_on_close = False
    request_queue_size = 128  # a crawler opens all its hosts at once

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.offices = folder, load_all_offices(folder)
        self.newsroom = open_newsroom(folder, self.offices)
        self.lock, self.seen = Lock(), 0
        super().__init__(("127.0.0.1", port), Desk)
        self.port = self.server_port
        self.hosts = dict.fromkeys(self.newsroom.hosts, f"127.0.0.1:{self.port}")
        """The host map: each office's host → `127.0.0.1:port`."""

    def reopen(self) -> Newsroom:
        """The newsroom as it is now; built anew only when the state file has changed."""
        with self.lock:
            changed = (self.folder / "state.json").stat().st_mtime_ns
            if changed != self.seen:
                self.newsroom, self.seen = open_newsroom(self.folder, self.offices), changed
            return self.newsroom

    def __enter__(self) -> Server:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away is no event."""


class Desk(BaseHTTPRequestHandler):
    """Asks the newsroom and sends its answer, late or not at all where it says so."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 30  # seconds a silent connection is kept; longer than the delay between two requests to one host

    def do_GET(self) -> None:
        """Answer GET with a body, HEAD without."""
        answer = self.server.reopen().answer(self.headers.get("Host", ""), self.path, dict(self.headers))
        time.sleep(answer.delay)
        if answer.hang_up:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        length = {} if answer.status == 304 else {"Content-Length": str(len(answer.body))}
        for name, value in {"Date": self.date_time_string(), **answer.headers, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *_: object) -> None:
        """Nothing: neither is a connection that falls silent."""
