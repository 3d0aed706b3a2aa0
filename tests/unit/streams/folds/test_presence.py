"""Presence records: what is published, in which order of precedence, and with which time."""

from schemas.vocabulary import CallKind
from tests.unit.edge_events import behind, edge, edge_lost
from tests.unit.fold_events import apply, call, moment, registered, shown, socket_closed


def test_calls_of_a_user_who_never_registered_are_not_published() -> None:
    session, published = apply(call(CallKind.RINGING, 1), call(CallKind.ANSWERED, 2))
    assert published == []
    _, published = apply(registered(3), session=session)
    assert shown(published) == ["on-the-phone registered"]


def test_a_phone_whose_connection_dies_in_a_call_is_on_the_phone_and_out_of_reach() -> None:
    talking = (registered(1), call(CallKind.ANSWERED, 2), socket_closed(3))
    _, published = apply(*talking)
    assert shown(published)[-1] == "on-the-phone connection-closed"
    assert len(published[-1].calls) == 1
    assert not published[-1].reachable
    _, published = apply(*talking, call(CallKind.ENDED, 4))
    assert shown(published)[-1] == "offline call-ended"


def test_a_phone_whose_connection_dies_while_it_rings_is_offline() -> None:
    _, published = apply(registered(1), call(CallKind.RINGING, 2), socket_closed(3))
    assert shown(published)[-1] == "offline connection-closed"


def test_the_time_of_a_version_is_never_before_the_version_before() -> None:
    """The registrar's clock is 12 ms ahead of the edge's, and its report is read first."""
    _, published = apply(behind(1, at=1.012), edge(1, at=1.0), edge_lost(2, 5061))
    times = [presence.at for presence in published]
    assert len(times) == 3
    assert times[0] == times[1] == moment(1.012)
    assert times[2] == moment(2)
