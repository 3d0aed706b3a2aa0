"""What the board shows of changes: counts, losses, flaps, delays, history, explanations."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.vocabulary import Cause, NodeKind, Source, Status
from sinks.gateway.access.redaction import ALL_PARTS
from sinks.gateway.access.scope import EVERYTHING, Scope
from sinks.gateway.board.board import Board
from sinks.gateway.board.request import Selection
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.hub import Hub
from sinks.gateway.message import Message
from sinks.gateway.nodes.known import KnownNodes
from tests.unit.sinks.gateway.board.users import ANN, AT, BOB, EVE, binding, message, record
from tests.unit.sinks.gateway.calls.making import ended, stored
from tests.unit.sinks.gateway.calls.making import record as call

NOW = AT.timestamp()
ONE = Scope(domains=frozenset({"one.test"}), parts=ALL_PARTS)


class Scene:
    """A board over a hub, with a clock of its own."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.nodes = KnownNodes()
        self.calls = KnownCalls(100)
        self.now = NOW + 100
        self.is_caught_up = self.is_kafka_away = False
        self.board = Board(
            self.hub,
            is_caught_up=lambda: self.is_caught_up,
            is_kafka_away=lambda: self.is_kafka_away,
            nodes=self.nodes,
            node_lease=timedelta(seconds=5),
            calls=self.calls,
            clock=lambda: self.now,
        )

    def apply(self, *messages: Message) -> None:
        for one in messages:
            old = self.hub.get(one.aor)
            if self.hub.change(one):
                self.board.change(old, one)

    def open(self) -> "Scene":
        self.is_caught_up = True
        self.board.tick()
        return self

    def at(self, seconds: float) -> "Scene":
        self.now = NOW + seconds
        self.board.tick()
        return self


@pytest.fixture
def scene() -> Scene:
    found = Scene()
    found.apply(
        message(record(ANN, 1, binding("fs1"), binding("fs2", stale=True))),
        message(record(BOB, 1, binding("fs2", stale=True), status=Status.RINGING)),
        message(record(EVE, 1, binding("fs2", suspect=True))),
    )
    return found.open()


def totals(summary: dict[str, object]) -> tuple[object, ...]:
    return tuple(summary[name] for name in ("users", "reachable", "suspect", "unknown"))


def test_users_are_counted_by_status_node_and_domain(scene: Scene) -> None:
    summary = scene.board.summary(EVERYTHING)
    assert totals(summary) == (3, 3, 1, 1)
    assert summary["statuses"] == {
        "offline": 0,
        "online": 2,
        "ringing": 1,
        "on-the-phone": 0,
        "held": 0,
    }
    nodes = {one["node"]: totals(one) for one in summary["nodes"]}
    assert nodes == {"fs1": (1, 1, 0, 0), "fs2": (3, 3, 1, 1)}
    assert {one["domain"]: one["users"] for one in summary["domains"]} == {
        "one.test": 2,
        "two.test": 1,
    }
    scene.apply(message(record(BOB, 2)), message(record(EVE, 2, binding("fs3"))))
    scene.at(200)
    assert totals(scene.board.summary(EVERYTHING)) == (3, 2, 0, 0)
    removed = scene.hub.get(ANN)
    scene.board.change(removed, None)
    scene.at(300)
    assert totals(scene.board.summary(EVERYTHING)) == (2, 1, 0, 0)


def test_nodes_have_their_condition_and_lease(scene: Scene) -> None:
    heard = NodeEvent(
        id="fs1/b/1",
        source=Source.FREESWITCH,
        node="fs1",
        boot="b",
        seq=1,
        at=AT,
        kind=NodeKind.UP,
        version="1.10.12",
    )
    scene.nodes.hear(heard, AT)
    scene.nodes.set_state("fs1", NodeState(boot="b", at=AT))
    scene.nodes.set_state("fs9", NodeState(boot="b", at=AT, lost=True))
    nodes = {one["node"]: one for one in scene.board.summary(EVERYTHING)["nodes"]}
    assert list(nodes) == ["fs1", "fs2", "fs9"]
    assert (nodes["fs1"]["condition"], nodes["fs1"]["version"]) == ("up", "1.10.12")
    assert nodes["fs1"]["lease_ends_at"] == nodes["fs1"]["heard_at"] + 5 == NOW + 5
    assert (nodes["fs9"]["condition"], nodes["fs9"]["lease_ends_at"]) == ("lost", None)
    assert nodes["fs2"]["condition"] == "unknown"
    mine = scene.board.summary(ONE)["nodes"]
    assert [one["node"] for one in mine] == ["fs1", "fs2"], "those of its users"


def test_a_viewer_gets_counts_of_its_scope_only(scene: Scene) -> None:
    scene.apply(message(record(BOB, 2)), message(record(EVE, 2)))
    scene.at(200)
    summary = scene.board.summary(ONE)
    assert totals(summary) == (2, 1, 0, 0)
    assert [one["domain"] for one in summary["domains"]] == ["one.test"]
    assert [one["aor"] for one in summary["losses"]["last"]] == [BOB]
    assert summary["losses"]["causes"] == [{"cause": "connection-closed", "count": 1}]
    single = scene.board.summary(Scope(aors=frozenset({EVE})))
    assert totals(single) == (1, 0, 0, 0)
    assert [one["aor"] for one in single["losses"]["last"]] == [EVE]
    assert scene.board.explain(EVE, ONE) is None
    assert scene.board.history(Scope(aors=frozenset({EVE}))) is None


def test_a_list_has_the_users_of_its_viewer_only(scene: Scene) -> None:
    async def listed(scope: Scope) -> list[str]:
        view = await scene.board.view(Selection(), scope)
        scene.apply(
            message(record(ANN, scene.hub.get(ANN).version + 1)),  # type: ignore[union-attr]  # else it fails
            message(record(EVE, scene.hub.get(EVE).version + 1)),  # type: ignore[union-attr]  # else it fails
        )
        scene.board.leave(view)
        return [row.aor for row in view.window(0, 9)]

    assert asyncio.run(listed(ONE)) == [ANN, BOB]
    both = Scope(aors=frozenset({ANN, EVE}), domains=frozenset({"one.test"}))
    assert asyncio.run(listed(both)) == [ANN, BOB, EVE]
    assert asyncio.run(listed(Scope(aors=frozenset({EVE, "sip:none@two.test"})))) == [EVE]
    assert asyncio.run(listed(Scope())) == []


def test_losses_of_the_last_hour_count_by_cause_also_those_read_at_the_start() -> None:
    scene = Scene()
    hour_ago = scene.now - 3600
    scene.apply(
        message(record(ANN, 1, binding()), hour_ago - 10),
        message(record(ANN, 2), hour_ago - 5),  # too long ago
        message(record(ANN, 3, binding()), scene.now - 60),
        message(record(ANN, 4, cause=Cause.EXPIRED), scene.now - 30),
    )
    scene.open()
    losses = scene.board.summary(EVERYTHING)["losses"]
    assert losses["causes"] == [{"cause": "expired", "count": 1}]
    assert [one["cause"] for one in losses["last"]] == ["expired"]
    scene.at(100 + 3700)
    assert scene.board.summary(EVERYTHING)["losses"]["causes"] == []


def test_flaps_are_losses_of_a_user_within_the_hour(scene: Scene) -> None:
    async def main() -> None:
        view = await scene.board.view(Selection(sort="flaps", descending=True), EVERYTHING)
        for version in range(2, 8):
            bindings = (binding(),) if version % 2 else ()
            scene.apply(message(record(BOB, version, *bindings), scene.now))
        assert [(row.aor, row.flaps) for row in view.window(0, 1)] == [(BOB, 3)]
        scene.at(3702)
        assert {row.flaps for row in view.window(0, 3)} == {0}
        assert len(view) == 3
        scene.board.leave(view)

    asyncio.run(main())


def test_delays_are_of_the_last_minute_and_never_negative(scene: Scene) -> None:
    scene.now = NOW + 12
    scene.apply(message(record(BOB, 2), NOW + 11.5))  # its cause was at 2 s
    scene.apply(message(record(EVE, 50), NOW + 11.9))  # by a clock that is ahead
    delay = scene.board.summary(EVERYTHING)["delay"]
    assert delay["changes"] == 2
    assert delay["cause"] == {"p50": 10_000.0, "p99": 10_000.0}
    assert delay["kafka"]["p99"] == 500.0
    assert scene.at(80).board.summary(EVERYTHING)["delay"]["cause"]["p50"] is None


def test_history_shows_when_nothing_was_known(scene: Scene) -> None:
    scene.at(110)
    scene.is_kafka_away = True
    scene.at(120).at(130)
    scene.is_kafka_away = False
    scene.apply(message(record(BOB, 2)))
    scene.at(140).at(141)
    history = scene.board.history(EVERYTHING)
    assert history is not None
    assert [one[1:] for one in history["hour"]["samples"]] == [
        [3, 1, None],
        [3, 1, None],
        [0, 0, "kafka-away"],
        [0, 0, "kafka-away"],
        [2, 0, None],
    ]
    assert history["day"]["samples"][0][3] == "kafka-away", "a gap is not averaged away"
    mine = scene.board.history(ONE)
    assert mine is not None
    assert mine["hour"]["samples"][-1][1:] == [1, 0, None]


def test_explanation_has_the_record_in_words_and_the_states_before(scene: Scene) -> None:
    scene.apply(message(record(BOB, 2, cause=Cause.CONNECTION_RESET)))
    found = scene.board.explain(BOB, EVERYTHING)
    assert found is not None
    assert found["sentences"] == [
        "sip:bob@one.test is offline since 2026-01-02 03:04:07.000Z, because its connection was "
        "reset (connection-reset)."
    ]
    assert [(one["version"], one["status"]) for one in found["states"]] == [
        (2, "offline"),
        (1, "ringing"),
    ]
    assert found["states"][1]["evidence"] == (f"{BOB}/1",)
    ann = scene.board.explain(ANN, Scope(domains=frozenset({"one.test"})))
    assert ann is not None
    assert "contact" not in ann["record"]["bindings"][0]
    assert ann["marks"][0] == []
    assert "no listing has come since" in ann["marks"][1][0]
    assert scene.board.explain("sip:nobody@one.test", EVERYTHING) is None


def test_lists_follow_changes_and_are_shared(scene: Scene) -> None:
    heard: list[str | None] = []

    async def main() -> None:
        view = await scene.board.view(Selection(), EVERYTHING)
        assert await scene.board.view(Selection(), EVERYTHING) is view
        assert [row.aor for row in view.window(0, 9)] == [ANN, BOB, EVE]
        listener: Callable[[str | None], None] = heard.append
        scene.board.listeners.add(listener)
        scene.apply(message(record(BOB, 2)), message(record("sip:aa@one.test", 1, binding())))
        assert [row.aor for row in view.window(0, 9)] == ["sip:aa@one.test", ANN, BOB, EVE]
        assert view.window(2, 1)[0].version == 2
        assert heard == [BOB, "sip:aa@one.test"]
        scene.board.leave(view)
        scene.board.leave(view)
        scene.at(200).at(300)
        assert await scene.board.view(Selection(), EVERYTHING) is not view

    asyncio.run(main())


CAT = "sip:cat@three.test"


def lines(summary: dict[str, Any]) -> list[tuple[object, ...]]:
    return [(one["id"], one["calling"], one["called"]) for one in summary["calls"]["list"]]


def test_live_calls_are_listed_those_at_risk_first(scene: Scene) -> None:
    assert scene.board.summary(EVERYTHING)["calls"]["read"] is False
    before = scene.board.changes
    for one in (
        call(1, ANN, EVE, at_risk=True),
        call(2, BOB, CAT),
        call(3, CAT, EVE),
        ended(4, ANN, BOB),
    ):
        scene.calls.put(stored(one))
    scene.calls.is_read = True
    assert scene.board.changes == before + 4
    found = scene.at(200).board.summary(EVERYTHING)["calls"]
    assert (found["read"], found["open"], found["at_risk"]) == (True, 3, 1)
    assert [one["id"] for one in found["list"]] == ["call-1", "call-3", "call-2"]
    assert found["list"][0] | {"started": 0, "answered": 0} == {
        "id": "call-1",
        "calling": ANN,
        "called": EVE,
        "state": "answered",
        "started": 0,
        "answered": 0,
        "at_risk": True,
        "nodes": ("fs1",),
    }


def test_a_viewer_gets_calls_of_its_users_and_other_parties_only_where_granted(
    scene: Scene,
) -> None:
    for one in (call(1, ANN, EVE), call(2, CAT, EVE), call(3, BOB, ANN)):
        scene.calls.put(stored(one))
    scene.calls.put(stored(replace(call(4, BOB, EVE), callee=None, users=[BOB])))
    masked = Scope(domains=frozenset({"one.test"}))
    assert lines(scene.board.summary(masked)) == [
        ("call-4", BOB, None),  # a number
        ("call-3", BOB, ANN),
        ("call-1", ANN, None),
    ]
    assert lines(scene.board.summary(ONE))[0] == ("call-4", BOB, "7002")
    everybody = Scope(everybody=True)
    assert lines(scene.board.summary(everybody))[0] == ("call-4", BOB, None)


def test_an_explanation_has_the_last_calls_and_follows_them(scene: Scene) -> None:
    for number in range(12):
        scene.calls.put(stored(ended(number, ANN, EVE)))
    stamp = scene.board.calls_stamp(ANN)
    found = scene.board.explain(ANN, Scope(domains=frozenset({"one.test"})))
    assert found is not None
    assert [one["id"] for one in found["call_records"]] == [f"call-{n}" for n in range(11, 1, -1)]
    assert "callee" not in found["call_records"][0]
    assert scene.board.calls_stamp(ANN) == stamp
    scene.calls.put(stored(call(20, ANN, EVE)))
    assert scene.board.calls_stamp(ANN) != stamp
    assert scene.board.calls_stamp(BOB) == ()
