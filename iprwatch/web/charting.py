"""Trend → what the page needs to draw it: two specifications and the script. Slow (about a second), so the last ones are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from markupsafe import Markup

from iprwatch.trends import Trend

KEPT = 8  # drawn trends, 0.2 MB each: the periods and units of the page, and a few themes
LINK = "/search?theme={theme}&since={since}&until={until}&sort=newest"  # of a bar


class Specs(NamedTuple):
    """A chart's specification as JSON for a script element, for a light and a dark ground."""

    light: Markup
    dark: Markup


@dataclass(frozen=True)
class _Drawn:
    digest: str  # tells trends apart
    trend: Trend = field(compare=False)


def build_specs(trend: Trend) -> Specs:
    """The specifications of a trend's chart."""
    return _build(_Drawn(sha256(repr(trend).encode()).hexdigest(), trend))


def build_picture(trend: Trend) -> str:
    """The chart as SVG, for a browser without script."""
    from iprwatch.charts import render_svg, theme_chart

    return render_svg(theme_chart(trend))


def build_script() -> str:
    """The script that draws; see iprwatch.chart_page."""
    from iprwatch.chart_page import chart_script

    return chart_script()


@lru_cache(KEPT)
def _build(drawn: _Drawn) -> Specs:
    from iprwatch.chart_page import spec_json
    from iprwatch.charts import theme_chart

    return Specs(*(spec_json(theme_chart(drawn.trend, LINK, dark)) for dark in (False, True)))
