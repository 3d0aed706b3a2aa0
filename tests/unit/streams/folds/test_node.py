"""A node's end, restart, loss or uncertainty: which of a user's places and calls it is about."""

import pytest

from schemas.call import CallEvent
from schemas.internal import NodeChange
from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind, Transport
from streams.folds import devices
from streams.folds.node import fold_staleness
from tests.unit.edge_events import behind
from tests.unit.fold_events import (
    apply,
    call,
    fold,
    moment,
    node_change,
    registered,
    registration,
    shown,
)

UP, DOWN, LOST, HEARTBEAT = NodeKind.UP, NodeKind.DOWN, NodeKind.LOST, NodeKind.HEARTBEAT
ONLINE = ["online registered"]
UDP = Transport.UDP


def _answered(seq: int, boot: str = "boot-a", leg: str = "leg-1") -> CallEvent:
    event = call(CallKind.ANSWERED, seq, leg)
    event.boot = boot
    return event


class TestEnd:
    """The node has reported that it stops."""

    def test_is_also_that_of_what_outlived_an_earlier_restart(self) -> None:
        _, published = apply(
            registered(1, transport=UDP),
            node_change(UP, 3, "boot-b"),
            node_change(DOWN, 9, "boot-b"),
        )
        assert shown(published) == [*ONLINE, "offline node-lost"]

    def test_is_that_of_all_its_process_had_though_the_clock_stood_still(self) -> None:
        _, published = apply(registered(1, at=6.0), node_change(DOWN, 5.98))
        assert shown(published) == [*ONLINE, "offline node-lost"]

    def test_leaves_what_the_next_process_reported(self) -> None:
        """Registrations and calls are read before the nodes' events."""
        session, published = apply(
            registered(1, at=10, boot="boot-b"), _answered(11, "boot-b"), node_change(DOWN, 9)
        )
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]
        assert len(session.bindings) == len(session.calls) == 1

    def test_of_another_node_ends_no_call(self) -> None:
        _, published = apply(registered(1), _answered(2), node_change(DOWN, 9, node="fs2"))
        assert shown(published)[-1] == "on-the-phone call-answered"


class TestRestart:
    def test_ends_the_calls_of_before(self) -> None:
        _, published = apply(
            registered(1, transport=UDP), _answered(2), node_change(UP, 9, "boot-b")
        )
        assert shown(published)[-1] == "online node-restarted"
        assert published[-1].calls == []

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(node_change(UP, 9), id="its producer connected again"),
            pytest.param(node_change(UP, 9, "boot-z", "fs2"), id="of another node"),
            pytest.param(node_change(UP, 1.5, "boot-0"), id="of long ago"),
        ],
    )
    def test_is_nothing_to_others(self, change: NodeChange) -> None:
        _, published = apply(registered(2), _answered(3), change)
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]

    def test_leaves_to_the_listing_whose_connection_it_does_not_know(self) -> None:
        phone = registered(1)
        phone.transport = None
        for event in (phone, behind(1)):  # the one behind an edge may be connected as before
            _, published = apply(event, node_change(UP, 9, "boot-b"))
            assert shown(published) == ONLINE


class TestSilence:
    """The node's lease has run out."""

    def test_is_also_that_of_what_outlived_an_earlier_restart(self) -> None:
        """A server that starts and dies again: its listing never came, its phones are over UDP."""
        restart, loss = node_change(UP, 5, "boot-b"), node_change(LOST, 8, "boot-b")
        back = node_change(HEARTBEAT, 20, "boot-b")
        _, published = apply(registered(1, transport=UDP), restart, loss, back)
        assert shown(published) == [*ONLINE, "offline node-lost", "online node-restored"]

    def test_leaves_what_the_next_process_reported(self) -> None:
        _, published = apply(
            registered(1, at=10, boot="boot-b"), _answered(11, "boot-b"), node_change(LOST, 9)
        )
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]

    def test_takes_a_call_there_of_someone_registered_elsewhere(self) -> None:
        answered = _answered(2)
        _, published = apply(registered(1, node="fs2"), answered, node_change(LOST, 9))
        assert shown(published)[-1] == "online node-lost"
        assert published[-1].evidence == ["fs1/boot-a/lost", answered.id]

    def test_of_another_node_takes_no_call(self) -> None:
        _, published = apply(registered(1), _answered(2), node_change(LOST, 9, node="fs2"))
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]

    def test_takes_nothing_that_was_not_shown(self) -> None:
        """A call that does not ring yet; a phone that answers no pings."""
        _, published = apply(
            registered(1, node="fs2"), call(CallKind.TRYING, 2), node_change(LOST, 9)
        )
        assert shown(published) == ONLINE
        _, published = apply(
            registered(1), registration(RegistrationKind.PING_LOST, 2), node_change(LOST, 9)
        )
        assert shown(published) == [*ONLINE, "offline ping-lost"]

    def test_repeated_changes_nothing(self) -> None:
        session, _ = apply(registered(1), _answered(2), node_change(LOST, 9))
        result = fold(session, node_change(LOST, 9))
        assert (result.changed, result.change) == (False, None)

    def test_is_proved_by_what_it_took(self) -> None:
        """One phone and one call came back after a first loss: only they end by the second."""
        session, _ = apply(
            registered(1),
            registered(2, port=5062),
            _answered(3, leg="a"),
            _answered(4, leg="b"),
            node_change(LOST, 9),
        )
        again, held = registered(11, port=5062), call(CallKind.HELD, 12, "b")
        _, published = apply(again, held, node_change(LOST, 20), session=session)
        assert published[-1].evidence == ["fs1/boot-a/lost", again.id, held.id]


class TestDoubt:
    """Events of the node may be missing, and no listing comes."""

    def test_marks_bindings_reported_before_it(self) -> None:
        before, elsewhere, since = (
            registered(1),
            registered(2, node="fs2"),
            registered(9, port=5062),
        )
        session, _ = apply(before, elsewhere, since)
        result = fold_staleness(session, "fs1", moment(5), stale=True)
        assert result.change is not None
        assert (result.change.cause, result.change.evidence) == ("node-uncertain", [before.id])
        assert [b.stale for b in devices.shown(session)] == [True, False, False]
        assert not fold_staleness(session, "fs1", moment(5), stale=True).changed

    def test_is_over_for_all_once_a_listing_is_complete(self) -> None:
        """Also for who came just before the gap, whom the listing need not show."""
        session, _ = apply(registered(4))
        fold_staleness(session, "fs1", moment(5), stale=True)
        result = fold_staleness(session, "fs1", moment(5), stale=False)
        assert result.change is not None
        assert result.change.cause == "node-certain"
        assert [b.stale for b in devices.shown(session)] == [False]

    def test_unreachable_users_are_not_published(self) -> None:
        session, _ = apply(registered(1), node_change(LOST, 2))
        result = fold_staleness(session, "fs1", moment(5), stale=True)
        assert result.change is None


def test_node_down_takes_its_bindings_and_calls_and_no_others() -> None:
    session, published = apply(
        registered(1),
        registered(1, node="fs2"),
        call(CallKind.ANSWERED, 2),
        node_change(NodeKind.DOWN, 3),
    )
    assert shown(published)[-1] == "online node-lost"
    assert published[-1].calls == []
    assert len(published) == 4
    assert [binding.node for binding in session.bindings.values()] == ["fs2"]


def test_a_restart_ends_connections_but_leaves_udp_to_the_snapshot() -> None:
    session, published = apply(
        registered(1),
        registered(2, port=5062, transport=Transport.UDP),
        node_change(NodeKind.UP, 3, boot="boot-b"),
    )
    assert published[-1].cause is Cause.NODE_RESTARTED
    assert [b.transport for b in session.bindings.values()] == [Transport.UDP]


def test_restart_read_late_leaves_what_registered_since() -> None:
    session, _ = apply(
        registered(5, at=5, boot="boot-b"), node_change(NodeKind.UP, 3, boot="boot-b")
    )
    assert len(session.bindings) == 1
