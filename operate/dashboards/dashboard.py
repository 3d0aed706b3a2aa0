"""A Grafana dashboard: rows of panels, laid out from left to right (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from operate.dashboards.panel import Json, Panel, panel_json

CLICKHOUSE, PROMETHEUS = "grafana-clickhouse-datasource", "prometheus"
# The variable that names the data source, so that any one of the right type can be chosen.
_SOURCE = "datasource"
_GRID = 24


@dataclass(frozen=True, kw_only=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """`source`: the type of its data source. `lists`: variables chosen from a query's answer (id,
    text); `texts`: variables that are typed; each with a label."""

    uid: str
    title: str
    description: str
    source: str
    rows: tuple[Row, ...]
    lists: tuple[tuple[str, str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    since: str = "now-24h"
    refresh: str = "1m"

    @property
    def panels(self) -> list[Panel]:
        return [panel for row in self.rows for panel in row.panels]


def dashboard_json(board: Dashboard) -> Json:
    """What Grafana imports. The same dashboard gives the same JSON."""
    source = {"type": board.source, "uid": f"${{{_SOURCE}}}"}
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": ["rollcall"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": board.since, "to": "now"},
        "refresh": board.refresh,
        "templating": {"list": list(_variables(board, source))},
        "panels": list(_panels(board, source)),
    }


def _variables(board: Dashboard, source: Json) -> Iterator[Json]:
    yield {"type": "datasource", "name": _SOURCE, "label": "Data source", "query": board.source}
    for name, label, query in board.lists:
        yield {
            "type": "query",
            "name": name,
            "label": label,
            "datasource": source,
            "query": query,
            "refresh": 2,
            "current": {"text": "all", "value": ""},
        }
    for name, label in board.texts:
        empty: dict[str, Any] = {"text": "", "value": ""}
        yield {"type": "textbox", "name": name, "label": label, "query": "", "current": empty}


def _panels(board: Dashboard, source: Json) -> Iterator[Json]:
    number = y = 0
    for row in board.rows:
        number += 1
        place = {"x": 0, "y": y, "w": _GRID, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        y, x, tallest = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > _GRID:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield panel_json(panel, source, number, x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
