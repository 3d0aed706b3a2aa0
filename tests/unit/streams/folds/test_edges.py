"""An edge's binding and the registrar's behind it: one device, whichever is told first."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.origin import Address
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.vocabulary import Cause, Source
from streams.folds import devices
from tests.unit.stories import (
    apply,
    expired,
    fold,
    listed,
    loss,
    moment,
    registered,
    shown,
    socket_closed,
    unregistered,
)

PROXY = Address(ip="10.9.9.9", port=40000)


def client(port: int = 5061) -> Address:
    return Address(ip="10.0.0.7", port=port)


def at_edge(event: RegistrationEvent, port: int = 5061) -> RegistrationEvent:
    """The same event as an edge without a location table tells it."""
    event.registrar, event.source = "edge", Source.OPENSIPS
    event.remote = client(port)
    return event


def edge(seq: int, port: int = 5061, **more: Any) -> RegistrationEvent:
    return at_edge(registered(seq, node="edge1", port=port, **more), port)


def behind(seq: int, port: int = 5061, *, path: bool = True, **more: Any) -> RegistrationEvent:
    event = registered(seq, node="fs1", port=port, **more)
    event.remote = PROXY
    if path:
        event.path, event.received = "<sip:edge1;lr>", client(port)
    return event


def edge_lost(seq: int, port: int = 5061) -> Any:
    return loss(seq, port=port, node="edge1")


def bindings(published: list[Presence]) -> list[list[tuple[str, str | None, int]]]:
    return [[(b.node, b.edge, b.remote.port) for b in p.bindings if b.remote] for p in published]


def test_one_register_is_one_device_whichever_is_told_first() -> None:
    _, edge_first = apply(edge(1), behind(1))
    _, edge_last = apply(behind(1), edge(1))
    assert bindings(edge_first)[-1] == bindings(edge_last)[-1] == [("fs1", "edge1", 5061)]
    assert bindings(edge_last)[0] == [("fs1", None, 5061)]  # the Path tells the client's address


def test_the_time_of_a_version_is_never_before_the_version_before() -> None:
    """The registrar's clock is 12 ms ahead of the edge's, and its report is read first."""
    _, published = apply(behind(1, at=1.012), edge(1, at=1.0), edge_lost(2, 5061))
    times = [presence.at for presence in published]
    assert len(times) == 3
    assert times[0] == times[1] == moment(1.012)
    assert times[2] == moment(2)


def test_what_the_edge_lost_is_offline_and_stays_so_whatever_the_registrar_says() -> None:
    session, published = apply(edge(1), behind(1), edge_lost(2))
    assert shown(published)[-1] == "offline connection-closed"
    for event in (
        behind(2, at=3),  # in flight when the connection ended
        listed(3, "s", at=60, node="fs1"),
        expired(4, at=90, node="fs1"),
    ):
        assert fold(session, event).change is None
    _, again = apply(edge(9, at=100), behind(9, at=100), session=session)
    assert bindings(again)[-1] == [("fs1", "edge1", 5061)]


def test_the_proxys_own_connection_takes_nobody_offline() -> None:
    session, published = apply(edge(1), behind(1))
    assert fold(session, socket_closed(5, node="fs1")).fence == "behind-an-edge"
    lost = loss(6, node="fs1")
    lost.remote = PROXY
    assert fold(session, lost).fence == "behind-an-edge"
    assert len(published) == 2


def test_a_client_behind_an_unknown_edge_hangs_on_its_path_too() -> None:
    session, _ = apply(behind(1))
    assert fold(session, socket_closed(5, node="fs1")).fence == "behind-an-edge"


def test_two_connections_of_one_call_id_end_each_by_itself() -> None:
    """RFC 5626: the same Call-ID over two flows; each has its own binding behind."""
    session, published = apply(edge(1), behind(1), edge(2, 5062), behind(2, 5062), edge_lost(3))
    assert shown(published)[-1] == "online connection-closed"
    assert bindings(published)[-1] == [("fs1", "edge1", 5062)]
    # The other flow's refresh does not bring the dead one back.
    assert fold(session, edge(4, 5062)).change is None
    _, rest = apply(edge_lost(5, 5062), session=session)
    assert shown(rest) == ["offline connection-closed"]


def test_without_a_path_the_last_edge_decides() -> None:
    _, published = apply(
        edge(1),
        behind(1, path=False),
        edge(2, 5062),
        edge_lost(3),
        edge_lost(4, 5062),
    )
    assert [p.reachable for p in published] == [True, True, True, False]


def test_the_clients_unregister_behind_the_edge_ends_the_device() -> None:
    session, published = apply(edge(1), behind(1), unregistered(2, node="fs1"))
    assert shown(published)[-1] == "offline unregistered"
    late = at_edge(unregistered(2, node="edge1"))
    assert fold(session, late).change is None


def test_who_signs_off_is_not_shown_at_a_binding_that_it_left_before() -> None:
    """A registrar keeps a stale binding a port; the edge was not watched yet when that one came."""
    signed_off = unregistered(9, node="fs1")
    _, published = apply(behind(1, 5062), edge(5), behind(5), signed_off)
    assert shown(published)[-1] == "offline unregistered"
    # What the registrar tells of since the edge's last word is another connection.
    _, published = apply(edge(5), behind(5), behind(7, 5062), signed_off)
    assert bindings(published)[-1] == [("fs1", None, 5062)]


def test_behind_an_edge_that_nobody_watches_a_listing_tells_the_clients_new_address() -> None:
    row = listed(60, "s", node="fs1")
    row.remote, row.path, row.received = PROXY, "<sip:edge1;lr>", client(5062)
    _, published = apply(behind(1), row)
    assert bindings(published) == [[("fs1", None, 5061)], [("fs1", None, 5062)]]


def test_of_a_binding_that_expired_behind_it_an_edge_with_a_table_knows_better() -> None:
    table = edge(1)
    table.registrar = "location"
    _, published = apply(table, behind(1), expired(2, node="fs1"))
    assert bindings(published)[-1] == [("edge1", None, 5061)]
    _, pure = apply(edge(1), behind(1), expired(2, node="fs1"))
    assert shown(pure)[-1] == "offline expired"


def test_another_call_id_is_another_device() -> None:
    _, published = apply(edge(1), behind(1, call_id="other@phone"), edge_lost(2))
    assert bindings(published)[-1] == [("fs1", None, 5061)]


@given(st.permutations(["edge", "behind", "lost", "late"]))
def test_in_whatever_order_they_come_nobody_dead_is_reachable(order: list[str]) -> None:
    """A REGISTER through the edge, the connection's end there, and a late word of the registrar."""
    events = {
        "edge": edge(1),
        "behind": behind(1),
        "lost": edge_lost(2),
        "late": behind(2, at=2),
    }
    session = Session(aor="sip:1001@example.test")
    for name in order:
        fold(session, events[name])
    # The streams join an end that came before its owner again when the owner comes.
    fold(session, edge_lost(2))
    assert devices.shown(session) == []
    assert all(grave.cause is Cause.CONNECTION_CLOSED for grave in session.ended.values())


def test_an_edges_contact_taken_by_another_device_ends_the_one_behind() -> None:
    """The port is used again, under another Call-ID, before anybody tells of the old one's end."""
    session, _ = apply(edge(1), behind(1))
    taken = edge(2, call_id="other@phone")
    assert bindings(apply(taken, session=session)[1])[-1] == [("edge1", None, 5061)]
    assert fold(session, listed(3, "s", at=60, node="fs1")).change is None
    late = behind(2, at=2.5)  # the registrar's word of before, in flight
    assert fold(session, late).change is None


def test_a_listing_does_not_give_a_dead_flow_the_others_edge() -> None:
    session, _ = apply(edge(1), behind(1), edge(2, 5062), behind(2, 5062), edge_lost(3))
    row = listed(5, "s", at=60, node="fs1")
    row.remote, row.path, row.received = PROXY, "<sip:edge1;lr>", client(5061)
    assert fold(session, row).change is None
    assert len(devices.shown(session)) == 1
