"""Every panel of the dashboards, asked after a demo: of the real ClickHouse engine and Prometheus.

One stack plays the demo's recordings and some more, and has some trouble: input that cannot be
used, a user center that ends, a producer that is killed.
"""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from local.demo import recordings
from local.replay.playing import Playing
from local.replay.sources import Source
from local.replay.streams_progress import StreamsProgress
from local.stack import Stack
from operate.dashboards.dashboard import Dashboard
from operate.dashboards.panel import Panel, Shape
from operate.dashboards.pipeline import PIPELINE
from operate.dashboards.presence import NOT_KNOWN, PRESENCE
from schemas.presence import Presence, PresenceCall
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import CallState, Cause, Status
from sinks.clickhouse.asking.client import ask
from sinks.clickhouse.database import Database
from sinks.clickhouse.settings import ClickHouseSettings
from tests import clickhouse_records as records
from tests.capture_truth import CAPTURES
from tests.eventually import eventually
from tests.gateway import WebSocket
from tests.integration.clickhouse_support import opened
from tests.integration.prometheus_process import PROGRAM, Prometheus
from tests.integration.test_query import store
from tests.metric_names import declared, family

pytestmark = pytest.mark.timeout(300)

SPEECH = CAPTURES.parent / "speech" / "fs_pds_success.esl.json"
MEDIA = CAPTURES.parent / "rtpengine" / "ng_loss.jsonl"
SECONDS = 5.0
LOST = Cause.NODE_LOST.value


@dataclass
class Played:
    """What a stack left: its store, what Prometheus answered, what /metrics and the board had."""

    store: ClickHouseSettings
    since: datetime
    series: dict[str, list[dict[str, Any]]] | None
    exposed: dict[str, set[frozenset[str]]]
    users: list[float]


class BoardPage:
    """An open page of the board: the last summary it was sent."""

    def __init__(self, url: str) -> None:
        self.summary: dict[str, Any] = {}
        self._url = url.replace("http", "ws", 1) + "/board/feed"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed), connect(self._url, proxy=None) as socket:
            while True:
                self.summary = json.loads(socket.recv()).get("summary", self.summary)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder, since = tmp_path_factory.mktemp("dashboards"), datetime.now(UTC)
    patched = pytest.MonkeyPatch()
    patched.setenv("ROLLCALL_SETTINGS", os.devnull)
    patched.setenv("ROLLCALL_AUDIT_NODES", '["freeswitch:fs-none=127.0.0.1:1"]')
    stack = Stack(folder / "stack", lambda _: None, isolated=True)
    with contextlib.ExitStack() as ended:
        ended.callback(patched.undo)
        prometheus = ended.enter_context(Prometheus(folder)) if PROGRAM else None
        ended.callback(stack.abort)
        stack.start()
        stack.add("audit", {})
        yield _play(stack, prometheus, since)


def _play(stack: Stack, prometheus: Prometheus | None, since: datetime) -> Played:
    page = BoardPage(stack.gateway_url)
    for _ in range(4):  # subscribers
        WebSocket(stack.gateway_url, "domain=sip.example.test").wait_live()
    assert httpx.get(f"{stack.gateway_url}/presence?no=1", trust_env=False).status_code == 400
    with Playing(stack, [Source("rtpengine", MEDIA, "rtpe-1")], 20.0) as media:
        _finish(stack, media, prometheus)
    sources = [
        *recordings(),
        Source("freeswitch", CAPTURES / "reg_authfail.json", "fs-riga"),
        Source("freeswitch", SPEECH, "fs-turin"),
    ]
    longest = Playing(stack, sources, 1.0).seconds
    with Playing(stack, sources, longest / SECONDS) as playing:
        _finish(stack, playing, prometheus)
        _make_trouble(stack, page)
        chosen = ClickHouseSettings(folder=stack.folder / "clickhouse")
        eventually(lambda: LOST in _losses(page), 30, what="users of the killed producer's node")
        eventually(lambda: _board(page) == _stored(chosen, since), 60, what="equal figures")
        series: dict[str, list[dict[str, Any]]] | None = None
        if prometheus is not None:
            series = {panel.title: [] for panel in PIPELINE.panels}
            with contextlib.suppress(AssertionError):  # the test of each panel shows which has none
                eventually(lambda: not _unanswered(prometheus, series), 60, 0.5)
        exposed = _exposed(stack)
        users = [float(page.summary["users"])]
    stack.stop()
    return Played(chosen, since, series, exposed, users)


def _finish(stack: Stack, playing: Playing, prometheus: Prometheus | None) -> None:
    """Wait until what is played is folded; Prometheus scrapes whatever runs meanwhile."""
    if prometheus is not None:
        prometheus.scrape(process.http for process in stack.stages.values())
    progress = StreamsProgress(stack.kafka)
    try:
        eventually(
            lambda: playing.unfinished() is None and progress.behind() is None,
            90,
            0.2,
            what="everything is folded",
        )
    finally:
        progress.close()


def _make_trouble(stack: Stack, page: BoardPage) -> None:
    """Of the node with the most users the producer is killed: its lease runs out."""
    producer = Producer(stack.kafka.producer())
    producer.produce(stack.kafka.name(REGISTRATIONS), key=b"sip:x@y", value=b"{")
    assert producer.flush(30) == 0
    lost = max(page.summary["nodes"], key=lambda one: one["reachable"])
    assert lost["reachable"], "somebody is to be lost"
    for label in ("reference-user-center", f"freeswitch-{lost['node']}"):
        pid = stack.stages[label].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


def _unanswered(prometheus: Prometheus, series: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The panels without a series so far; those found are kept."""
    for panel in PIPELINE.panels:
        if not series[panel.title]:
            series[panel.title] = [one for text, _ in panel.asks for one in prometheus.ask(text)]
    return [title for title, found in series.items() if not found]


def _exposed(stack: Stack) -> dict[str, set[frozenset[str]]]:
    """The names of all metrics that the stages expose, with the sets of their labels."""
    found: dict[str, set[frozenset[str]]] = {}
    for process in stack.stages.values():
        with contextlib.suppress(httpx.HTTPError):
            text = httpx.get(f"{process.http}/metrics", timeout=5, trust_env=False).text
            for one in text_string_to_metric_families(text):
                for sample in one.samples:
                    if sample.name.startswith("rollcall_"):
                        found.setdefault(sample.name, set()).add(frozenset(sample.labels))
    return found


# -- the board's figures, and the dashboard's ---------------------------------------------------


def panel_of(board: Dashboard, title: str) -> Panel:
    (panel,) = [one for one in board.panels if one.title == title]
    return panel


def _board(page: BoardPage) -> dict[str, Any]:
    """The figures of the board, in the form of `_stored`."""
    if not (found := page.summary):
        return {}

    def counts(one: dict[str, Any]) -> dict[str, int]:
        keys = {"users": "users", "reachable": "reachable", "suspect": "suspect"}
        return {**{key: one[key] for key in keys}, NOT_KNOWN: one["unknown"]}

    return {
        "Users now": [counts(found)],
        "Users now, by status": [found["statuses"]],
        "Nodes now": {one["node"]: counts(one) for one in found["nodes"] if one["users"]},
        "Domains now": {one["domain"]: counts(one) for one in found["domains"]},
        "Losses by cause, in all": _losses(page),
    }


def _losses(page: BoardPage) -> dict[str, int]:
    causes = page.summary.get("losses", {}).get("causes", ())
    return {one["cause"]: one["count"] for one in causes}


def _stored(chosen: ClickHouseSettings, since: datetime) -> dict[str, Any]:
    """The same figures by the dashboard's panels, asked while the sink runs."""

    def rows(title: str) -> list[dict[str, Any]]:
        text = panel_of(PRESENCE, title).asks[0][0]
        answer = ask(chosen, expanded(text, since - timedelta(hours=1)), {})
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    losses = rows("Losses by cause, in all")
    return {
        "Users now": rows("Users now"),
        "Users now, by status": rows("Users now, by status"),
        "Nodes now": {one.pop("node"): one for one in rows("Nodes now")},
        "Domains now": {one.pop("domain"): one for one in rows("Domains now")},
        "Losses by cause, in all": {one["cause"]: one["losses"] for one in losses},
    }


def test_the_board_and_the_dashboards_count_the_same(played: Played) -> None:
    """The fixture has waited until every figure was equal: see `_board`."""
    assert played.users[0] >= 9


# -- panels of ClickHouse -------------------------------------------------------------------------


def expanded(sql: str, since: datetime, **chosen: str) -> str:
    """A query as Grafana's data source for ClickHouse sends it: pkg/macros/macros.go of 4.0."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    values = {
        "$__fromTime_ms": f"fromUnixTimestamp64Milli({int(since.timestamp() * 1000)})",
        "$__toTime_ms": f"fromUnixTimestamp64Milli({int(until.timestamp() * 1000)})",
        "$__interval_s": "30",
        **{
            f"${{{name}:sqlstring}}": "'" + chosen.get(name, "").replace("'", "''") + "'"
            for name in ("node", "domain", "aor")
        },
    }
    for macro, value in values.items():
        sql = sql.replace(macro, value)
    assert "$" not in sql, "only a few macros are used"
    return sql


@pytest.fixture(scope="module")
def database(played: Played) -> Iterator[Database]:
    """The store, with what no recording has: long calls, many losses, bad audio, extensions."""
    now = datetime.now(UTC)
    call = PresenceCall(
        node="fs-oslo", leg="x", call="x", state=CallState.ANSWERED, since=now - timedelta(hours=5)
    )
    busy = Status.ON_THE_PHONE
    found = [records.presence(1, aor="sip:stuck@a.test", at=now, status=busy, calls=[call])]
    for number in range(10):
        found += _up_and_down(f"sip:{number:02}@a.test", now, 1)
    found += _up_and_down("sip:flapping@a.test", now, 3)
    with opened(played.store) as database:
        store(database, "presence_history", found)
        store(database, "media", [records.media(1, at=now, streams=[_bad_audio()])])
        store(database, "dial_results", [records.dial_result("a", 10, asked_at=now)])
        yield database


def _bad_audio() -> dict[str, Any]:
    heard = {"heard_mos": 2.9, "heard_loss_percent": 9.0}
    return {"tag": "a", "index": 1, "type": "audio", "packets": 1, "bytes": 1, "errors": 0, **heard}


def _up_and_down(aor: str, at: datetime, times: int) -> list[Presence]:
    lost: dict[str, Any] = {"reachable": False, "bindings": [], "status": Status.OFFLINE}
    found = []
    for number in range(times):
        up, down = 2 * number + 1, 2 * number + 2
        found += [
            records.presence(up, aor=aor, at=at, cause=Cause.REGISTERED, calls=[]),
            records.presence(down, aor=aor, at=at, cause=Cause.NODE_LOST, calls=[], **lost),
        ]
    return found


@pytest.mark.parametrize("panel", PRESENCE.panels, ids=lambda panel: panel.title)
def test_a_panel_of_clickhouse_is_not_empty(
    played: Played, database: Database, panel: Panel
) -> None:
    for sql, _ in panel.asks:
        found = database.query(expanded(sql, played.since - timedelta(minutes=2)))
        assert found
        if panel.shape is Shape.FIGURES:
            assert any(found[0])
        if panel.shape in (Shape.LINES, Shape.AREAS, Shape.BARS):
            assert all(isinstance(row[0], datetime) for row in found), "the time comes first"


@pytest.mark.parametrize("name", ["node", "domain"])
def test_the_lists_to_choose_from_have_all_and_each(
    played: Played, database: Database, name: str
) -> None:
    (sql,) = [query for one, _, query in PRESENCE.lists if one == name]
    found = database.query(sql)
    assert found[0] == ("", "all")
    assert len(found) > 1
    chosen = {name: found[1][0]}
    for panel in PRESENCE.panels:
        for text, _ in panel.asks:
            database.query(expanded(text, played.since, **chosen))


def test_users_over_time_are_those_of_now(played: Played, database: Database) -> None:
    """The last point of the panel and the figures of now are of the same users."""
    sql = panel_of(PRESENCE, "Users by status").asks[0][0]
    points = database.query(expanded(sql, played.since - timedelta(minutes=2)))
    last = max(at for at, _, _ in points)
    sql = panel_of(PRESENCE, "Users now, by status").asks[0][0]
    now = sum(database.query(expanded(sql, played.since))[0])
    assert sum(users for at, _, users in points if at == last) == now


# -- panels of Prometheus -------------------------------------------------------------------------


@pytest.mark.parametrize("panel", PIPELINE.panels, ids=lambda panel: panel.title)
def test_a_panel_of_prometheus_is_not_empty(played: Played, panel: Panel) -> None:
    if played.series is None:
        pytest.skip("no prometheus here (.ci/sip-programs)")
    assert played.series[panel.title]


def test_metrics_have_the_labels_that_are_declared(played: Played) -> None:
    known = declared()
    assert played.exposed
    for name, sets in played.exposed.items():
        for labels in sets:
            own = {label for label in labels if not label.startswith("otel_scope_")}
            assert own - {"le"} <= known[family(name)], name
