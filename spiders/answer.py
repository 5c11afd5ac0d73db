"""What came back, judged: success, refusal, overload, failure; each fault a sentence for people. Does not connect."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from spiders.plan import Status

CHALLENGE = re.compile(
    rb"<title>\s*(?:just a moment|attention required|access denied|request rejected|are you a? ?(?:human|robot))"
    rb"|/cdn-cgi/challenge-platform/|_Incapsula_Resource|captcha-delivery\.com",
    re.IGNORECASE,
)
GONE = (404, 410)
HEAD = 20_000  # bytes of a page in which a challenge shows


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, body decoded as to transfer and content encoding."""

    url: str  # after redirects
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    redirects: tuple[str, ...] = ()

    def header(self, name: str) -> str:
        """A header's value, or empty."""
        return next((v for k, v in self.headers if k.lower() == name), "")


class FetchError(Exception):
    """No usable answer; `cause` is a sentence for people, `fatal` ends the visit, `gone` is the answer that says so."""

    def __init__(self, cause: str, status: Status = "failed", fatal: bool = False, gone: Answer | None = None) -> None:
        super().__init__(cause)
        self.cause, self.status, self.fatal, self.gone = cause, status, fatal, gone


Fetch = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
"""Address and request headers → answer. Raises FetchError."""


def judge_answer(answer: Answer, conditional: bool) -> FetchError | None:
    """What is wrong with an answer; None for a success, and for 304 to a conditional request."""
    host, status = urlsplit(answer.url).hostname, answer.status
    challenged = answer.header("cf-mitigated") or CHALLENGE.search(answer.body[:HEAD])
    if challenged and answer.header("content-type").startswith("text/html"):
        return FetchError(f"{host} answers with a challenge for browsers.", "blocked", fatal=True)
    if status in (401, 403):
        return FetchError(f"{host} refuses access to {answer.url} ({status}).", "blocked", fatal=True)
    if status in (429, 503):
        asked = answer.header("retry-after")
        wait = f" and asks to come back later (Retry-After: {asked})" if asked else ""
        return FetchError(f"{host} is overloaded ({status}){wait}.", fatal=True)
    if 200 <= status < 300 or (status == 304 and conditional):
        return None
    return FetchError(f"{answer.url} answered {status}.", gone=answer if status in GONE else None)


def read_retry_after(value: str, now: datetime) -> float:
    """Seconds that a Retry-After header asks for, as a number or an HTTP date; 0 where it asks for nothing."""
    if value.strip().isdecimal():
        return float(value[:9])  # nine digits are thirty years
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
