"""Message → mail over SMTP; the server's answer is the receipt. Standard library only.

Headers as RFC 5322, 2369, 2919 and 3834 have them: a stable Message-ID made of the key (a repeat can be told), List-Id, List-Unsubscribe,
Auto-Submitted. A 5xx answer to the message (sender, recipient, text) is final; 4xx, a broken line, and whatever is wrong before, such as a
greeting or login refused, is not: that concerns the channel. All recipients or none: where one is refused, nothing is sent.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from iprwatch.alerts.message import Message, SinkError
from iprwatch.redact import keep_secret

SECONDS = 20.0  # a step may take: a busy server greets within ten; a hung one must not hold a channel for minutes
PORTS = {"starttls": 587, "tls": 465, "none": 25}

PLAIN = SMTP.clone(cte_type="7bit")  # passes every server, also one without 8BITMIME

Tls = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server; `user` empty: no login."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = ""


def parse_server(address: str, tls: Tls) -> Server:
    """`host:port` or `smtp://user:password@host:port`. Raises SinkError."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or PORTS[tls]
    except ValueError:
        host, port = "", 0
    if not host or parts.scheme not in ("", "smtp", "smtps"):
        raise SinkError("the SMTP server is not given as host:port or smtp://user:password@host:port", transient=False)
    password = keep_secret(unquote(parts.password or ""))
    return Server(host, port, "tls" if parts.scheme == "smtps" else tls, unquote(parts.username or ""), password)


def build_mail(message: Message, sender: str, to: Sequence[str], unsubscribe: str, now: datetime) -> EmailMessage:
    """The whole mail: text and, where there is one, HTML saying the same."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=PLAIN)
    mail["From"] = Address("iprwatch", addr_spec=sender)
    mail["To"] = ", ".join(to)
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.list_id:
        wish = quote(f"unsubscribe {message.list_id}")
        mail["List-Id"] = f"<{message.list_id}.iprwatch.{domain}>"
        mail["List-Unsubscribe"] = f"<mailto:{unsubscribe}?subject={wish}>"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail


class MailSink:
    """See iprwatch.alerts.message.Sink."""

    def __init__(self, server: Server, sender: str, to: Sequence[str], unsubscribe: str) -> None:
        self._server, self._sender, self._to, self._unsubscribe = server, sender, tuple(to), unsubscribe

    def send(self, message: Message) -> str:
        """One mail to all recipients; returns the server's answer to its text. Raises SinkError."""
        content = build_mail(message, self._sender, self._to, self._unsubscribe, datetime.now(UTC)).as_bytes()
        try:
            smtp = self._open()
        except (smtplib.SMTPException, OSError) as error:
            raise SinkError(self._named(error), transient=True) from None
        try:
            return self._hand_over(smtp, content)
        except smtplib.SMTPResponseException as error:
            raise SinkError(self._named(error), transient=not 500 <= error.smtp_code < 600) from None
        except (smtplib.SMTPException, OSError) as error:
            raise SinkError(self._named(error), transient=True) from None
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.putcmd("quit")  # its answer would change nothing, and waiting for it delays the receipt
            smtp.close()

    def _open(self) -> smtplib.SMTP:
        server = self._server
        if server.tls == "tls":
            safe = ssl.create_default_context()
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=safe)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
        try:
            if server.tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if server.user:
                smtp.login(server.user, server.password)
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _hand_over(self, smtp: smtplib.SMTP, content: bytes) -> str:
        for code, answer in (smtp.mail(self._sender), *(smtp.rcpt(to) for to in self._to)):
            if code not in (250, 251):
                raise smtplib.SMTPResponseException(code, answer)
        code, answer = smtp.data(content)
        if code != 250:
            raise smtplib.SMTPResponseException(code, answer)
        return _said(code, answer)

    def _named(self, error: Exception) -> str:
        said = str(error) or type(error).__name__
        if isinstance(error, smtplib.SMTPResponseException):
            said = _said(error.smtp_code, error.smtp_error)
        return f"{self._server.host}:{self._server.port}: {said}"


def _said(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"[:500]
