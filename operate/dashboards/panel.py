"""One panel of a Grafana dashboard: what it asks, and how the answer is drawn (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Shape(StrEnum):
    """How an answer is drawn; the values are Grafana's panel types."""

    LINES = "timeseries"
    AREAS = "areas"  # lines on top of each other
    BARS = "bars"  # bars on top of each other, one a point in time
    TABLE = "table"
    FIGURES = "stat"
    HEATMAP = "heatmap"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """`asks`: SQL, or PromQL with a legend each; `colours`: of series, by name."""

    title: str
    description: str
    asks: tuple[tuple[str, str], ...]
    shape: Shape = Shape.LINES
    unit: str = "short"
    width: int = 12  # of 24
    height: int = 8
    colours: Mapping[str, str] = field(default_factory=dict)


def panel_json(panel: Panel, source: Json, number: int, x: int, y: int) -> Json:
    """The panel as a dashboard has it, at a place of the grid. `source`: its data source."""
    return {
        "id": number,
        "type": _TYPES.get(panel.shape, panel.shape.value),
        "title": panel.title,
        "description": panel.description,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [
            _target(panel.shape, source, chr(ord("A") + number), text, legend)
            for number, (text, legend) in enumerate(panel.asks)
        ],
        "fieldConfig": _field_config(panel),
        "options": _options(panel.shape),
    }


_TYPES = {Shape.AREAS: "timeseries", Shape.BARS: "timeseries"}
_TABLES = (Shape.TABLE, Shape.FIGURES)


def _target(shape: Shape, source: Json, ref: str, text: str, legend: str) -> Json:
    if source["type"] == "prometheus":
        formats = {Shape.HEATMAP: "heatmap", Shape.TABLE: "table"}
        return {
            "datasource": source,
            "refId": ref,
            "expr": text,
            "legendFormat": legend,
            "format": formats.get(shape, "time_series"),
            "instant": shape in _TABLES,
        }
    is_table = shape in _TABLES
    return {
        "datasource": source,
        "refId": ref,
        "editorType": "sql",
        "pluginVersion": "4.0.0",
        "rawSql": text,
        "queryType": "table" if is_table else "timeseries",
        "format": 1 if is_table else 0,
    }


def _field_config(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit}
    if panel.shape in (Shape.LINES, Shape.AREAS, Shape.BARS):
        defaults["min"] = 0
        defaults["custom"] = {
            "drawStyle": "bars" if panel.shape is Shape.BARS else "line",
            "fillOpacity": 0 if panel.shape is Shape.LINES else 60,
            "lineWidth": 1,
            "showPoints": "auto",
            "spanNulls": panel.shape is Shape.LINES,
            "stacking": {"mode": "none" if panel.shape is Shape.LINES else "normal"},
        }
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for name, colour in panel.colours.items()
    ]
    return {"defaults": defaults, "overrides": overrides}


def _options(shape: Shape) -> Json:
    if shape is Shape.FIGURES:
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
            "colorMode": "value",
            "graphMode": "none",
        }
    if shape is Shape.HEATMAP:
        return {"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Blues"}}
    if shape is Shape.TABLE:
        return {"showHeader": True, "cellHeight": "sm"}
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
