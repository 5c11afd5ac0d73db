"""Trend → chart of themes over time: an altair chart, and from it SVG and PNG. Small multiples, one hue, every series named where it stands.

Periods in which not all sources were seen are hatched behind their bars and named in the tooltip; periods that are not whole are pale.
Works without a network and without a browser (vl-convert). Asks nothing, writes no file. Never fails on any Trend.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

from iprwatch.chart_data import DAY, DIAGONALS, OUTAGES, SEEN, Plane, build_data, moment, plane_of
from iprwatch.outages import spell_days
from iprwatch.trends import Trend
from search.schema import Period

WIDTH = 640  # pixels of the plot: with its margins it fits a 700 px column, and a mail
HEIGHTS = {1: 220, 2: 150, 3: 110}  # pixels of one theme's plot, by how many there are
HEIGHT = 46  # with more themes: ten of them fit one screen
STRIP = 20  # pixels of the strip that shows how many sources were seen
NUMBERS_MOST = 31  # periods up to which each bar carries its number; beyond, an axis says it
LABELS_MOST = 14  # labels on the time axis that do not touch
PALE = 0.45  # opacity of a bar whose period is not whole
FONTS = "system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif"
LABELS: dict[Period, str] = {"day": "%-d %b", "week": "%-d %b", "month": "%b %y"}
POINTED = ["Theme:N", "Period:N", "Stories:Q", "Articles:Q", "Partly seen:N"]  # what the tooltip says
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_SCALE = 2  # sharp on dense screens, and in print at half the width

Plot = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one scheme; bars are of Okabe and Ito's colour-blind-safe set, at least 3:1 against the ground."""

    bar: str
    text: str
    muted: str
    hatch: str
    ground: str


LIGHT = Palette(bar="#0072b2", text="#1b1f24", muted="#59636e", hatch="#8c959f", ground="#ffffff")
DARK = Palette(bar="#56b4e9", text="#e6e8eb", muted="#a3abb4", hatch="#7d8590", ground="#15181c")


@dataclass(frozen=True, slots=True)
class Frame:
    """What all plots of a chart share: time axis, scale of counts, colours, and whether bars carry numbers and lead on."""

    trend: Trend
    plane: Plane
    palette: Palette
    linked: bool

    @property
    def numbered(self) -> bool:
        """Whether each bar carries its number."""
        return len(self.trend.seen) <= NUMBERS_MOST

    def x(self, field: str, labelled: bool = False) -> alt.X:
        """A time in milliseconds, on the common axis. A linear scale: Vega-Lite merges the domains of time scales wrongly."""
        axis = time_axis(self.trend) if labelled else alt.Axis(labels=False, values=[], title=None)
        scale = alt.Scale(domain=[self.plane.begin, self.plane.end], nice=False, zero=False)
        return alt.X(field=field, type="quantitative", scale=scale, axis=axis)

    def y(self, field: str) -> alt.Y:
        """A count, on the common scale."""
        axis = None if self.numbered else alt.Axis(title=None, tickCount=2, format="d", tickMinStep=1, domain=False)
        scale = alt.Scale(domain=[0, self.plane.top], nice=False)
        return alt.Y(field=field, type="quantitative", scale=scale, axis=axis)


def theme_chart(trend: Trend, link: str | None = None, dark: bool = False) -> alt.VConcatChart:
    """One small chart per theme over a common time axis, and a strip with the share of sources seen.

    `link`: address that a bar leads to, with the fields {theme}, {since} and {until}. `dark`: colours for a dark ground.
    """
    palette = DARK if dark else LIGHT
    plane = plane_of(trend, WIDTH, HEIGHTS.get(len(trend.themes), HEIGHT))
    frame = Frame(trend, plane, palette, bool(link))
    hatched = hatch_layers(frame)
    plots = [theme_plot(frame, theme, label, hatched) for theme, label in trend.themes.items()]
    chart = alt.vconcat(*plots, seen_strip(frame), spacing=6, title=title_of(trend), padding=14)
    chart.config = build_config(palette)
    chart.datasets = build_data(trend, plane, link)  # set last: every other step would copy it
    return chart


def build_config(palette: Palette) -> alt.Config:
    """Colours and type of the whole chart."""
    return alt.Config(
        background=palette.ground,
        font=FONTS,
        view=alt.ViewConfig(stroke=None),
        title=alt.TitleConfig(color=palette.text, subtitleColor=palette.muted, anchor="start", frame="group"),
        axis=alt.AxisConfig(labelColor=palette.muted, domainColor=palette.hatch, ticks=False),
        axisY=alt.AxisConfig(gridColor=palette.hatch, gridOpacity=0.35),
        text=alt.MarkConfig(color=palette.text, fontSize=10),
    )


def title_of(trend: Trend) -> alt.Title:
    """What is shown, of which items, and how to read it."""
    unit, by = trend.asked.unit, trend.asked.by
    scope = ", ".join((*trend.asked.economies, *trend.asked.sources))
    about = [f"{spell_days(trend.since, trend.until)}{f', {scope}' if scope else ''}"]
    if trend.demo:
        about[0] += " · demo data: invented items"
    hints = []
    if trend.outages:
        hints.append("hatched: not all sources were seen")
    if not all(row.whole for row in trend.rows):
        hints.append(f"pale: not a whole {by}")
    if hints:
        about.append("; ".join(hints).capitalize())
    return alt.Title(f"{unit.capitalize()} per theme by {by}", subtitle=about, fontSize=16, offset=12)


def theme_plot(frame: Frame, theme: str, label: str, hatched: list[alt.Chart]) -> Plot:
    """One theme's bars before the hatching, their numbers where there is room, and over each period an unseen field to point at."""
    base = alt.Chart({"name": theme})
    some = base.transform_filter("datum.size > 0")
    bars = some.mark_bar(color=frame.palette.bar, aria=False).encode(
        frame.x("from"),
        frame.y("size"),
        x2=alt.X2(field="to"),
        y2=alt.Y2Datum(0),
        fillOpacity=alt.condition("datum.whole", alt.value(1), alt.value(PALE)),
    )
    fields = base.mark_rect(opacity=0, cursor="pointer" if frame.linked else "default").encode(
        frame.x("start"),
        x2=alt.X2(field="end"),
        tooltip=POINTED,
        description="said:N",
        **({"href": "href:N"} if frame.linked else {}),
    )
    layers = [*hatched, bars, fields]
    if frame.numbered:
        numbers = some.mark_text(baseline="bottom", dy=-2, tooltip=None, aria=False)
        layers.insert(-1, numbers.encode(frame.x("mid"), frame.y("size"), text="size:Q"))
    title = alt.Title(f"{theme}  {label}", fontSize=12, fontWeight="normal", offset=1)
    return alt.layer(*layers, width=WIDTH, height=frame.plane.height, title=title)


def hatch_layers(frame: Frame) -> list[alt.Chart]:
    """Ground and diagonal lines of every partly seen period."""
    if not frame.trend.outages:
        return []
    ground = alt.Chart({"name": OUTAGES}).mark_rect(color=frame.palette.hatch, opacity=0.1, aria=False)
    lines = alt.Chart({"name": DIAGONALS}).mark_line(color=frame.palette.hatch, opacity=0.5, strokeWidth=1, aria=False)
    return [
        ground.encode(frame.x("start"), x2=alt.X2(field="end")),
        lines.encode(frame.x("at"), frame.y("size"), order="n:Q"),
    ]


def seen_strip(frame: Frame) -> Plot:
    """The share of sources seen in each period, above the labels of the time axis."""
    bars = alt.Chart({"name": SEEN}).mark_bar(color=frame.palette.hatch, opacity=0.6, aria=False)
    bars = bars.encode(
        frame.x("start", labelled=True),
        alt.Y(field="share", type="quantitative", scale=alt.Scale(domain=[0, 1]), axis=None),
        x2=alt.X2(field="end"),
        y2=alt.Y2Datum(0),
        tooltip=["Period:N", "Sources seen:N", "Partly seen:N"],
    )
    total = frame.trend.sources
    said = (
        f"Share of the {total} sources that was seen"
        if total > 1
        else "When the source was seen"
        if total
        else "No source is watched for these"
    )
    title = alt.Title(said, fontSize=11, fontWeight="normal", offset=1)
    return alt.layer(bars, width=WIDTH, height=STRIP, title=title)


def time_axis(trend: Trend) -> alt.Axis:
    """At most LABELS_MOST labels, each under the middle of its period (a week's under its Monday)."""
    ends = {row.start: row.end for row in trend.rows}
    starts = sorted(ends)[:: -(-len(ends) // LABELS_MOST)]
    at = [(moment(s) + moment(ends[s] + DAY)) / 2 if trend.asked.by != "week" else moment(s) for s in starts]
    form = LABELS[trend.asked.by]
    if trend.asked.by != "month" and trend.since.year != trend.until.year:
        form += " %y"
    return alt.Axis(title=None, values=at, labelExpr=f"utcFormat(datum.value, '{form}')", grid=False)


def build_spec(chart: alt.VConcatChart) -> dict[str, Any]:
    """The chart in Vega-Lite's words. Not compared with its schema each time: that takes as long again, and a test does it."""
    return chart.to_dict(validate=False)


def render_svg(chart: alt.VConcatChart) -> str:
    """The chart as SVG."""
    return vl_convert.vegalite_to_svg(build_spec(chart))


def render_png(chart: alt.VConcatChart) -> bytes:
    """The chart as PNG, twice as many pixels as it is wide."""
    return repack_png(vl_convert.vegalite_to_png(build_spec(chart), scale=PNG_SCALE))


def repack_png(png: bytes) -> bytes:
    """The same picture, well compressed: vl-convert writes quickly, and hatching then takes nine times the room (PNG, RFC 2083)."""
    kept: dict[bytes, bytes] = {}
    at = len(PNG_MAGIC)
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        kept[kind] = kept.get(kind, b"") + png[at + 8 : at + 8 + size]
        at += 12 + size
    kept[b"IDAT"] = zlib.compress(zlib.decompress(kept[b"IDAT"]), 9)
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in kept.items()
    )
    return PNG_MAGIC + b"".join(chunks)
