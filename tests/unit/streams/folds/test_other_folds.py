"""Calls, nodes, connections, own expiry and effective presence: the folds beside registrations."""

from datetime import timedelta
from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from schemas.connection import ConnectionEvent
from schemas.internal import ConnectionOwner, ConnectionState
from schemas.origin import Address
from schemas.session import Session
from schemas.vocabulary import (
    CallKind,
    CallState,
    Cause,
    ConnectionKind,
    NodeKind,
    RegistrationKind,
    Source,
    Status,
    Transport,
)
from streams.folds import devices
from streams.folds.connection import fold_end, fold_owner
from streams.folds.expiry import fold_expiry
from streams.folds.node_state import fold_node_state
from streams.folds.presence import effective
from tests.unit.pipeline import NOW
from tests.unit.stories import (
    AOR,
    apply,
    call,
    loss,
    moment,
    node_change,
    registered,
    registration,
    shown,
    socket_closed,
    unregistered,
)


def test_a_call_from_ringing_to_its_end() -> None:
    _, published = apply(
        registered(1),
        call(CallKind.TRYING, 2),
        call(CallKind.RINGING, 3),
        call(CallKind.ANSWERED, 4),
        call(CallKind.HELD, 5),
        call(CallKind.RESUMED, 6),
        call(CallKind.ENDED, 7),
    )
    assert shown(published) == [
        "online registered",
        "ringing call-ringing",
        "on-the-phone call-answered",
        "held call-held",
        "on-the-phone call-resumed",
        "online call-ended",
    ]
    assert published[2].calls[0].state is CallState.ANSWERED
    assert published[-1].calls == []


def test_a_call_never_comes_back_from_ended_nor_goes_back_to_ringing() -> None:
    """Busy lamps stuck or out of order: kamailio#3192, freeswitch#2741."""
    events = [
        call(CallKind.TRYING, 2),
        call(CallKind.RINGING, 3),
        call(CallKind.ANSWERED, 4),
        call(CallKind.ENDED, 5),
    ]
    for order in permutations(events):
        session, _ = apply(registered(1), *order)
        assert session.calls == {}
        assert session.status is Status.ONLINE
    session, _ = apply(registered(1), call(CallKind.ANSWERED, 4), call(CallKind.RINGING, 3))
    assert session.status is Status.ON_THE_PHONE


def test_a_listing_ends_the_legs_that_it_does_not_show() -> None:
    ringing = call(CallKind.RINGING, 2)
    first = call(CallKind.SNAPSHOT_ROW, 50, state=CallState.RINGING, snapshot="s")
    first_end = call(CallKind.SNAPSHOT_ENDED, 50)
    session, published = apply(registered(1), ringing, first, first_end)
    assert shown(published) == ["online registered", "ringing call-ringing"]
    _, published = apply(call(CallKind.SNAPSHOT_ENDED, 90), session=session)
    assert shown(published) == ["online missing-from-snapshot"]
    # An older listing, read late, does not end what a newer one showed.
    session, _ = apply(registered(1), ringing, first, call(CallKind.SNAPSHOT_ENDED, 40))
    assert len(session.calls) == 1


def test_forked_branches_are_separate_legs() -> None:
    session, published = apply(
        registered(1),
        call(CallKind.RINGING, 2, "a"),
        call(CallKind.RINGING, 3, "b"),
        call(CallKind.ANSWERED, 4, "a"),
        call(CallKind.ENDED, 5, "b"),
    )
    assert list(session.calls) == ["a"]
    assert shown(published)[-1] == "on-the-phone call-ended"


def test_a_refused_call_shows_nothing() -> None:
    _, published = apply(registered(1), call(CallKind.TRYING, 2), call(CallKind.ENDED, 3))
    assert shown(published) == ["online registered"]


def test_calls_of_a_user_who_never_registered_are_not_published() -> None:
    session, published = apply(call(CallKind.RINGING, 1), call(CallKind.ANSWERED, 2))
    assert published == []
    _, published = apply(registered(3), session=session)
    assert shown(published) == ["on-the-phone registered"]


def test_a_dead_connection_outweighs_a_call_nobody_hung_up() -> None:
    _, published = apply(registered(1), call(CallKind.ANSWERED, 2), socket_closed(3))
    assert shown(published)[-1] == "offline connection-closed"
    assert len(published[-1].calls) == 1


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


def test_a_restart_told_late_leaves_what_registered_since() -> None:
    session, _ = apply(
        registered(5, at=5, boot="boot-b"), node_change(NodeKind.UP, 3, boot="boot-b")
    )
    assert len(session.bindings) == 1


def test_node_state_knows_down_until_the_node_says_up() -> None:
    down = fold_node_state(None, node_change(NodeKind.DOWN, 3), NOW)
    assert down is not None
    assert down.down
    beat = fold_node_state(down, node_change(NodeKind.HEARTBEAT, 4), NOW)
    assert beat is not None
    assert beat.down
    up = fold_node_state(beat, node_change(NodeKind.UP, 5), NOW)
    assert up is not None
    assert not up.down
    assert fold_node_state(up, node_change(NodeKind.DOWN, 1, boot="boot-0"), NOW) is None


def test_own_expiry_runs_on_the_nodes_clock() -> None:
    session, _ = apply(registered(1, expires_at=moment(60)))
    assert fold_expiry(session, "fs1", moment(94), timedelta(seconds=35)).changed is False
    assert fold_expiry(session, "fs2", moment(999), timedelta(seconds=35)).changed is False
    result = fold_expiry(session, "fs1", moment(95), timedelta(seconds=35))
    assert result.change is not None
    assert result.change.cause is Cause.EXPIRED
    assert session.bindings == {}


def test_what_says_no_expiry_never_expires_by_itself() -> None:
    session, _ = apply(registered(1))
    assert fold_expiry(session, "fs1", moment(10**7), timedelta(seconds=35)).changed is False


def test_a_refresh_after_own_expiry_brings_the_binding_back() -> None:
    session, _ = apply(registered(1, expires_at=moment(60)))
    fold_expiry(session, "fs1", moment(95), timedelta(seconds=35))
    _, published = apply(registered(2, at=96), session=session)
    assert shown(published) == ["online registered"]


def _owner(seq: int, cookie: int | None = None, aor: str = AOR) -> ConnectionOwner:
    return ConnectionOwner(
        id=f"fs1/boot-a/{seq}",
        source=Source.FREESWITCH,
        node="fs1",
        boot="boot-a",
        seq=seq,
        at=moment(seq),
        connection="fs1/10.0.0.7:5061",
        aor=aor,
        binding="fs1|b",
        cookie=cookie,
        remote=Address(ip="10.0.0.7", port=5061),
    )


def _end(
    seq: int, cookie: int | None = None, source: Source = Source.FREESWITCH
) -> ConnectionEvent:
    return ConnectionEvent(
        id=f"fs1/{source}/{seq}",
        source=source,
        node="fs1",
        boot="boot-a",
        seq=seq,
        at=moment(seq),
        kind=ConnectionKind.RESET,
        connection="fs1/10.0.0.7:5061",
        transport=Transport.TCP,
        remote=Address(ip="10.0.0.7", port=5061),
        cookie=cookie,
    )


def test_owner_and_end_meet_in_either_order() -> None:
    state = ConnectionState()
    assert fold_owner(state, _owner(1)) == []
    assert [loss.cause for loss in fold_end(state, _end(2))] == [Cause.CONNECTION_RESET]
    state = ConnectionState()
    assert fold_end(state, _end(2)) == []
    assert [loss.aor for loss in fold_owner(state, _owner(1))] == [AOR]


def test_an_end_is_about_its_incarnation_only() -> None:
    state = ConnectionState()
    fold_owner(state, _owner(3))
    assert fold_end(state, _end(2)) == []  # the port's last use
    state = ConnectionState()
    fold_owner(state, _owner(1, cookie=7))
    assert fold_end(state, _end(9, cookie=8, source=Source.SOCKETS)) == []
    assert len(fold_end(state, _end(9, cookie=7, source=Source.SOCKETS))) == 1


def test_every_owner_of_a_shared_connection_loses_it() -> None:
    state = ConnectionState()
    fold_owner(state, _owner(1, aor="sip:a@x"))
    fold_owner(state, _owner(2, aor="sip:b@x"))
    assert {loss.aor for loss in fold_end(state, _end(3))} == {"sip:a@x", "sip:b@x"}


_EVENTS = st.lists(
    st.one_of(
        st.builds(
            lambda seq, port, kind: registration(kind, seq, port=port),
            st.integers(1, 40),
            st.sampled_from([5061, 5062, 5063]),
            st.sampled_from(
                [
                    RegistrationKind.REGISTERED,
                    RegistrationKind.REFRESHED,
                    RegistrationKind.UNREGISTERED,
                    RegistrationKind.EXPIRED,
                    RegistrationKind.PING_LOST,
                    RegistrationKind.PING_RESTORED,
                ]
            ),
        ),
        st.builds(lambda seq: socket_closed(seq), st.integers(1, 40)),
        st.builds(lambda seq, port: loss(seq, port=port), st.integers(1, 40), st.just(5061)),
        st.builds(
            lambda seq, leg, kind: call(kind, seq, leg),
            st.integers(1, 40),
            st.sampled_from("ab"),
            st.sampled_from(
                [
                    CallKind.TRYING,
                    CallKind.RINGING,
                    CallKind.ANSWERED,
                    CallKind.HELD,
                    CallKind.ENDED,
                ]
            ),
        ),
        st.builds(lambda at: node_change(NodeKind.DOWN, at), st.integers(1, 40)),
    ),
    max_size=25,
)


@given(_EVENTS)
def test_versions_grow_by_one_and_every_record_differs_from_the_last(events: list[object]) -> None:
    session, published = apply(*events)
    assert [presence.version for presence in published] == list(range(1, len(published) + 1))
    for before, after in pairwise(published):
        assert (before.status, before.bindings, before.calls) != (
            after.status,
            after.bindings,
            after.calls,
        )
    if published:
        assert (published[-1].status, published[-1].reachable) == effective(
            session, devices.shown(session)
        )


@given(_EVENTS, st.integers(1, 60))
def test_an_unregister_later_than_all_else_leaves_that_binding_ended(
    events: list[object], cut: int
) -> None:
    """Whatever came before, and whatever older event comes after."""
    session, _ = apply(*events, unregistered(41), *events[:cut])
    assert "fs1|sip:1001@10.0.0.7:5061;transport=tcp" not in session.bindings


@given(_EVENTS)
def test_no_binding_no_presence(events: list[object]) -> None:
    session = Session(aor=AOR)
    apply(*events, session=session)
    live = [binding for binding in session.bindings.values() if not binding.ping_lost]
    assert effective(session, devices.shown(session))[1] == bool(live)
