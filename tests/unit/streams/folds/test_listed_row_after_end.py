"""Rows of a registrar's listing that show a binding which has ended."""

from typing import Any

import pytest

from schemas.registration import RegistrationEvent
from schemas.vocabulary import NodeKind, Source, Transport
from tests.unit.edge_events import CONTACT, at_edge, edge_closed, from_registrar, same, with_table
from tests.unit.fold_events import (
    apply,
    listed,
    loss,
    moment,
    node_change,
    refreshed,
    registered,
    shown,
    socket_closed,
    unregistered,
)


class TestNamedLate:
    """What a new process reported was published under the name of the one before."""

    def _listed(self, cookie: int | None, at: float = 9.0, **ended: Any) -> list[str]:
        expiry = {"expires_at": moment(3601)}
        events = [
            registered(1, cookie=7, **expiry),
            ended.get("end", node_change(NodeKind.UP, 9, "boot-b")),
            listed(2, "s", at=at, boot="boot-b", cookie=cookie, **expiry),
        ]
        return shown(apply(*events)[1])

    def test_is_there_again_when_a_listing_shows_its_connection(self) -> None:
        assert self._listed(7)[1:] == ["offline node-restarted", "online found-in-snapshot"]

    @pytest.mark.parametrize("cookie", [8, None])
    def test_another_clients_connection_is_not_its_own(self, cookie: int | None) -> None:
        assert self._listed(cookie)[1:] == ["offline node-restarted"]
        assert self._listed(cookie, 60)[1:] == ["offline node-restarted"]

    def test_without_cookies_nothing_shows_that_it_is_the_same(self) -> None:
        expiry = {"expires_at": moment(3601)}
        row = listed(2, "s", at=60, boot="boot-b", **expiry)
        session, _ = apply(registered(1, **expiry), node_change(NodeKind.UP, 9, "boot-b"), row)
        assert not session.bindings

    def test_a_listing_of_before_the_restart_shows_nothing(self) -> None:
        assert self._listed(7, 8.9)[1:] == ["offline node-restarted"]

    def test_what_ended_otherwise_may_be_listed_for_a_while_on_its_connection(self) -> None:
        gone = unregistered(2, at=9)
        assert self._listed(7, 9.5, end=gone)[1:] == ["offline unregistered"]


class TestListedByTheNextProcess:
    """Its database has the rows of before; a connection to the process before is gone."""

    EXPIRES = moment(600)

    def _revived(self, expires: float | None = 600, **more: Any) -> bool:
        row = listed(0, "s", at=20, boot="boot-b", **more)
        row.expires_at = moment(expires) if expires is not None else None
        fields = {name: more[name] for name in ("transport", "path") if name in more}
        claimed = more.get("transport_claimed", False)
        session, _ = apply(
            registered(1, expires_at=self.EXPIRES, transport_claimed=claimed, **fields),
            node_change(NodeKind.DOWN, 9),
            row,
        )
        return bool(session.bindings)

    def test_a_connection_of_before_is_not_another_clients_on_its_port(self) -> None:
        assert not self._revived(cookie=99)
        assert not self._revived(expires=596, cookie=99)  # listed by a busy server

    def test_who_has_registered_since_is_back(self) -> None:
        assert self._revived(expires=615, cookie=99)
        assert self._revived(expires=None)

    def test_what_needs_no_connection_to_it_is_there_still(self) -> None:
        assert self._revived(transport=Transport.UDP)
        assert self._revived(path="<sip:edge1;lr>")
        assert self._revived(transport_claimed=True)

    def test_the_process_itself_is_believed(self) -> None:
        session, _ = apply(registered(1, expires_at=self.EXPIRES), node_change(NodeKind.LOST, 9))
        row = listed(5, "s", at=20)
        row.expires_at = self.EXPIRES
        apply(row, session=session)
        assert session.bindings


class TestListedAfterItsConnectionEnded:
    """The REGISTER from the same port was not read: phones may have one for ever (5060)."""

    def _revived(self, **of_row: Any) -> bool:
        row = listed(
            0, "s", at=20, boot="boot-b", **{"cookie": 9, "call_id": "one@phone", **of_row}
        )
        session, _ = apply(registered(1, cookie=7, expires_at=moment(600)), loss(5, cookie=7), row)
        return bool(session.bindings)

    def test_under_another_call_id_it_is_back(self) -> None:
        assert self._revived(call_id="two@phone")

    def test_with_a_later_expiry_it_is_back(self) -> None:
        assert self._revived(expires_at=moment(620))

    def test_without_a_connection_it_is_not(self) -> None:
        assert not self._revived(call_id="two@phone", cookie=None)
        assert not self._revived(call_id="two@phone", cookie=7)

    def test_a_refresh_of_before_that_is_read_late_is_what_the_row_shows(self) -> None:
        row = listed(0, "s", at=20, boot="boot-b", cookie=9, expires_at=moment(640))
        session, _ = apply(
            registered(1, cookie=7, expires_at=moment(600)),
            loss(5, cookie=7),
            refreshed(4, cookie=7, expires_at=moment(640)),
            row,
        )
        assert not session.bindings

    def _listed(self, *rows: RegistrationEvent) -> bool:
        session, _ = apply(
            registered(1, cookie=7, expires_at=moment(600)), loss(5, cookie=7), *rows
        )
        return bool(session.bindings)

    def _row(self, seq: int, expires: float, *, dead: bool = False, **more: Any) -> Any:
        row = listed(seq, f"s{seq}", expires_at=moment(expires), **more)
        row.cookie, row.connection_gone = None if dead else 9, dead
        return row

    def test_what_a_listing_showed_dead_is_not_another_clients_on_its_port(self) -> None:
        """A refresh was not read, and its connection had ended when it was first listed."""
        dead, again = self._row(8, 640, dead=True), self._row(20, 640)
        assert not self._listed(dead, again)
        assert self._listed(dead, self._row(20, 646))
        assert self._listed(again)

    def test_what_a_listing_showed_dead_on_another_port_is_not_another_clients_there(self) -> None:
        def at_5062(row: Any) -> Any:
            row.binding = row.contact = registered(1).contact
            return row

        for expires in (600, 640):
            dead = at_5062(self._row(8, expires, dead=True, port=5062))
            again = at_5062(self._row(20, expires, port=5062))
            assert not self._listed(dead, again)
            assert self._listed(again)

    def test_listed_dead_after_another_end_it_is_final(self) -> None:
        dead, again = self._row(8, 640, dead=True), self._row(20, 640)
        ends = registered(1, expires_at=moment(600)), unregistered(2)
        assert not apply(*ends, dead, again)[0].bindings
        assert apply(*ends, again)[0].bindings

    def test_listed_dead_again_its_connection_stays_known(self) -> None:
        """A refresh over it that is read late revives nothing."""
        assert not self._listed(self._row(8, 600, dead=True), refreshed(4, cookie=7))

    def test_without_a_known_expiry_no_row_is_of_another_register(self) -> None:
        session, _ = apply(registered(1, cookie=7), loss(5, cookie=7), self._row(20, 640))
        assert not session.bindings

    def test_a_listing_of_before_its_last_register_shows_nothing_new(self) -> None:
        assert self._listed(self._row(1, 640, dead=True), self._row(20, 640))

    def test_what_nobody_had_reported_when_it_was_listed_dead_may_come_back_too(self) -> None:
        dead = self._row(8, 640, dead=True)
        session, _ = apply(dead, self._row(20, 640))
        assert not session.bindings
        session, _ = apply(dead, self._row(20, 646))
        assert session.bindings
        session, _ = apply(dead, self._row(20, 680, dead=True), self._row(30, 680))
        assert not session.bindings

    def test_the_row_of_before_is_not_another_clients_on_its_port(self) -> None:
        assert not self._revived(expires_at=moment(600))
        assert not self._revived(expires_at=moment(604))
        assert not self._revived()


class TestListedDeadAtAnEdge:
    """A mid-registrar lists a binding whose connection has ended, which cuts off what is behind."""

    def _at_edge(self, event: RegistrationEvent, port: int) -> RegistrationEvent:
        return same(with_table(at_edge(event, port)))

    def _dead(self, seq: int, port: int) -> RegistrationEvent:
        row = listed(seq, f"s{seq}", node="edge1", port=port, connection_gone=True)
        return self._at_edge(row, port)

    def test_registrars_binding_of_that_connection_is_not_reachable(self) -> None:
        later = self._at_edge(registered(9, node="edge1", port=5062), 5062)
        session, _ = apply(self._dead(5, 5061), later, from_registrar(1, 5061))
        assert [binding.edge_lost for binding in session.bindings.values()] == [False, True]

    def test_dead_row_of_a_later_connection_cuts_off_what_is_behind_that(self) -> None:
        """The registrar reports the new connection, which the edge's listing shows dead."""
        first = self._at_edge(registered(1, node="edge1"), 5061)
        behind_5062 = from_registrar(3, 5062, at=10)
        _, published = apply(first, edge_closed(2, 5061), behind_5062, self._dead(20, 5062))
        assert shown(published) == [
            "online registered",
            "offline connection-closed",
            "online registered",
            "offline connection-closed",
        ]


class TestListedAfterTheEnd:
    """The next process may have the binding in its database; the one that ended lists no more."""

    def _after(self, row: RegistrationEvent) -> list[str]:
        _, published = apply(
            registered(1, transport=Transport.UDP), node_change(NodeKind.DOWN, 9), row
        )
        return shown(published)[2:]

    def test_the_next_process_has_it_still(self) -> None:
        row = listed(1, "s", at=9.5, boot="boot-b", transport=Transport.UDP)
        assert self._after(row) == ["online found-in-snapshot"]

    def test_what_was_listed_by_then_is_no_news(self) -> None:
        for boot in ("boot-a", "boot-b"):
            assert self._after(listed(0, "s", at=9, boot=boot, transport=Transport.UDP)) == []


class TestEnded:
    def test_a_listing_does_not_revive_what_unregistered_meanwhile(self) -> None:
        _, published = apply(registered(1), unregistered(10), listed(9, "s1"))
        assert shown(published)[-1] == "offline unregistered"

    def test_a_listing_does_not_revive_a_binding_whose_connection_is_known_to_have_ended(
        self,
    ) -> None:
        """Servers list the dead for minutes: OpenSIPS#1769, kamailio#915."""
        _, published = apply(registered(1), loss(2), listed(60, "s1"))
        assert shown(published)[-1] == "offline connection-closed"

    def test_a_listing_corrects_a_wrong_inference(self) -> None:
        session, published = apply(registered(1), socket_closed(2), listed(60, "s1"))
        assert shown(published)[-1] == "online found-in-snapshot"
        assert len(session.bindings) == 1

    def test_a_row_of_before_the_end_revives_nothing_though_the_clock_was_set_back(self) -> None:
        _, published = apply(registered(1), unregistered(10, at=10), listed(9, "s1", at=60))
        assert shown(published)[-1] == "offline unregistered"

    def test_the_same_process_lists_what_it_still_has(self) -> None:
        expiry = {"expires_at": moment(600)}
        session, _ = apply(registered(1, **expiry), unregistered(2), listed(60, "s1", **expiry))
        assert session.bindings

    def test_what_a_listing_revives_leaves_no_tombstone(self) -> None:
        session, published = apply(registered(1), unregistered(2), listed(60, "s1"))
        assert shown(published)[-1] == "online found-in-snapshot"
        assert session.ended == {}

    def test_a_moment_after_its_end_a_binding_may_still_be_listed(self) -> None:
        _, published = apply(registered(1), unregistered(2), listed(3, "s1", at=3.9))
        assert shown(published)[-1] == "offline unregistered"

    def test_a_row_of_another_connection_revives_at_once(self) -> None:
        """The register over it was lost; what is known to be gone is another connection."""
        first = same(registered(1, cookie=7))
        row = same(listed(3, "s1", port=5062, cookie=8))
        gone = loss(2, cookie=7, source=Source.SOCKETS)
        gone.binding = f"fs1|{CONTACT}"
        _, published = apply(first, gone, row)
        assert shown(published)[-1] == "online found-in-snapshot"

    def test_a_row_of_before_the_last_register_revives_nothing(self) -> None:
        """Though it is of another connection, and not listed before the end by the clock."""
        first = same(registered(1, cookie=7))
        second = same(registered(6, at=2, port=5063, cookie=9))
        gone = loss(7, at=2, port=5063, cookie=9, source=Source.SOCKETS)
        gone.binding = f"fs1|{CONTACT}"
        row = same(listed(4, "s1", at=2, port=5062))
        _, published = apply(first, second, gone, row)
        assert shown(published)[-1] == "offline connection-closed"

    def test_a_row_that_names_no_address_revives_nothing_that_ended(self) -> None:
        row = listed(60, "s1")
        row.remote = None
        _, published = apply(registered(1), loss(2), row)
        assert shown(published)[-1] == "offline connection-closed"

    def test_sequences_of_two_processes_are_not_compared(self) -> None:
        _, published = apply(
            registered(99), unregistered(100), listed(5, "s1", at=300, boot="boot-b")
        )
        assert shown(published)[-1] == "online found-in-snapshot"

    def test_what_stopped_with_its_node_is_back_with_the_first_listing(self) -> None:
        down = node_change(NodeKind.DOWN, 9)
        _, published = apply(registered(1), down, listed(2, "s1", at=10, boot="boot-b"))
        assert shown(published)[1:] == ["offline node-lost", "online found-in-snapshot"]
