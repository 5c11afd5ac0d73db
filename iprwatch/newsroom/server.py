"""The newsroom on loopback: HTTP/1.1 with keep-alive; the Host header decides the office.

State and offices are re-read when `state.json` changes. Listens on 127.0.0.1 only and logs nothing. GET and HEAD.
Raises OSError where the port is taken.
"""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType

from iprwatch.newsroom.model import Answer
from iprwatch.newsroom.newsroom import Newsroom
from iprwatch.newsroom.state import load_all_offices, open_newsroom, open_state

IDLE = 30  # seconds a silent connection is kept; longer than the delay between two requests to one host


class Server:
    """`with Server(folder) as server:` serves in a thread; `serve()` blocks instead. `port` 0 takes a free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        open_state(folder)
        self.offices = load_all_offices(folder)
        self.lock, self.seen = Lock(), 0
        self.newsroom = self.reopen()
        self.http = QuietServer(("127.0.0.1", port), Desk)
        self.http.room = self

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.http.server_address[1])

    @property
    def hosts(self) -> dict[str, str]:
        """The host map: each office's host → `127.0.0.1:port`."""
        return dict.fromkeys(self.newsroom.hosts, f"127.0.0.1:{self.port}")

    def reopen(self) -> Newsroom:
        """The newsroom as it is now; built anew only when the state file has changed."""
        with self.lock:
            changed = (self.folder / "state.json").stat().st_mtime_ns
            if changed != self.seen:
                self.newsroom, self.seen = open_newsroom(self.folder, self.offices), changed
            return self.newsroom

    def serve(self) -> None:
        """Serve until interrupted."""
        with self.http:
            self.http.serve_forever(poll_interval=0.1)

    def __enter__(self) -> Server:
        self.thread = Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


class QuietServer(ThreadingHTTPServer):
    """Threads that die with the process; a client that goes away is no event."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # a crawler opens all its hosts at once
    room: Server

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: the client left."""


class Desk(BaseHTTPRequestHandler):
    """Asks the newsroom and sends its answer."""

    protocol_version = "HTTP/1.1"
    server: QuietServer
    timeout = IDLE

    def do_GET(self) -> None:
        """Answer with a body."""
        newsroom = self.server.room.reopen()
        self.send(newsroom.answer(self.headers.get("Host", ""), self.path, dict(self.headers)))

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def send(self, answer: Answer) -> None:
        """The answer on the wire, late or not at all where it says so."""
        time.sleep(answer.delay)
        if answer.hang_up:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        self.send_header("Date", self.date_time_string())
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 304:
            self.wfile.write(answer.body)
