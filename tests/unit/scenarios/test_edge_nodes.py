"""The edge's node is lost, restarts or ends: what of the devices behind it?"""

import pytest

from schemas import topics
from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind, Source
from tests.unit.edge_events import (
    behind,
    bindings,
    edge,
    edge_lost,
    from_edge,
    from_registrar,
    with_table,
)
from tests.unit.fold_events import AOR, apply, expired, moment, node_change, registered, shown
from tests.unit.pipeline import Pipeline


class TestSilentEdge:
    def test_its_clients_are_unreachable_and_restored_unchanged(self) -> None:
        loss, back = (
            node_change(kind, at, node="edge1")
            for kind, at in ((NodeKind.LOST, 9), (NodeKind.HEARTBEAT, 20))
        )
        for path in (True, False):
            _, published = apply(edge(1), behind(1, path=path), loss, back)
            assert shown(published)[-2:] == ["offline node-lost", "online node-restored"]
            assert bindings(published)[-1] == [("fs1", "edge1", 5061)]

    def test_end_of_an_earlier_connection_keeps_no_client_offline(self) -> None:
        """They came again, by that edge, which reported it: now their state is unknown."""
        _, published = apply(
            edge(1, 5061),
            edge_lost(2, 5061),
            edge(3, 5062),
            behind(3, 5062),
            node_change(NodeKind.LOST, 9, node="edge1"),
        )
        assert shown(published)[-1] == "offline node-lost"

    def test_lost_node_of_another_device_changes_nothing(self) -> None:
        """Came again, and its edge has not reported it yet; another phone is at a lost node."""
        _, published = apply(
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
    def test_ends_connections_that_it_had_not_reported_too(
        self, change: object, cause: str
    ) -> None:
        """The client had come again from another port, which only its registrar reported."""
        _, published = apply(from_edge(1, 5061), from_registrar(1, 5061), change)
        assert shown(published)[-1] == f"offline {cause}"
        _, published = apply(from_edge(1, 5061), change, from_registrar(2, 5062, at=5))
        assert published[-1].reachable is False
        _, published = apply(from_edge(1, 5061), change, from_registrar(2, 5062, at=10))
        assert bindings(published)[-1] == [("fs1", None, 5062)]  # it is back


class TestEndedRegistrar:
    """No client is reachable through an edge whose registrar has gone, however it went."""

    DOWN = node_change(NodeKind.DOWN, 9, node="fs1")

    @pytest.mark.parametrize("path", [True, False])
    def test_no_client_is_reachable_through_its_edge(self, path: bool) -> None:
        _, published = apply(edge(1), behind(1, path=path), self.DOWN)
        assert shown(published)[-1] == "offline node-lost"
        assert published[-1].bindings == []

    def test_late_report_of_the_edge_makes_no_client_reachable(self) -> None:
        session, published = apply(behind(1), self.DOWN, edge(1))
        assert shown(published) == ["online registered", "offline node-lost"]
        assert session.bindings  # it is known, and part of whatever comes

    def test_a_registrar_that_has_the_device_brings_it_back(self) -> None:
        after = behind(1, at=20, boot="boot-b")
        _, published = apply(edge(1), behind(1), self.DOWN, edge(2, at=20), after)
        assert bindings(published)[-1] == [("fs1", "edge1", 5061)]

    def test_a_mid_registrars_binding_outlives_the_one_that_brought_it_back(self) -> None:
        """The registrar lets it expire, which the mid-registrar spares it the refreshes of."""
        at_mid = with_table(edge(1))
        back = behind(1, at=20, boot="boot-b")
        session, published = apply(at_mid, behind(1), self.DOWN, back)
        assert bindings(published)[-1] == [("fs1", "edge1", 5061)]
        _, published = apply(expired(2, at=90, node="fs1", boot="boot-b"), session=session)
        assert bindings(published)[-1] == [("edge1", None, 5061)]

    def test_a_later_register_at_the_proxy_shows_that_there_is_one_again(self) -> None:
        """Which one is not known: nobody watches it."""
        _, published = apply(edge(1), behind(1), self.DOWN, edge(2, at=20))
        assert shown(published)[-1] == "offline node-lost"  # a report of before, perhaps
        _, published = apply(edge(1), behind(1), self.DOWN, edge(2, at=40))
        assert bindings(published)[-1] == [("edge1", None, 5061)]

    def test_register_at_a_mid_registrar_proves_no_registrar(self) -> None:
        first, later = edge(1), edge(2, at=90)
        for event in (first, later):
            event.registrar = "location"
        session, published = apply(first, behind(1), self.DOWN, later)
        assert shown(published)[-1] == "offline node-lost"
        # A phone that begins anew is another device.
        anew = edge(3, at=100, call_id="two@phone")
        anew.registrar = "location"
        _, published = apply(anew, session=session)
        assert bindings(published)[-1] == [("edge1", None, 5061)]

    def test_another_registrar_that_has_the_device_is_enough(self) -> None:
        other = behind(1)
        other.node = "fs2"
        _, published = apply(edge(1), behind(1), other, self.DOWN)
        assert bindings(published)[-1] == [("fs2", "edge1", 5061)]
        # Of another connection of the client's it reports nothing.
        _, published = apply(edge(1), edge(2, 5062), other, behind(2, 5062), self.DOWN)
        assert bindings(published)[-1] == [("fs2", "edge1", 5061)]

    def test_a_registrar_that_only_let_it_expire_has_not_ended(self) -> None:
        """The edge knows of a later REGISTER, of which the registrar's report is missing."""
        _, published = apply(edge(1), behind(1), edge(90), expired(91, node="fs1"))
        assert bindings(published)[-1] == [("edge1", None, 5061)]

    def test_a_mid_registrar_had_answered_again_before_the_end_is_read(self) -> None:
        first, later = edge(1), edge(2, at=90)
        for event in (first, later):
            event.registrar = "location"
        _, published = apply(first, behind(1), later, self.DOWN)
        assert shown(published)[-1] == "offline node-lost"

    def test_its_last_event_is_read_after_its_end(self) -> None:
        pipeline = Pipeline()
        up, down = (
            NodeEvent(
                id=f"fs1/{kind}",
                source=Source.FREESWITCH,
                node="fs1",
                boot="boot-a",
                seq=0,
                at=moment(at),
                kind=kind,
            )
            for kind, at in ((NodeKind.UP, 0), (NodeKind.DOWN, 9))
        )
        pipeline.feed(topics.NODES, [("fs1", up), ("fs1", down)])
        pipeline.feed(topics.REGISTRATIONS, [(AOR, edge(1))])
        assert pipeline.changes("1001") == ["online registered"]  # of its registrar nothing is read
        pipeline.feed(topics.REGISTRATIONS, [(AOR, behind(1))])
        assert pipeline.changes("1001")[1:] == ["offline node-lost"]
