"""Properties that hold for any sequence of events about one user."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemas.session import Session
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind
from streams.folds import devices
from streams.folds.presence import effective
from tests.unit.fold_events import (
    AOR,
    apply,
    call,
    loss,
    node_change,
    registration,
    socket_closed,
    unregistered,
)

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
