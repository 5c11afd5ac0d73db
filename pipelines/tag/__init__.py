"""Title, text and passages → Tagging. `load_themes` reads the taxonomy, `Tagger` applies it; `measure` is apart."""

from __future__ import annotations

from pipelines.tag.tagger import Tagger
from pipelines.tag.themes import Anchor, Theme, Themes, load_themes

__all__ = ["Anchor", "Tagger", "Theme", "Themes", "load_themes"]
