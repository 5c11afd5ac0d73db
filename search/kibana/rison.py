"""A JSON value → Rison, the notation of Kibana's addresses. Writes only; raises TypeError for what JSON does not know.

Written after the grammar of the Rison documentation (Nix, 2007): `!t !f !n`, `!(a,b)`, `(k:v)`, and quotes where a string could be read as
anything else. Quoting more than needed is read the same.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z_./~][A-Za-z0-9_./~-]*")
"""Strings that need no quotes; a leading digit or hyphen would be a number."""

SAFE = "!:(),'$*@/~"
"""Characters that stand unescaped after `#`; a closing bracket or blank at the end would be cut off by mail programs, so both are escaped below."""


def write_rison(value: Any) -> str:
    """The value in Rison; keys in their order."""
    if value is None or isinstance(value, bool):
        return {None: "!n", True: "!t", False: "!f"}[value]
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else "'" + re.sub(r"([!'])", r"!\1", value) + "'"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise TypeError(f"{value} is no number of JSON")
        return json.dumps(value).replace("e+", "e")
    if isinstance(value, Mapping):
        return "(" + ",".join(f"{write_rison(str(key))}:{write_rison(each)}" for key, each in value.items()) + ")"
    if isinstance(value, list | tuple):
        return "!(" + ",".join(map(write_rison, value)) + ")"
    raise TypeError(f"{type(value).__name__} is nothing that JSON knows")


def write_parameter(value: Any) -> str:
    """The value in Rison, escaped for an address."""
    return quote(write_rison(value), safe=SAFE).replace(")", "%29")
