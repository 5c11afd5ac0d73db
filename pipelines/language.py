"""Text → language. Detects among what the source writes in; does not translate. Never fails: `und` where nothing is known.

Scripts decide first (cheap and certain); py3langid (Lui & Baldwin 2012) decides among Latin-script languages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

MIN_LETTERS = 60  # with fewer letters a guess is worth less than the source's declaration
SAMPLE = 3000  # characters; more changes no decision
MINOR_SHARE = 0.05  # kana in Japanese text is above 30 %, in a Chinese text that quotes a name far below this

_LETTER = re.compile(r"[^\W\d_]")
_SCRIPTS = (
    ("ko", re.compile("[\uac00-\ud7a3]")), ("th", re.compile("[\u0e00-\u0e7f]")), ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")), ("ar", re.compile("[\u0600-\u06ff]")), ("hi", re.compile("[\u0900-\u097f]")),
    ("ru", re.compile("[\u0400-\u04ff]")), ("zh", re.compile("[\u4e00-\u9fff]")),
)  # fmt: skip
_FAMILIES = {"ar": ("ar", "fa", "ur"), "ru": ("ru", "uk", "bg", "mn", "kk", "sr", "mk", "be"), "hi": ("hi", "mr", "ne")}
"""Languages that share a script; the declared one among them wins, else the first."""

_KANA = re.compile("[\u3040-\u30ff]")
_TRADITIONAL = frozenset("國專標權與為這個會時學點經發業實對書應開關請讓電華資訊從議產題務單總們說無體創門長動")
_SIMPLIFIED = frozenset("国专标权与为这个会时学点经发业实对书应开关请让电华资讯从议产题务单总们说无体创门长动")


def primary_tag(tag: str) -> str:
    """`pt-BR` → `pt`; Traditional Chinese in any spelling → `zh-Hant`; empty if it is no language tag."""
    parts = tag.strip().replace("_", "-").lower().split("-")
    if not re.fullmatch(r"[a-z]{2,3}", parts[0]) or parts[0] == "und":
        return ""
    if parts[0] == "zh":
        return "zh-Hant" if {"hant", "tw", "hk", "mo"} & set(parts[1:]) else "zh"
    return parts[0]


def detect_language(text: str, declared: Sequence[str] = (), hint: str = "") -> str:
    """The BCP 47 primary tag of a text. `declared`: what the source writes in, default first; `hint`: what the item says."""
    known = [tag for tag in map(primary_tag, (hint, *declared)) if tag]
    default = known[0] if known else "und"
    sample = text[:SAMPLE]
    letters = len(_LETTER.findall(sample))
    if not letters:
        return default
    by_script = _by_script(sample, letters, known)
    if by_script:
        return by_script
    return _by_words(sample, known, default) if letters >= MIN_LETTERS else default


def _by_script(sample: str, letters: int, known: Sequence[str]) -> str:
    if len(_KANA.findall(sample)) > letters * MINOR_SHARE:
        return "ja"
    for tag, signs in _SCRIPTS:
        if len(signs.findall(sample)) * 2 > letters:  # Latin names stay a minority
            return _chinese(sample, known) if tag == "zh" else _of_family(tag, known)
    return ""


def _of_family(tag: str, known: Sequence[str]) -> str:
    family = _FAMILIES.get(tag, (tag,))
    return next((k for k in known if k in family), tag)


def _chinese(sample: str, known: Sequence[str]) -> str:
    signs = set(sample)
    traditional, simplified = len(signs & (_TRADITIONAL - _SIMPLIFIED)), len(signs & (_SIMPLIFIED - _TRADITIONAL))
    if traditional != simplified:
        return "zh-Hant" if traditional > simplified else "zh"
    return next((k for k in known if k in ("zh", "zh-Hant", "ja")), "zh")


def _by_words(sample: str, known: Sequence[str], default: str) -> str:
    """The likelier of the declared languages and English; another one only where nothing was declared."""
    plausible = {*(k.partition("-")[0] for k in known), "en"}
    for tag, _ in _identifier().rank(sample):
        if not known or tag in plausible:
            return str(tag)
    return default


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
