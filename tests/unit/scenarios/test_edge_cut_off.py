"""A binding behind an edge is reachable only while the edge's is: when is it cut off, when not?"""

import pytest

from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.vocabulary import Source
from streams.folds import devices
from tests.unit.edge_events import (
    PROXY,
    behind,
    bindings,
    client,
    edge,
    edge_closed,
    edge_lost,
    from_edge,
    from_registrar,
    same,
)
from tests.unit.fold_events import (
    apply,
    expired,
    listed,
    shown,
    unregistered,
)

DAY = 86400.0


def row(seq: int, port: int, at: float) -> RegistrationEvent:
    """The registrar lists the device as registered from there."""
    event = same(listed(seq, f"s{seq}", at=at, node="fs1"))
    event.remote, event.path, event.received = PROXY, "<sip:edge1;lr>", client(port)
    return event


def places(session: Session) -> list[tuple[str, str | None, int]]:
    return [(b.node, b.edge, b.remote.port) for b in devices.shown(session) if b.remote]


class TestLastReport:
    def test_older_event_from_another_port_shows_no_new_connection(self) -> None:
        """The edge reported the newest connection, which ends; the registrar an older one."""
        _, published = apply(from_edge(5, 5061), from_registrar(3, 5062), edge_closed(6, 5061))
        assert shown(published)[-1] == "offline connection-closed"

    def test_edge_without_the_clients_address_ends_the_device(self) -> None:
        """A contact with a host name, and a script that does not fix it."""
        at_edge, gone = from_edge(1, 5061), same(unregistered(9, node="edge1"))
        for event in (at_edge, gone):
            event.remote, event.source, event.registrar = None, Source.OPENSIPS, "location"
        _, published = apply(at_edge, from_registrar(1, 5061), gone)
        assert shown(published)[-1] == "offline unregistered"

    def test_dead_connection_reported_late_is_not_reached_by_another_edge(self) -> None:
        """From one edge to the next, whose connection ended; the first has not noticed yet."""
        at_second = from_edge(2, 5062)
        at_second.node = "edge2"
        ended = edge_closed(3, 5062)
        ended.node, ended.binding = "edge2", ended.binding.replace("edge1", "edge2")
        session, _ = apply(from_edge(1, 5061), from_registrar(1, 5061), at_second, ended)
        assert places(session) == [("fs1", "edge1", 5061)]
        apply(from_registrar(2, 5062), session=session)
        assert places(session) == [("edge1", None, 5061)]

    def test_end_of_another_device_at_the_address_leaves_it(self) -> None:
        """The port is used again, by a client that its edge has not reported from there yet."""
        session, _ = apply(
            edge(1, 5061, call_id="a"),
            edge_lost(2, 5061),
            behind(5, 5061, call_id="b"),
            edge(3, 5062, call_id="b"),
        )
        assert ("fs1", None, 5061) in places(session)


class TestWithoutPath:
    def test_any_new_connection_at_the_edge_restores_it(self) -> None:
        _, published = apply(edge(1), behind(1, path=False), edge_lost(2), edge(9, 5062))
        assert [p.reachable for p in published] == [True, True, False, True]
        assert bindings(published)[-1] == [("fs1", "edge1", 5062)]

    def test_event_in_flight_when_the_connection_ended_waits_for_the_edge(self) -> None:
        """For 30 s after the end: by then the edge would have reported a later REGISTER."""
        session, _ = apply(edge(1), edge_lost(2))
        assert apply(behind(3, path=False), session=session)[1] == []
        _, published = apply(edge(4, 5062), session=session)
        assert bindings(published) == [[("fs1", "edge1", 5062)]]
        _, published = apply(edge(1), edge_lost(2), behind(3, path=False, at=33))
        assert shown(published)[-1] == "online registered"


class TestForgottenEnd:
    """Ends are remembered for a day; then nothing shows why a binding is cut off."""

    def _session(self) -> Session:
        session, _ = apply(
            edge(1, 5061),
            from_registrar(1, 5061),
            edge(2, 5062),
            edge_lost(3, 5061),
            edge(4, 5063, at=2 * DAY, call_id="other@phone"),
        )
        apply(at_end_of(edge(6, 5063, at=2 * DAY + 1, call_id="other@phone")), session=session)
        assert not any(tombstone.remote == client(5061) for tombstone in session.ended.values())
        return session

    def test_refresh_of_the_other_flow_does_not_revive_the_dead_one(self) -> None:
        session = self._session()
        assert places(session) == [("edge1", None, 5062)]
        apply(edge(7, 5062, at=2 * DAY + 2), session=session)
        assert places(session) == [("edge1", None, 5062)]

    def test_listing_of_the_registrar_does_not_revive_it(self) -> None:
        session = self._session()
        apply(row(7, 5061, 2 * DAY + 2), session=session)
        assert places(session) == [("edge1", None, 5062)]
        apply(edge_lost(8, 5062), row(9, 5061, 2 * DAY + 9), session=session)
        assert places(session) == []
        apply(from_registrar(10, 5061, at=2 * DAY + 20), session=session)  # but its own report does
        assert places(session) == [("fs1", None, 5061)]


def at_end_of(event: RegistrationEvent) -> RegistrationEvent:
    event.kind = expired(1).kind
    return event


class TestRegistrarsReport:
    def test_from_another_network_is_not_of_the_connection_that_just_ended(self) -> None:
        """From Wi-Fi to mobile, which its edge has not reported yet."""
        mobile, before = behind(5), behind(3)
        for event in (mobile, before):
            assert event.received is not None
            event.received.ip = "192.168.0.1"
        _, published = apply(edge(1), edge_lost(2), mobile)
        assert published[-1].reachable
        # It came back to the first network, which the registrar has not reported yet, and left.
        _, published = apply(edge(4), edge_lost(5), before)
        assert not published[-1].reachable

    def test_of_a_register_long_after_the_end_outranks_a_listing(self) -> None:
        """The edge's report of it was lost."""
        session, _ = apply(from_edge(1, 5061), from_registrar(1, 5061), edge_closed(2, 5061))
        _, published = apply(from_registrar(9, 5061, at=40), session=session)
        assert bindings(published) == [[("fs1", None, 5061)]]
        assert apply(row(10, 5061, 60), session=session)[1] == []

    @pytest.mark.parametrize("report", ["refreshed", "listed"])
    def test_from_a_port_its_edge_has_not_reported_holds_while_the_edge_has_the_client(
        self, report: str
    ) -> None:
        """It left one connection, which ended, for a second, and that for a third."""
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            from_registrar(1, 5061),
            from_edge(2, 5062, cookie=2),
        )
        if report == "listed":
            apply(from_registrar(2, 5062), session=session)
        apply(edge_closed(4, 5061, cookie=1), session=session)
        third = from_registrar(3, 5063) if report == "refreshed" else row(3, 5063, 60)
        apply(third, session=session)
        assert ("fs1", None, 5063) in places(session)

    def test_listed_without_a_watched_edge_is_believed(self) -> None:
        """It is at two registrars by one Call-ID, and its refresh at one of them was lost."""
        elsewhere = from_registrar(1, 5061)
        elsewhere.node = "fs2"
        session, _ = apply(from_registrar(1, 5061), elsewhere)
        apply(row(9, 5062, 60), session=session)
        assert places(session) == [("fs1", None, 5062), ("fs2", None, 5061)]
