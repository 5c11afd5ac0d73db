"""Text → the identifiers it names: press, document, docket and registration numbers. They join reports of one event across languages.

Names of treaties and laws are none: everybody cites them. Never fails.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("", re.compile(r"\b(PR/\d{4}/\d{1,4})\b")),  # WIPO press releases
    (
        "",
        re.compile(r"\b((?:IP|MEX|STATEMENT|SPEECH|QANDA|MEMO|AC|WM)[/_]\d{2}[/_]\d{2,5})\b", re.IGNORECASE),
    ),  # Commission
    ("", re.compile(r"\b((?:COM|SWD|JOIN)[/(]\d{4}[)/]\s?\d{1,4})\b")),  # Commission documents
    (
        "",
        re.compile(
            r"\b((?:SCCR|SCT|SCP|CDIP|WO/[A-Z]{2,3}|A|IGC|GRTKF/IC|WIPO/[A-Z/]{2,12})/\d{1,3}/(?:INF/)?\d{1,3})\b"
        ),
    ),  # WIPO documents
    ("", re.compile(r"\b(IP/C/[WMN]/\d{1,4}(?:/Rev\.\d)?|WT/[A-Z]{2,6}/\d{1,4})\b")),  # WTO documents
    (
        "",
        re.compile(r"\b(PTO[-–][A-Z]{1,3}[-–]\d{4}[-–]\d{3,5}|USTR[-–]\d{4}[-–]\d{3,5}|COLC[-–]\d{4}[-–]\d{1,5})\b"),
    ),  # dockets
    ("fr ", re.compile(r"\b(\d{2,3} FR \d{3,6})\b")),  # Federal Register citation
    ("fr-doc ", re.compile(r"\bFR Doc\.? ?(\d{4}[-–]\d{5})\b", re.IGNORECASE)),
    ("", re.compile(r"\b(\d{4}/\d{1,4}/(?:EU|EC|EEC)|\((?:EU|EC)\) (?:No )?\d{1,4}/\d{2,4})")),  # Union acts
    ("", re.compile(r"\b([CT][-‑–]\d{1,4}/\d{2}(?: P)?)\b")),  # cases before the Court of Justice and the General Court
    ("", re.compile(r"\b([GTJ] ?\d{1,4}/\d{2})\b(?=.{0,80}(?:Board|Beschwerdekammer|chambre|EPO|EPA|OEB))", re.DOTALL)),
    ("celex ", re.compile(r"\b(5\d{4}[A-Z]{2}\d{4}|3\d{4}[LRD]\d{4})\b")),
)
MOST = 40  # a text that names more is a register, and joins nothing


def identifiers(text: str) -> frozenset[str]:
    """The identifiers in a text, in one spelling; empty where it names more than MOST."""
    found = frozenset(_found(unicodedata.normalize("NFKC", text)))
    return found if len(found) <= MOST else frozenset()


def _found(text: str) -> Iterator[str]:
    for prefix, form in _FORMS:
        for match in form.finditer(text):
            yield (
                prefix
                + re.sub(r"[_–‑\s]+", lambda m: "/" if m[0] == "_" else "-" if m[0] in "–‑" else " ", match[1]).lower()
            )
