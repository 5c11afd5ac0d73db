"""Title, text, language → content hash: what decides whether an item is new or edited. Does not clean (decode.py does). Never fails."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

HASH_VERSION = "v1"  # rises with any change below; hashes of two versions are never compared

VOLATILE = re.compile(
    r"^\W*(?:last (?:page )?(?:update[d]?|modified|reviewed|changed)|page last (?:updated|modified|reviewed)|date modified|updated on|stand|"
    r"letzte (?:änderung|aktualisierung)|dernière (?:mise à jour|modification)|mis(?:e)? à jour le|última (?:actualización|modificación|atualização)|"
    r"ultim[oa] (?:aggiornamento|modifica)|terakhir (?:diperbarui|dikemaskini)|最終更新日?|更新日|更新日期|更新時間|최종 ?수정일|cập nhật)"
    r"\b[\s:：].{0,60}$|^\W*(?:views?|hits|visitors?|aufrufe|阅读|點閱|浏览|조회수?)\W*\d[\d,. ]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""Whole lines that change without the item changing: update stamps and counters."""

_SPACE = re.compile(r"\s+")


def content_hash(title: str, text: str, language: str) -> str:
    """`v1:` + hex sha256 over NFKC, case-folded, whitespace-collapsed title, text and language; volatile lines and dates left out."""
    parts = (folded(title), folded(VOLATILE.sub("", text)), language.lower())
    digest = sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{HASH_VERSION}:{digest}"


def folded(text: str) -> str:
    """NFKC, case-folded, whitespace collapsed."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
