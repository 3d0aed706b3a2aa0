"""A registration ends at the registrar: does the edge's binding go with it?"""

import pytest

from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind, Source
from tests.unit.edge_events import behind, bindings, edge, from_edge, from_registrar, same
from tests.unit.fold_events import (
    apply,
    expired,
    listing_ended,
    moment,
    registered,
    registration,
    shown,
)
from tests.unit.fold_events import unregistered as signed_off
from tests.unit.scenarios.test_edge_cut_off import row

ENDS = {
    "unregistered": signed_off(9, node="fs1"),
    "expired": expired(9, node="fs1", expired_due=moment(8)),
    "administrative": expired(9, node="fs1", expired_due=moment(3600)),
    "missing-from-snapshot": listing_ended(9, "s", node="fs1"),
}


def at_table(event: RegistrationEvent) -> RegistrationEvent:
    event.source, event.registrar = Source.OPENSIPS, "location"
    return event


@pytest.mark.parametrize("path", [True, False])
@pytest.mark.parametrize("cause", ENDS)
def test_binding_of_a_pure_proxy_ends_with_the_registrars(cause: str, path: bool) -> None:
    session, published = apply(edge(1), behind(1, path=path), ENDS[cause])
    assert shown(published)[-1] == f"offline {cause}"
    assert session.bindings == {}


def test_binding_replaced_at_the_registrar_ends_at_the_edge() -> None:
    """The registrar keeps one contact a user, and reports no end of the other."""
    new = registered(9, node="fs1", port=5062, call_id="new@phone")
    new.remaining = [new.binding or ""]
    session, published = apply(edge(1), behind(1), new)
    assert bindings(published)[-1] == [("fs1", None, 5062)]
    assert len(session.bindings) == 1


@pytest.mark.parametrize("cause", ENDS)
def test_another_device_at_the_edge_stays(cause: str) -> None:
    """Its registrar's report has not come yet."""
    _, published = apply(edge(1), behind(1), edge(2, 5062, call_id="other@phone"), ENDS[cause])
    assert bindings(published)[-1] == [("edge1", None, 5062)]


@pytest.mark.parametrize("cause", ENDS)
def test_client_that_registered_again_since_stays_at_the_edge(cause: str) -> None:
    """The registrar's report of that comes after its report of the end."""
    session, published = apply(edge(1), behind(1), edge(50), ENDS[cause])
    assert bindings(published)[-1] == [("edge1", None, 5061)]
    _, published = apply(behind(50), session=session)
    assert bindings(published)[-1] == [("fs1", "edge1", 5061)]


def test_edge_with_a_table_keeps_expired_bindings_but_not_removed_ones() -> None:
    """A mid-registrar spares its registrar the refreshes; who answers no pings has left."""
    lapsed = expired(9, node="fs1", at=60, expired_due=moment(59))
    for gone, left in ((lapsed, [("edge1", None, 5061)]), (ENDS["unregistered"], [])):
        _, published = apply(at_table(edge(1)), behind(1, expires_at=moment(59)), gone)
        assert bindings(published)[-1] == left
    dead = registration(RegistrationKind.PING_LOST, 5, node="fs1")
    _, published = apply(at_table(edge(1)), behind(1), dead, lapsed)
    assert shown(published)[-1] == "offline ping-lost"


def test_unregister_at_the_registrar_of_the_refreshes_ends_all() -> None:
    """The edge's dispatcher chose another registrar for them; the first has its row still."""
    there = same(behind(20, 5061))
    there.node = "fs2"
    left = same(signed_off(30, node="fs2"))
    session, published = apply(
        from_edge(1, 5061), from_registrar(1, 5061), from_edge(20, 5061), there, left
    )
    assert shown(published)[-1] == "offline unregistered"
    assert apply(row(9, 5061, 60), session=session)[1] == []
