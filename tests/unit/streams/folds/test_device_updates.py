"""What the end of one binding ends of the same device's others."""

from tests.unit.edge_events import at_edge, behind, bindings, edge
from tests.unit.fold_events import apply, expired, fold, listed, shown, unregistered


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
    # What the registrar reports since the edge's last report is another connection.
    _, published = apply(edge(5), behind(5), behind(7, 5062), signed_off)
    assert bindings(published)[-1] == [("fs1", None, 5062)]


def test_of_a_binding_that_expired_behind_it_an_edge_with_a_table_knows_better() -> None:
    table = edge(1)
    table.registrar = "location"
    _, published = apply(table, behind(1), expired(2, node="fs1"))
    assert bindings(published)[-1] == [("edge1", None, 5061)]
    _, pure = apply(edge(1), behind(1), expired(2, node="fs1"))
    assert shown(pure)[-1] == "offline expired"


def test_an_edges_contact_taken_by_another_device_ends_the_one_behind() -> None:
    """The port is used again, under another Call-ID, before anybody reports the old one's end."""
    session, _ = apply(edge(1), behind(1))
    taken = edge(2, call_id="other@phone")
    assert bindings(apply(taken, session=session)[1])[-1] == [("edge1", None, 5061)]
    assert fold(session, listed(3, "s", at=60, node="fs1")).change is None
    late = behind(2, at=2.5)  # the registrar's report of before, in flight
    assert fold(session, late).change is None
