"""Chart → a page of its own that needs no network: one HTML file with the chart, its script, and the numbers as a table.

The script runs under a strict Content-Security-Policy: expressions are interpreted, never compiled, and no style is injected; the
address of nothing foreign stands in it. Without script, the page shows the chart as a picture. Never fails on any Trend.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.resources import files

import altair as alt
import vl_convert
from jinja2 import Environment
from markupsafe import Markup

from iprwatch.charts import build_spec, render_svg, theme_chart, title_of
from iprwatch.trend_forms import summarise, tell_outages
from iprwatch.trends import Trend

DRAW = """
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const options = {ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: {disableDefaultStyle: true}};
async function draw(figure) {
  const name = (dark.matches && figure.dataset.chartDark) || figure.dataset.chart;
  const spec = JSON.parse(document.getElementById(name).textContent);
  const room = figure.clientWidth - 2 * spec.padding;
  for (const plot of [spec, ...spec.vconcat]) {  // on a narrow screen the plots are narrower and their names cut
    if (plot.width > room) plot.width = room;
    Object.assign(plot.title, {limit: room, subtitleLimit: room});
  }
  await vegaEmbed(figure.querySelector(".chart"), {...spec, background: "transparent"}, options);
  for (const picture of figure.querySelectorAll(".fallback")) picture.hidden = true;
}
function drawAll() { for (const figure of document.querySelectorAll("figure[data-chart]")) draw(figure); }
dark.addEventListener("change", drawAll);
drawAll();
"""


@cache
def chart_script() -> str:
    """The script that draws every `<figure data-chart="ID">`, about 0.9 MB; made in about a second, kept for the process.

    The spec is the JSON in the element ID (and, for a dark scheme, the one in `data-chart-dark`); it is drawn in the figure's
    `.chart`, and the figure's `.fallback` is hidden then. The tooltip is `#vg-tooltip-element`, styled by the page.
    """
    return vl_convert.javascript_bundle(DRAW)


def spec_json(chart: alt.VConcatChart) -> Markup:
    """The chart's specification for a `<script type="application/json">`: no text of it can end the element."""
    text = json.dumps(build_spec(chart), ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def render_page(trend: Trend, link: str | None = None) -> str:
    """The whole page. `link` as in theme_chart; where it is given, it should be a full address."""
    light, dark = theme_chart(trend, link), theme_chart(trend, link, dark=True)
    template = Environment(autoescape=True).from_string((files("iprwatch") / "chart_page.html").read_text("utf-8"))
    return template.render(
        title=title_of(trend).text,
        light=spec_json(light),
        dark=spec_json(dark),
        script=Markup(chart_script().replace("</script", "<\\/script")),  # noqa: S704  ours and the libraries'
        picture=base64.b64encode(render_svg(light).encode()).decode(),
        summaries=summarise(trend),
        compared=trend.compared_days,
        outages=tell_outages(trend.outages),
        trend=trend,
    )
