"""Devices behind an edge whose events come late: what ended, and what stands behind that."""

from schemas.registration import RegistrationEvent
from schemas.vocabulary import Cause, Source
from tests.unit.edge_events import (
    CONTACT,
    behind,
    bindings,
    edge,
    edge_closed,
    edge_restarted,
    from_edge,
    from_registrar,
    same,
)
from tests.unit.fold_events import AOR, apply, expired, listed, loss, moment, shown, unregistered


class TestRestartedEdge:
    """The edge's process ended at 9; some of its events of before come after that is known."""

    def test_its_last_event_moves_the_tombstone_to_the_clients_address(self) -> None:
        session, published = apply(
            from_edge(1, 5061), from_registrar(2, 5062, at=10), edge_restarted(9)
        )
        assert bindings(published)[-1] == [("fs1", None, 5062)]  # it came again, as it seems
        _, late = apply(from_edge(2, 5062, at=8), session=session)
        assert shown(late) == ["offline node-restarted"]
        tombstone = session.ended[f"edge1|{CONTACT}"]
        assert (tombstone.remote and tombstone.remote.port, tombstone.last_seq) == (5062, 2)

    def test_event_before_the_last_one_changes_nothing(self) -> None:
        session, _ = apply(from_edge(1, 5061), edge_restarted(9), from_edge(3, 5062, at=8))
        _, published = apply(from_edge(2, 5063, at=7), session=session)
        assert published == []
        assert session.ended[f"edge1|{CONTACT}"].last_seq == 3

    def test_ended_binding_may_have_been_another_devices(self) -> None:
        for call_id, port in (("a", 5061), ("b", 5062)):
            session, _ = apply(
                from_edge(1, 5061, call_id="a"),
                edge_restarted(9),
                from_edge(2, 5062, at=8, call_id="b"),
            )
            _, published = apply(from_registrar(3, port, at=7, call_id=call_id), session=session)
            assert published == [], call_id


class TestTheEdgesMove:
    def test_end_of_the_previous_connection_ends_what_is_behind_it(self) -> None:
        """The client is at another registrar now; its old one has the old binding still."""
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            from_registrar(1, 5061),
            from_edge(2, 5062, cookie=2),
            same(_elsewhere(2, 5062)),
        )
        _, published = apply(edge_closed(9, 5061, cookie=1), session=session)
        assert bindings(published) == [[("fs2", "edge1", 5062)]]
        assert published[-1].cause is Cause.CONNECTION_CLOSED
        _, again = apply(edge_closed(9, 5061, cookie=1), session=session)
        assert again == []

    def test_event_of_the_previous_registrar_may_come_after_the_end(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            from_edge(2, 5062, cookie=2),
            same(_elsewhere(2, 5062)),
            edge_closed(9, 5061, cookie=1),
        )
        _, published = apply(from_registrar(1, 5061), session=session)
        assert published == []

    def test_the_same_after_the_new_binding_replaced_the_ended_one(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            edge_closed(2, 5061, cookie=1),
            from_edge(3, 5062, cookie=2),
            same(_elsewhere(3, 5062)),
        )
        _, published = apply(from_registrar(1, 5061), session=session)
        assert published == []

    def test_new_connection_from_the_previous_address_is_reachable(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            from_edge(2, 5062, cookie=2),
            edge_closed(3, 5061, cookie=1),
            from_edge(4, 5061, cookie=3),
            from_edge(5, 5062, cookie=2),
        )
        _, published = apply(from_registrar(4, 5061), session=session)
        assert bindings(published)[-1] == [("edge1", None, 5062), ("fs1", None, 5061)]

    def test_late_event_of_an_ended_connection_keeps_its_tombstone(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            from_edge(2, 5062, cookie=2),
            edge_closed(3, 5061, cookie=1),
            from_edge(4, 5062, cookie=2),
        )
        kept = f"edge1|{CONTACT} from 10.0.0.7:5061"
        assert kept in session.ended
        apply(from_edge(1, 5061, cookie=1), session=session)
        assert kept in session.ended


def test_end_of_the_previous_connection_leaves_a_client_that_reconnected() -> None:
    """Its edge has not reported the new one yet."""
    session, _ = apply(edge(1, 5061), behind(1, 5061), behind(5, 5062))
    _, published = apply(loss(6, port=5061, node="edge1"), session=session)
    assert bindings(published) == [[("fs1", None, 5062)]]


def test_address_that_no_edge_reports_shows_no_new_connection() -> None:
    """Some sites' Path has an address of inside: then any end at the edge is the device's."""
    inside = behind(5, 5062)
    assert inside.received is not None
    inside.received.ip = "192.168.0.1"
    _, published = apply(edge(1, 5061), inside, loss(6, port=5061, node="edge1"))
    assert shown(published)[-1] == "offline connection-closed"


def test_unregistering_at_one_registrar_leaves_the_edge_to_another() -> None:
    session, _ = apply(
        from_edge(1, 5061),
        from_registrar(1, 5061),
        from_edge(2, 5062),
        same(_elsewhere(2, 5062)),
    )
    signed_off = same(unregistered(9, node="fs1", port=5061))
    _, published = apply(signed_off, session=session)
    assert bindings(published) == [[("fs2", "edge1", 5062)]]


def test_binding_missing_from_the_registrars_listing_ends_at_the_edge() -> None:
    ended = listed(90, "s1", node="fs1")
    ended.kind, ended.aor, ended.contact, ended.binding = (
        ended.kind.SNAPSHOT_ENDED,
        AOR,
        None,
        None,
    )
    session, _ = apply(edge(1), behind(1))
    _, published = apply(ended, session=session)
    assert shown(published) == ["offline missing-from-snapshot"]
    # Unless the edge knows of a later REGISTER, which the registrar has not reported.
    session, _ = apply(edge(1), behind(1), edge(2, at=80))
    _, published = apply(ended, session=session)
    assert bindings(published) == [[("edge1", None, 5061)]]


def test_a_contact_taken_over_by_a_device_whose_edge_is_lost_is_cut_off() -> None:
    session, _ = apply(
        behind(1, call_id="a"),
        edge(2, call_id="b"),
        loss(9, node="edge1"),
    )
    _, published = apply(behind(3, at=8, call_id="b"), session=session)
    assert shown(published)[-1].startswith("offline")


def test_listing_of_an_edge_revives_no_client_without_ping_answers() -> None:
    """A mid-registrar lists until the expiry; the registrar has given the client up."""
    at_mid, given_up = edge(1), expired(9, node="fs1", at=60, expired_due=moment(30))
    at_mid.registrar = "location"
    session, published = apply(at_mid, behind(1, expires_at=moment(100)), given_up)
    assert shown(published)[-1] == "offline ping-lost"
    row, again = listed(40, "s", node="edge1", at=90), edge(41, at=95)
    for event in (row, again):
        event.registrar, event.source = "location", Source.OPENSIPS
    assert apply(row, session=session)[1] == []
    assert shown(apply(again, session=session)[1]) == ["online registered"]


def _elsewhere(seq: int, port: int) -> RegistrationEvent:
    event = behind(seq, port)
    event.node = "fs2"
    return event
