"""The errors of the understanding steps. Each names its fact as an attribute; the command line prints them.

UnderstandError
├─ ExtractError(url, why)     no article can be read from this page (counted skip or dead letter)
│  ├─ NoText                  the page holds no article text
│  ├─ NotAnArticle            bot wall, consent or error page
│  └─ TooLarge                beyond the limits
├─ ModelError(fact)           the model's files, hash or vectors are not what they must be
└─ ThemesError(fact)          a themes file contradicts itself or its seeds
"""

from __future__ import annotations


class UnderstandError(Exception):
    """Root of this room's errors."""


class ExtractError(UnderstandError):
    """No article can be read from this page."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")
        self.url, self.why = url, why


class NoText(ExtractError):
    """The page holds no article text."""


class NotAnArticle(ExtractError):
    """A bot wall, consent or error page."""


class TooLarge(ExtractError):
    """The page is beyond the limits."""


class ModelError(UnderstandError):
    """The model's files, hash or vectors are not what they must be."""


class ThemesError(UnderstandError):
    """A themes file contradicts itself or its seeds."""
