"""Codes and times → the words people read. Pure. An unknown code is shown as it is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from urllib.parse import quote, urlsplit

from babel import Locale, UnknownLocaleError

ORIGINS = {
    "entry": "from the office's list",
    "meta": "from the page's metadata",
    "page": "from the page",
    "url": "from the address",
    "header": "from the HTTP header",
    "text": "from the text",
    "first_seen": "not given; first seen then",
}
"""Where a publication date was read, in words."""

OWN_SOURCES = {"added": "Added by hand"}
OWN_ECONOMIES = {"INT": "International", "G7": "G7"}
PLAIN = (
    "%/:?#[]@!$&'()*+,;=~"  # of an address; the rest is percent-encoded, so that no sign can turn or hide what is shown
)
VERDICTS = {"themed": "bears on a theme", "outside": "IP policy outside the themes", "not_ip": "not IP policy"}
RELATIONS = {"head": "heads the story", "member": "also reported it", "variant": "another version of the same office"}


@cache
def economy_name(code: str) -> str:
    """`JP` → Japan."""
    return OWN_ECONOMIES.get(code) or str(_english().territories.get(code, code))


@cache
def language_name(code: str) -> str:
    """`ja` → Japanese."""
    if code == "und":
        return "language unknown"
    try:
        return str(Locale.parse(code, sep="-").get_display_name("en") or code)
    except (UnknownLocaleError, ValueError):
        return code


def month_text(month: str) -> str:
    """`2026-11` → Nov 2026."""
    return f"{date.fromisoformat(f'{month}-01'):%b %Y}"


def day_text(at: datetime, precision: str = "day") -> str:
    """`25 Nov 2026`, or the month or year where no more is known."""
    at = at.astimezone(UTC)
    return {"year": f"{at:%Y}", "month": f"{at:%b %Y}"}.get(precision, f"{at.day} {at:%b %Y}")


def moment_text(at: datetime) -> str:
    """`25 Nov 2026, 14:10 UTC`."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def seconds_text(seconds: float) -> str:
    """`1.4 s`, `12 min`, `3 h`, `5 days`: as exact as it matters."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


def ordinal(number: int) -> str:
    """1 → 1st."""
    last = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{last}"


def web_address(url: str) -> str:
    """The address where a browser may follow it (http or https with a host), other than plain signs escaped; else empty."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return quote(url, safe=PLAIN) if parts.scheme in ("http", "https") and parts.netloc else ""


@cache
def _english() -> Locale:
    return Locale("en")
