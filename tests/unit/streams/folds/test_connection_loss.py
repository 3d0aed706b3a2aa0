"""A connection's end reaches the user: does their binding still hang on that connection?"""

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.internal import ConnectionState
from schemas.vocabulary import Cause, Source
from streams.folds.connection import fold_end, fold_owner
from streams.folds.connection_loss import fold_loss
from streams.models import ConnectionLoss, ConnectionOwner, Session
from tests.unit.connection_events import closed, feed, reset
from tests.unit.edge_events import CONTACT, edge, edge_closed, from_edge, from_registrar, same
from tests.unit.fold_events import (
    AOR,
    apply,
    fold,
    kernel_closed,
    listed,
    loss,
    refreshed,
    registered,
    shown,
    socket_closed,
    unregistered,
)


def moved(port: int, at: float, **more: Any) -> Any:
    """The kernel's report about a client whose contact is the same from every port."""
    gone = kernel_closed(at, port=port, **more)
    gone.binding = f"fs1|{CONTACT}"
    return gone


def suspected(port: int, at: float, **more: Any) -> Any:
    return kernel_closed(at, port=port, cause=Cause.CONNECTION_SUSPECT, **more)


class TestWhichConnection:
    def test_of_a_client_over_udp_the_kernel_never_knew_one(self) -> None:
        """Its Contact names TCP."""
        session, _ = apply(registered(1, transport_claimed=True), kernel_closed(60))
        assert len(session.bindings) == 1
        session, _ = apply(registered(1), kernel_closed(60))
        assert not session.bindings

    def test_of_which_nobody_knows_the_cookie_it_is_the_last_registers_address(self) -> None:
        _, published = apply(
            same(registered(1)), same(refreshed(2, port=5062)), moved(5061, 9, cookie=7)
        )
        assert published[-1].reachable

    def test_in_one_tick_of_the_servers_clock_its_own_sequence_decides(self) -> None:
        """The owner is known by its first REGISTER; the reset was before the second."""
        both = refreshed(9, at=4), reset(4, source=Source.FREESWITCH, seq=8)
        for events in (both, both[::-1]):
            pipeline = feed(registered(1), *events)
            assert pipeline.online() == {"1001": [5061]}
            feed(reset(8, source=Source.FREESWITCH, seq=12), pipeline=pipeline)
            assert pipeline.changes("1001")[-1] == "offline connection-reset"

    def test_the_kernel_may_not_have_known_one_that_came_as_it_was_asked(self) -> None:
        """The client has been there for an hour; its new connection is from the old one's port."""
        denied = kernel_closed(3600.01, cookie=None)
        _, published = apply(registered(1, cookie=7), refreshed(2, at=3600, cookie=9), denied)
        assert published[-1].reachable
        _, published = apply(registered(1, cookie=7), refreshed(2, at=3600, cookie=7), denied)
        assert shown(published)[-1] == "offline connection-closed"

    def test_the_kernel_knows_none_though_the_nodes_clock_was_set_back(self) -> None:
        """Registered before that, and renewed since, over the connection that is not there."""
        renewed = registered(1, at=100, cookie=7), refreshed(2, at=50, cookie=7)
        _, published = apply(*renewed, kernel_closed(60, cookie=None))
        assert shown(published)[-1] == "offline connection-closed"

    def test_an_edges_second_connection_from_that_port_ends_too(self) -> None:
        """The first one's end came after the second one's REGISTER, and no kernel was asked."""
        pipeline = feed()
        first, second = edge(1), edge(3)
        for event in (first, second):
            pipeline.feed(topics.REGISTRATIONS, [(AOR, event)])
        for end in (closed(2, cookie=7), closed(4, cookie=8)):
            end.node, end.connection = "edge1", end.connection.replace("fs1", "edge1")
            assert pipeline.online() == {"1001": [5061]}
            pipeline.feed(topics.CONNECTIONS, [(end.connection, end)])
        assert pipeline.changes("1001")[-1] == "offline connection-closed"

    def test_a_registrar_keeps_nothing_of_a_connection_that_its_client_left(self) -> None:
        """Nobody is behind it, to whom that would matter."""
        session, published = apply(
            same(registered(1, cookie=7)),
            same(refreshed(2, port=5062, cookie=9)),
            moved(5061, 9, cookie=7),
        )
        assert (session.ended, published[-1].reachable) == ({}, True)


class TestSilentConnections:
    def test_one_that_the_client_has_left_has_not_ended(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1), from_registrar(1, 5061), from_edge(2, 5062, cookie=2)
        )
        quiet = edge_closed(9, 5061, cookie=1, cause=Cause.CONNECTION_SUSPECT)
        assert apply(quiet, session=session)[1] == []
        assert session.ended == {}

    def test_repeated_suspicion_changes_nothing(self) -> None:
        session, published = apply(registered(1, cookie=7), suspected(5061, 2, cookie=7))
        assert published[-1].bindings[0].suspect
        again = fold(session, suspected(5061, 3, cookie=7))
        assert (again.fence, again.changed) == ("already-told", False)

    def test_suspicion_proves_no_end_but_a_timeout_does(self) -> None:
        """Of two connections FreeSWITCH reports that one closed; it was not this one, until later.

        The registrar lists its dead client still.
        """
        closed_one = registered(1), registered(2, port=5062), socket_closed(3)
        given_up = kernel_closed(20, cookie=7, cause=Cause.CONNECTION_TIMED_OUT)
        _, published = apply(*closed_one, suspected(5061, 4, cookie=7), given_up, listed(60, "s"))
        assert [p.bindings[0].remote.port for p in published[2:] if p.bindings[0].remote] == [5062]


class TestGoneAlready:
    """The end of a connection whose binding has ended already."""

    def test_who_signed_off_before_may_be_listed_again(self) -> None:
        """The client is back from the same port, and the report of its REGISTER was lost."""
        session, published = apply(
            registered(1), unregistered(2), kernel_closed(2.01, cookie=7), listed(60, "s")
        )
        assert shown(published)[-1] == "online found-in-snapshot"
        assert session.ended == {}

    def test_inferred_end_is_certain_with_the_kernels_report(self) -> None:
        _, published = apply(
            registered(1), socket_closed(2), kernel_closed(2.01, cookie=7), listed(60, "s")
        )
        assert shown(published)[-1] == "offline connection-closed"

    def test_inferred_end_stays_with_the_kernels_report_of_the_connection_before(self) -> None:
        """Of two connections the other one closed, which only the next listing shows."""
        _, published = apply(
            registered(1),
            refreshed(4),
            registered(5, port=5062),
            socket_closed(6),
            kernel_closed(2, cookie=7),
            listed(60, "s"),
        )
        assert shown(published)[-1] == "online found-in-snapshot"

    def test_registrars_report_of_one_connection_is_not_of_the_next(self) -> None:
        """Two connections close, and it reports both. The kernel's report of the second is lost."""
        _, published = apply(
            registered(1),
            registered(2, port=5062),
            socket_closed(3),
            kernel_closed(3.01, cookie=7),
            socket_closed(9),
        )
        assert shown(published)[-1] == "offline connection-closed"


def test_register_read_late_is_not_after_the_end_of_its_own_connection() -> None:
    """It names the connection, which was not known: at the first REGISTER no kernel was asked."""
    session, published = apply(registered(1), kernel_closed(6, cookie=8))
    assert shown(published)[-1] == "offline connection-closed"
    assert apply(refreshed(2, at=5, cookie=8), session=session)[1] == []


def test_a_client_behind_an_edge_is_not_back_at_the_older_of_two_ended_connections() -> None:
    """It registered over that once more; only the registrar reports it, when both have ended."""
    session, _ = apply(
        from_edge(1, 5061, cookie=1),
        from_edge(2, 5062, cookie=2),
        edge_closed(8, 5062, cookie=2),
        edge_closed(9, 5061, cookie=1),
    )
    _, published = apply(from_registrar(3, 5061), session=session)
    assert published == []


@given(
    came=st.lists(st.tuples(st.sampled_from([1, 9]), st.sampled_from([None, 7])), min_size=1),
    ended=st.sampled_from([1, 5, 9]),
    cookie=st.sampled_from([None, 7]),
    source=st.sampled_from([Source.SOCKETS, Source.FREESWITCH]),
)
def test_who_is_announced_again_after_an_end_is_not_lost_by_it_again(
    came: list[tuple[int, int | None]], ended: int, cookie: int | None, source: Source
) -> None:
    """Else the two would publish to each other for ever. Also with a clock set back."""
    session = Session(aor=AOR)
    for seq, (at, over) in enumerate(came):
        fold(session, registered(seq, at=at, cookie=over))
    end = closed(ended, cookie=cookie, source=source, seq=len(came) // 2)
    found = ConnectionLoss(
        id=end.id,
        source=end.source,
        node=end.node,
        boot=end.boot,
        seq=end.seq,
        at=end.at,
        connection=end.connection,
        aor=AOR,
        binding=next(iter(session.bindings)),
        cookie=end.cookie,
        remote=end.remote,
        cause=Cause.CONNECTION_CLOSED,
    )
    again = fold_loss(session, found).owner
    if isinstance(again, ConnectionOwner):
        state = ConnectionState()
        fold_end(state, end)
        assert fold_owner(state, again) == []


def test_a_kernels_no_about_one_registration_is_not_about_another() -> None:
    denied = loss(2, at=2, cookie=None, source=Source.SOCKETS)
    _, published = apply(registered(2, cookie=8), denied)
    assert shown(published) == ["online registered"]
    _, unknown = apply(registered(2), denied)
    assert shown(unknown)[-1] == "offline connection-closed"


def test_every_order_of_register_close_re_register_ends_online() -> None:
    """Port 5061 closes after the client came back on 5062: whatever order the log has."""
    events = [registered(1), loss(2), registered(3, port=5062)]
    for order in permutations(events):
        session, _ = apply(*order)
        assert any(":5062" in key for key in session.bindings)


def test_port_reuse_an_old_close_does_not_end_the_new_incarnation() -> None:
    session, _ = apply(registered(1), loss(2), registered(3), loss(2))
    assert len(session.bindings) == 1


class TestKernelDenial:
    def test_a_kernels_no_ends_what_was_connected_well_before(self) -> None:
        """The report of its end was lost; the listing asked the kernel, which knows nothing."""
        denied = loss(60, at=60, cookie=None, source=Source.SOCKETS)
        _, published = apply(registered(1, cookie=8), refreshed(59, at=59.9, cookie=8), denied)
        assert shown(published)[-1] == "offline connection-closed"

    def test_a_kernels_no_is_not_about_what_connected_since(self) -> None:
        denied = loss(60, at=60, cookie=None, source=Source.SOCKETS)
        session, published = apply(
            registered(1, cookie=8), refreshed(59, at=59.9, cookie=9), denied
        )
        assert shown(published) == ["online registered"]
        assert len(session.bindings) == 1
