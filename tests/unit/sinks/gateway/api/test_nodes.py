"""`/v1/nodes`: conditions, leases, and the users that the token shows."""

from datetime import timedelta

from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind, Source
from sinks.gateway.gateway import Gateway
from sinks.gateway.settings import GatewaySettings
from streams.settings import StreamsSettings
from tests.unit.sinks.gateway.api.conftest import OF_SOME, Ask, message, user
from tests.user_center import AT


def test_nodes_have_their_condition_lease_and_users(ask: Ask, gateway: Gateway) -> None:
    gateway.nodes.set_state("node-1", NodeState(boot="b", at=AT, changed=AT))
    gateway.nodes.set_state("node-9", NodeState(boot="c", at=AT, down=True))
    beat = NodeEvent(
        id="e",
        source=Source.OPENSIPS,
        node="node-1",
        boot="b",
        seq=1,
        at=AT,
        kind=NodeKind.HEARTBEAT,
    )
    gateway.nodes.hear(beat, AT)
    both = user("sip:both@one.test")
    both.bindings.append(user("sip:both@one.test").bindings[0])
    both.bindings[1].node = "node-2"
    gateway.apply([message(both)])
    found = ask("/v1/nodes").json()
    first, second, ninth = found["nodes"]
    assert (first["node"], first["condition"], first["source"]) == ("node-1", "up", "opensips")
    assert first["heard_at"] == "2026-01-02T03:04:05.678901Z"
    assert first["lease_ends_at"] == "2026-01-02T03:04:10.678901Z"
    assert first["users"] == {
        "total": 5,
        "reachable": 5,
        "by_status": {"held": 1, "online": 3, "ringing": 1},
    }
    assert (second["node"], second["condition"], second["users"]["total"]) == (
        "node-2",
        "unknown",
        1,
    )
    assert (ninth["condition"], ninth["lease_ends_at"], ninth["users"]["total"]) == (
        "down",
        None,
        0,
    )
    assert found["users"]["total"] == 6, "the user of two nodes once, and those offline"


def test_a_token_sees_the_nodes_and_counts_of_its_own_users(ask: Ask, gateway: Gateway) -> None:
    gateway.nodes.set_state("node-9", NodeState(boot="c", at=AT))
    found = ask("/v1/nodes", OF_SOME).json()
    assert [one["node"] for one in found["nodes"]] == ["node-1"]
    assert found["users"]["total"] == found["nodes"][0]["users"]["total"] == 3


def test_the_lease_shown_is_that_of_the_streams() -> None:
    assert GatewaySettings().node_lease == StreamsSettings().node_lease == timedelta(seconds=5)
