"""Text → the same text without secrets, for logs, screens and errors. Finds passwords by their place, others by their value.

By place: user and password of an address (`scheme://user:password@host`), and parameters named like a secret. By value:
what `keep_secret` was told. Does not know settings and reads no environment.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

SHOWN = "***"
LEAST = 4  # signs; a shorter value would blot out ordinary words
IN_ADDRESS = re.compile(r"(?<=://)[^\s/@'\"]*:[^\s@'\"]*(?=@)")  # up to the last @, since a password may hold a slash
NAMED = re.compile(r"(?i)\b((?:[a-z]+[_-])?(?:password|passwd|pwd|secret|token|api_?key|key|sig)=)[^\s&'\"]+")

_kept: set[str] = set()


def keep_secret(value: str) -> str:
    """Never show this value from now on, quoted for an address or for JSON neither; returns it."""
    if len(value) >= LEAST:
        _kept.update((value, quote(value, safe=""), json.dumps(value, ensure_ascii=False)[1:-1]))
    return value


def hide_secrets(text: str) -> str:
    """The text with every secret replaced by `***`."""
    for value in sorted(_kept, key=len, reverse=True):  # a secret may hold another
        text = text.replace(value, SHOWN)
    return NAMED.sub(rf"\1{SHOWN}", IN_ADDRESS.sub(SHOWN, text))
