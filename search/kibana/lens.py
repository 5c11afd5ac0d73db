"""A dashboard → a saved object with its charts inside, for Kibana before the Dashboards API and where that refuses. Pure.

Notation of Lens as exports of Kibana 8.9 hold it, which later versions migrate when they import it.
"""

from __future__ import annotations

import json
from typing import Any

from search.kibana.panels import By, Dashboard, Measure, Panel
from search.kibana.pills import DAYS

LAYER = "layer"  # each chart has one


def dashboard_attributes(dashboard: Dashboard, description: str) -> dict[str, Any]:
    """The attributes of the dashboard's saved object."""
    source = {"query": {"query": "", "language": "kuery"}, "filter": []}
    return {
        "title": dashboard.title,
        "description": description,
        "panelsJSON": json.dumps([_panel(panel) for panel in dashboard.panels]),
        "optionsJSON": json.dumps({"useMargins": True, "syncColors": True, "hidePanelTitles": False}),
        "timeRestore": True,
        "timeFrom": f"now-{DAYS}d",
        "timeTo": "now",
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }


def dashboard_references(dashboard: Dashboard, data_view: str) -> list[dict[str, str]]:
    """Each chart's data view, under the names that the panels use."""
    return [
        {"type": "index-pattern", "id": data_view, "name": f"{panel.id}:indexpattern-datasource-layer-{LAYER}"}
        for panel in dashboard.panels
    ]


def _panel(panel: Panel) -> dict[str, Any]:
    x, y, width, height = panel.grid
    visualization, state = {"bars": _bars, "heatmap": _heatmap, "table": _table}[panel.kind](panel)
    return {
        "type": "lens",
        "panelIndex": panel.id,
        "gridData": {"x": x, "y": y, "w": width, "h": height, "i": panel.id},
        "title": panel.title,
        "embeddableConfig": {
            "attributes": {
                "title": panel.title,
                "type": "lens",
                "visualizationType": visualization,
                "references": [],
                "state": {
                    "visualization": state,
                    "datasourceStates": {"formBased": {"layers": {LAYER: _columns(panel)}}},
                    "query": {"query": "", "language": "kuery"},
                    "filters": [],
                    "internalReferences": [],
                    "adHocDataViews": {},
                },
            }
        },
    }


def _bars(panel: Panel) -> tuple[str, dict[str, Any]]:
    layer = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": "bar_stacked",
        "xAccessor": "x",
        "accessors": _measured(panel),
    }
    split = {"splitAccessor": "by"} if panel.by else {}
    legend = {"isVisible": True, "position": "right"}
    return "lnsXY", {"preferredSeriesType": "bar_stacked", "legend": legend, "layers": [{**layer, **split}]}


def _heatmap(panel: Panel) -> tuple[str, dict[str, Any]]:
    state = {
        "shape": "heatmap",
        "layerId": LAYER,
        "layerType": "data",
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": True,
            "isXAxisLabelVisible": True,
            "isYAxisLabelVisible": True,
        },
        "valueAccessor": "m0",
        "xAccessor": "x",
    }
    return "lnsHeatmap", {**state, "yAccessor": "by"} if panel.by else state


def _table(panel: Panel) -> tuple[str, dict[str, Any]]:
    columns = [{"columnId": id} for id in ("x", *_measured(panel))]
    return "lnsDatatable", {"layerId": LAYER, "layerType": "data", "columns": columns}


def _measured(panel: Panel) -> list[str]:
    return [f"m{n}" for n in range(len(panel.measures))]


def _columns(panel: Panel) -> dict[str, Any]:
    columns = {"x": _by(panel.x)}
    if panel.by:
        columns["by"] = _by(panel.by)
    columns |= {id: _measure(each) for id, each in zip(_measured(panel), panel.measures, strict=True)}
    return {"columnOrder": list(columns), "columns": columns, "incompleteColumns": {}}


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "label": measure.label,
        "customLabel": True,
        "operationType": measure.operation,
        "sourceField": measure.field or "___records___",
        "dataType": "date" if measure.operation == "max" else "number",
        "isBucketed": False,
        "scale": "ratio",
        "params": {"emptyAsNull": True},
    }


def _by(by: By) -> dict[str, Any]:
    column: dict[str, Any] = {"label": by.label, "customLabel": True, "operationType": by.operation, "isBucketed": True}
    if by.operation == "date_histogram":
        params: dict[str, Any] = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
        return {**column, "sourceField": by.field, "dataType": "date", "scale": "interval", "params": params}
    if by.operation == "terms":
        order = {"orderBy": {"type": "column", "columnId": "m0"}, "orderDirection": "desc"}
        params = {
            "size": by.limit,
            **order,
            "otherBucket": False,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
        }
        return {**column, "sourceField": by.field, "dataType": "string", "scale": "ordinal", "params": params}
    filters = [
        {"label": label, "input": {"query": query, "language": "kuery"}} for label, query in by.queries().items()
    ]
    return {**column, "dataType": "string", "scale": "ordinal", "params": {"filters": filters}}
