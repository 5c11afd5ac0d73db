"""Bytes of a list → digest that tells whether it changed. The same for the crawl and for the watcher. Never fails.

What changes by itself at every answer is left out: a feed's own build date, tokens of forms and scripts, comments. Each pattern is bounded and
takes no text that a reader sees, so that no item can hide in what is left out. What else changes rings the bell for nothing, which costs one visit.
"""

from __future__ import annotations

import re
from hashlib import sha256

FEED = re.compile(rb"<(?:rss|feed|rdf:RDF)[\s>]", re.IGNORECASE)
HEAD = 2_000  # bytes in which a document says what it is
FIRST_ENTRY = re.compile(rb"<(?:item|entry)[\s>]")
BUILT = re.compile(rb"<lastBuildDate>[^<]*</lastBuildDate>")
OWN_DATES = re.compile(rb"<((?:dc:)?date|lastBuildDate|pubDate|updated)>[^<]*</\1>")
FIELD = re.compile(rb"<(?:input|meta)\b[^<>]*>", re.IGNORECASE)
TOKEN = re.compile(
    rb"\bname=[\"'](?:__\w+|_token|_?(?:csrf|xsrf)[\w-]*|form_(?:build_id|token)|\w*authenticity_token)[\"']",
    re.IGNORECASE,
)
"""Names of fields that hold a token of the visit (ASP.NET's begin with two underscores)."""
VOLATILE = re.compile(
    rb"<!--[^<>]{0,500}-->"  # who built the page, when, in how many milliseconds
    rb"|\bnonce=[\"'][^\"'<>]{1,200}[\"']"
    rb"|\bjs-view-dom-id-\w+"  # Drupal
    rb"|;jsessionid=[\w.!-]+"
    rb"|/cdn-cgi/l/email-protection#[0-9a-f]+|\bdata-cfemail=[\"'][0-9a-f]+[\"']"  # Cloudflare: an address, coded anew each time
    rb"|__CF\$cv\$params=\{[^{}]{0,500}\}"
    rb"|\"(?:applicationTime|queueTime)\":\d+",  # New Relic
    re.IGNORECASE,
)


def list_digest(body: bytes) -> str:
    """sha256, as hex digits, of what is left of a list without its volatile parts."""
    if FEED.search(body[:HEAD]):
        first = FIRST_ENTRY.search(body)
        cut = first.start() if first else len(body)
        return sha256(OWN_DATES.sub(b"", body[:cut]) + BUILT.sub(b"", body[cut:])).hexdigest()
    fields = FIELD.sub(lambda found: b"" if TOKEN.search(found[0]) else found[0], body)
    return sha256(VOLATILE.sub(b"", fields)).hexdigest()
