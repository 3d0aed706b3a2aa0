"""The dashboards: places and names of panels, mounted by kustomize, of metrics that exist.

tests/integration/test_dashboards.py asks every panel.
"""

import json
from itertools import combinations
from typing import Any

import promql_parser
import pytest
import yaml
from promql_parser import AggregateExpr, Expr, VectorSelector

from operate.dashboards.dashboard import Dashboard
from operate.dashboards.pipeline import PIPELINE
from operate.dashboards.publish import DASHBOARDS, text_of
from operate.queries.catalogue import catalogue
from tests.metric_names import declared, family
from tests.unit.project.test_k8s import build

boards = pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
# Of Prometheus itself.
OWN_LABELS = {"le"}


def panels(board: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text_of(board))["panels"]
    return found


@boards
def test_panels_have_places_of_their_own(board: Dashboard) -> None:
    found = panels(board)
    assert len({panel["id"] for panel in found}) == len(found)
    for one_place, other in combinations([panel["gridPos"] for panel in found], 2):
        assert not (
            one_place["x"] < other["x"] + other["w"]
            and other["x"] < one_place["x"] + one_place["w"]
            and one_place["y"] < other["y"] + other["h"]
            and other["y"] < one_place["y"] + one_place["h"]
        )
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in found)


@boards
def test_titles_and_queries_are_there_once(board: Dashboard) -> None:
    titles = [panel.title for panel in board.panels]
    assert len(set(titles)) == len(titles)
    for panel in panels(board):
        refs = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(refs)) == len(refs)


def test_every_named_question_of_a_time_is_on_a_dashboard() -> None:
    """But who was online at a moment, and what the panels by minute show."""
    texts = " ".join(text_of(board) for board in DASHBOARDS)
    for name, query in catalogue().items():
        if name in ("online-at", "online-over-time", "calls"):
            continue
        assert json.dumps(query.question)[1:-1] in texts or name == "registrations-over-time"


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """The metrics that PromQL reads, each with the labels that are named of it."""
    found: list[tuple[str, set[str]]] = []
    grouped: set[str] = set()

    def visit(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            assert node.name is not None
            found.append((node.name, {one.name for one in node.matchers.matchers}))
        if isinstance(node, AggregateExpr) and node.modifier is not None:
            grouped.update(node.modifier.labels)

    promql_parser.walk(
        promql_parser.parse(expression.replace("$__rate_interval", "1m")), pre_visit=visit
    )
    return [(name, labels | grouped) for name, labels in found]


@pytest.mark.parametrize("panel", PIPELINE.panels, ids=lambda panel: panel.title)
def test_metrics_and_labels_exist(panel: Any) -> None:
    for expression, _ in panel.asks:
        found = selectors(expression)
        assert found
        for name, labels in found:
            assert labels - OWN_LABELS <= declared()[family(name)], expression


def test_a_metric_of_another_name_is_noticed() -> None:
    ((name, labels),) = selectors(
        'sum by (cause) (rate(rollcall_presence_change_total{x="1"}[1m]))'
    )
    assert labels == {"cause", "x"}
    with pytest.raises(KeyError):
        family(name)


def test_kustomize_makes_config_maps_of_the_files() -> None:
    maps = {one["metadata"]["name"]: one for one in build("grafana")}
    dashboards = maps["rollcall-dashboards"]
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name: text_of(board) for board in DASHBOARDS if (name := f"{board.uid}.json")} == (
        dashboards["data"]
    )
    assert len(json.dumps(dashboards)) < 200_000, "kubectl apply keeps a copy of at most 256 KiB"
    sources = yaml.safe_load(maps["rollcall-datasources"]["data"]["rollcall.yaml"])["datasources"]
    assert {one["type"] for one in sources} == {board.source for board in DASHBOARDS}
