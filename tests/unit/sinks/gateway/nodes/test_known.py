"""What is known of a node: the worst condition, and its producer's last event."""

from dataclasses import replace
from datetime import UTC, datetime

from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind, Source
from sinks.gateway.nodes.known import Condition, KnownNodes

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
UP = NodeState(boot="b1", at=AT)


def event(kind: NodeKind, boot: str = "b1", **values: object) -> NodeEvent:
    given = {
        "id": "e",
        "source": Source.FREESWITCH,
        "node": "fs1",
        "boot": boot,
        "seq": 0,
        "at": AT,
    }
    return NodeEvent(kind=kind, **(given | values))  # type: ignore[arg-type]  # of several types


def test_the_worst_condition_counts() -> None:
    nodes = KnownNodes()
    worse = [
        (UP, Condition.UP),
        (replace(UP, gap=AT), Condition.UNCERTAIN),
        (replace(UP, gap=AT, stale=True), Condition.STALE),
        (replace(UP, stale=True, unwatched=True), Condition.UNWATCHED),
        (replace(UP, unwatched=True, lost=True), Condition.LOST),
        (replace(UP, lost=True, down=True), Condition.DOWN),
        (None, Condition.UNKNOWN),
    ]
    for state, condition in worse:
        nodes.set_state("fs1", state)
        assert nodes.by_name["fs1"].condition is condition


def test_a_node_is_heard_from_by_its_own_events_only() -> None:
    nodes = KnownNodes()
    nodes.hear(event(NodeKind.UP, version="1.10"), AT)
    nodes.hear(event(NodeKind.HEARTBEAT), AT.replace(second=9))
    node = nodes.by_name["fs1"]
    assert (node.heard, node.version, node.source) == (
        AT.replace(second=9),
        "1.10",
        Source.FREESWITCH,
    )
    nodes.hear(event(NodeKind.LOST, source=Source.STREAMS), AT.replace(second=30))
    assert node.heard == AT.replace(second=9)
    nodes.hear(event(NodeKind.HEARTBEAT, boot="b2"), AT.replace(second=40))
    assert node.version is None, "of the process before"
    nodes.set_state("gone", None)
    assert set(nodes.by_name) == {"fs1"}
