"""The edge's node falls silent, restarts or ends: what of the devices behind it?"""

import pytest

from schemas.vocabulary import NodeKind
from tests.unit.stories import node_change, registered, shown, tell
from tests.unit.test_devices import behind, bindings, edge, edge_lost
from tests.unit.test_edge_late_words import from_edge, from_registrar


class TestSilentEdge:
    def test_its_clients_are_out_of_reach_and_back_as_they_were(self) -> None:
        silence, heard = (
            node_change(kind, at, node="edge1")
            for kind, at in ((NodeKind.LOST, 9), (NodeKind.HEARTBEAT, 20))
        )
        for path in (True, False):
            _, published = tell(edge(1), behind(1, path=path), silence, heard)
            assert shown(published)[-2:] == ["offline node-lost", "online node-restored"]
            assert bindings(published)[-1] == [("fs1", "edge1", 5061)]

    def test_that_an_earlier_connection_ended_does_not_keep_them(self) -> None:
        """They came again, by that edge, and it told so: now nobody knows how they are."""
        _, published = tell(
            edge(1, 5061),
            edge_lost(2, 5061),
            edge(3, 5062),
            behind(3, 5062),
            node_change(NodeKind.LOST, 9, node="edge1"),
        )
        assert shown(published)[-1] == "offline node-lost"

    def test_another_devices_silent_node_is_nothing_to_them(self) -> None:
        """Came again, and its edge has not told of it yet; another phone is at a silent node."""
        _, published = tell(
            registered(1, node="fs3", call_id="other@phone"),
            node_change(NodeKind.LOST, 2, node="fs3"),
            edge(1, 5061),
            behind(1, 5061),
            behind(5, 5062),
            edge_lost(6, 5061),
        )
        assert bindings(published)[-1] == [("fs1", None, 5062)]


class TestEndedEdge:
    @pytest.mark.parametrize(
        ("change", "cause"),
        [
            (node_change(NodeKind.UP, 9, "boot-z", "edge1"), "node-restarted"),
            (node_change(NodeKind.DOWN, 9, node="edge1"), "node-lost"),
        ],
    )
    def test_ends_also_the_connections_that_it_had_not_told_of(
        self, change: object, cause: str
    ) -> None:
        """The client had come again from another port, of which only its registrar tells."""
        _, published = tell(from_edge(1, 5061), from_registrar(1, 5061), change)
        assert shown(published)[-1] == f"offline {cause}"
        _, published = tell(from_edge(1, 5061), change, from_registrar(2, 5062, at=5))
        assert published[-1].reachable is False
        _, published = tell(from_edge(1, 5061), change, from_registrar(2, 5062, at=10))
        assert bindings(published)[-1] == [("fs1", None, 5062)]  # it is back
