"""Address → canonical address and article id.

Does not fetch and follows no redirect. Never fails: what is no http address is returned as it stands.
"""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pipelines.model import Reading

TRACKING = re.compile(
    r"utm_\w*|mc_[ce]id|pk_\w+|_hs\w+|fbclid|gclid|dclid|msclkid|yclid|igshid|mkt_tok|wt_?mc|cmpid|at_medium|at_campaign|chash|jsessionid|phpsessid",
    re.IGNORECASE,
)
"""Query parameters that say where the reader came from, never what is shown."""

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|%")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/;?]*", re.IGNORECASE)
_BLANK = re.compile(r"[\s\x00-\x20\x7f]+")


def canonical_url(url: str, reading: Reading) -> str:
    """The one address of an item: https, canonical host, no port, fragment or tracking, percent-encoded once. Idempotent."""
    url = url.strip().encode("utf-8", "replace").decode()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return url
    host = parts.hostname.rstrip(".").lower()
    host = reading.hosts.get(host, host)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port not in (None, 80, 443) else "")
    path = _encoded(_SESSION.sub("", _BLANK.sub("%20", parts.path)) or "/")
    return urlunsplit(("https", netloc, path, _query(parts.query, reading), ""))


def _query(query: str, reading: Reading) -> str:
    """What of a query names the item: the declared parameters, else all but tracking; sorted."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if reading.strip_query:
        kept = [pair for pair in pairs if pair[0] in reading.keep_params]
    else:
        kept = [pair for pair in pairs if not TRACKING.fullmatch(pair[0])]
    return urlencode(sorted(kept), quote_via=quote)


def _encoded(path: str) -> str:
    """RFC 3986 section 6.2.2: unreserved characters bare, everything else escaped once in upper case."""

    def escape(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            return b"%25"
        value = int(match[1], 16)
        return bytes([value]) if value in _UNRESERVED else match[0].upper()

    return quote(_ESCAPE.sub(escape, path.encode()), safe="%/:@!$&'()*+,;=~")


def article_id(source: str, key: str, canonical: str) -> str:
    """Hex sha256 of `source:key` where the source declares a key, else of the canonical address."""
    return sha256((f"{source}:{key}" if key else canonical).encode()).hexdigest()


def file_id(body: bytes) -> str:
    """`urn:sha256:` of a file's bytes: the same file at two addresses is one article."""
    return f"urn:sha256:{sha256(body).hexdigest()}"


def host_group(url: str) -> str:
    """The host without `www.`: addresses of one group may be aliases of each other."""
    try:
        return (urlsplit(url).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""
