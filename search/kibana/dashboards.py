"""A dashboard → the body of Kibana's Dashboards API (generally available since 9.5). Pure.

Fields as in the API's published specification for Kibana 9.5: `vis` panels with a chart's configuration inside, data views by reference, 48 columns.
"""

from __future__ import annotations

from typing import Any

from search.kibana.panels import By, Dashboard, Measure, Panel
from search.kibana.pills import DAYS

API_SINCE = (9, 5)
"""Before, the API was a preview whose shape changed between releases."""


def dashboard_body(dashboard: Dashboard, data_view: str, description: str) -> dict[str, Any]:
    """What is PUT under the dashboard's id."""
    return {
        "title": dashboard.title,
        "description": description,
        "time_range": {"from": f"now-{DAYS}d", "to": "now"},
        "panels": [_panel(panel, data_view) for panel in dashboard.panels],
    }


def _panel(panel: Panel, data_view: str) -> dict[str, Any]:
    x, y, width, height = panel.grid
    source = {"type": "data_view_reference", "ref_id": data_view}
    write = {"bars": _bars, "heatmap": _heatmap, "table": _table}[panel.kind]
    return {
        "type": "vis",
        "id": panel.id,
        "grid": {"x": x, "y": y, "w": width, "h": height},
        "config": {"title": panel.title, **write(panel, source)},
    }


def _bars(panel: Panel, source: dict[str, str]) -> dict[str, Any]:
    layer = {
        "type": "bar_stacked",
        "data_source": source,
        "x": _by(panel.x),
        "y": [_measure(each) for each in panel.measures],
    }
    return {"type": "xy", "layers": [{**layer, "breakdown_by": _by(panel.by)} if panel.by else layer]}


def _heatmap(panel: Panel, source: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "data_source": source,
        "metric": _measure(panel.measures[0]),
        "x": _by(panel.x),
        **({"y": _by(panel.by)} if panel.by else {}),
    }


def _table(panel: Panel, source: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "data_table",
        "data_source": source,
        "metrics": [_measure(each) for each in panel.measures],
        "rows": [_by(panel.x)],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    named = {"operation": measure.operation, "label": measure.label}
    return {**named, "field": measure.field} if measure.field else named


def _by(by: By) -> dict[str, Any]:
    if by.operation == "date_histogram":
        return {"operation": by.operation, "field": by.field}
    if by.operation == "terms":
        return {"operation": by.operation, "fields": [by.field], "limit": by.limit}
    filters = [
        {"label": label, "filter": {"expression": query, "language": "kql"}} for label, query in by.queries().items()
    ]
    return {"operation": by.operation, "filters": filters}
