"""Receivers on loopback that take messages as real ones do, and fail as real ones do: an SMTP server and a webhook."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOSTILE = "Fakes\r\nBcc: x@example.org \u202e<script>alert(1)</script>\x00"

REASON: dict[str, Any] = {
    "watch": "Fakes sold online", "query": "counterfeit", "cosine": 0.61, "words": ["counterfeit"], "n": 0, "start": 0, "end": 33,
    "passage": "Customs seized counterfeit shoes.", "highlights": [[15, 26]],
    "article": {"title": HOSTILE, "url": "https://office.example/a", "source": "epo-news", "office": "EPO news", "economy": "INT", "language": "en",
                "published": "2026-05-20T08:00:00+00:00", "published_origin": "entry", "published_precision": "second"},
    "themes": [{"theme": "T03.4", "label": "E-commerce", "statement_sentence": "We will work.", "item_sentence": "Shoes were seized."}],
    "hops": {"published": "2026-05-20T08:00:00+00:00", "seen": "2026-05-20T08:00:02+00:00", "alerted": "2026-05-20T08:00:03.500000+00:00"},
}  # fmt: skip
"""An alert's reason, of an item with a hostile title."""

HANG = 60.0  # seconds: longer than any patience in these tests


@dataclass
class SmtpDesk:
    """What the SMTP server answers at each stage, and what it took.

    `answers`: stage (MAIL, RCPT; END: after the text) → an answer, `hang`, `drop`, or `take and drop` (END only).
    """

    answers: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def at(self, stage: str, server: SMTP, fine: str) -> str:
        """The answer of this stage."""
        said = self.answers.get(stage, fine)
        if said == "hang":
            await asyncio.sleep(HANG)
        if said == "drop" and server.transport:
            server.transport.close()
        return said

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self.at("MAIL", server, "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self.at("RCPT", server, "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        said = await self.at("END", server, "250 taken as 4711")
        if said.startswith("250") or said == "take and drop":
            self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
            self.envelopes.append(envelope)
        if said == "take and drop" and server.transport:
            server.transport.close()
        return said

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)


@contextmanager
def smtp_server(desk: SmtpDesk, **options: Any) -> Iterator[int]:
    """An SMTP server on a free port of loopback, in a thread of its own; gives the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(SMTP(desk, hostname="localhost", loop=loop, **options))
        return sessions[-1]

    async def listen() -> asyncio.Server:
        return await loop.create_server(session, "127.0.0.1", 0)

    async def close(server: asyncio.Server) -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for transport in [s.transport for s in sessions if s.transport]:
            transport.abort()
        await asyncio.sleep(0.01)  # sockets close in the loop's next rounds

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(close(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Hook:
    """What the webhook answers, and what it took (2xx)."""

    status: int = 200
    hang: bool = False
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def webhook(hook: Hook) -> Iterator[str]:
    """A webhook on loopback; gives its address."""

    class Desk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with hook.lock:
                hook.requests.append((dict(self.headers), body))
            time.sleep(HANG if hook.hang else hook.delay)
            if 200 <= hook.status < 300:
                with hook.lock:
                    hook.taken.append(json.loads(body))
            self.send_response(hook.status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """The sender was killed: no event."""

    server = Quiet(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
