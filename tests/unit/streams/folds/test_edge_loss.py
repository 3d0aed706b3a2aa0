"""A binding behind an edge is cut off when the client's connection at the edge ends."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.session import Session
from schemas.vocabulary import Cause
from streams.folds import devices
from tests.unit.edge_events import PROXY, behind, bindings, client, edge, edge_lost
from tests.unit.fold_events import apply, expired, fold, listed, shown


def test_binding_lost_at_the_edge_stays_offline_whatever_the_registrar_reports() -> None:
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


@given(st.permutations(["edge", "behind", "lost", "late"]))
def test_in_whatever_order_they_come_nobody_dead_is_reachable(order: list[str]) -> None:
    """A REGISTER through the edge, the connection's end there, a late event of the registrar."""
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
    assert all(tombstone.cause is Cause.CONNECTION_CLOSED for tombstone in session.ended.values())


def test_a_listing_does_not_give_a_dead_flow_the_others_edge() -> None:
    session, _ = apply(edge(1), behind(1), edge(2, 5062), behind(2, 5062), edge_lost(3))
    row = listed(5, "s", at=60, node="fs1")
    row.remote, row.path, row.received = PROXY, "<sip:edge1;lr>", client(5061)
    assert fold(session, row).change is None
    assert len(devices.shown(session)) == 1
