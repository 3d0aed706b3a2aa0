"""Rows of a registrar's listing: what they add, confirm and leave as it is."""

from schemas.vocabulary import RegistrationKind
from tests.unit.edge_events import same
from tests.unit.fold_events import (
    apply,
    listed,
    listing_ended,
    moment,
    refreshed,
    registered,
    registration,
    shown,
)


def test_a_listing_of_the_process_before_changes_nothing() -> None:
    session, _ = apply(registered(1), registered(1, at=50, boot="boot-b", cookie=9))
    assert apply(listed(7, "old", at=30), session=session)[1] == []
    (binding,) = session.bindings.values()
    assert (binding.boot, binding.cookie) == ("boot-b", 9)


def test_row_of_another_device_at_the_contact_takes_over_nothing() -> None:
    """Its REGISTER was not read."""
    lost = registration(RegistrationKind.PING_LOST, 2, cookie=7)
    for call_id, is_same in (("one@phone", True), ("two@phone", False), (None, True)):
        session, _ = apply(registered(1, cookie=7), lost, listed(9, "s", cookie=8, call_id=call_id))
        (found,) = session.bindings.values()
        assert (found.registered_at is not None) is is_same
        assert found.ping_lost is is_same
        assert found.cookie == (7 if is_same else 8)
        assert found.since == moment(1 if is_same else 9)
        assert (found.opened_by != found.event) is is_same
    session, _ = apply(registered(1), registered(9, call_id="two@phone"))
    (found,) = session.bindings.values()
    assert found.since == moment(1)


class TestRows:
    def test_a_listed_binding_nobody_announced_is_added(self) -> None:
        _, published = apply(listed(9, "s1"), listing_ended(9, "s1"))
        assert shown(published) == ["online found-in-snapshot"]

    def test_a_row_read_twice_changes_nothing(self) -> None:
        row = listed(9, "s1")
        session, _ = apply(row)
        (binding,) = session.bindings.values()
        binding.node_lost = True  # meanwhile the node has been lost
        assert apply(row, session=session)[1] == []
        assert next(iter(session.bindings.values())).node_lost

    def test_a_row_of_before_a_refresh_does_not_set_it_back(self) -> None:
        """The registrar's clock stands still for 20 ms: the sequence decides."""
        session, _ = apply(registered(1), refreshed(10, at=9.9), listed(9, "s1", at=9.92))
        (binding,) = session.bindings.values()
        assert (binding.seq, binding.confirmed_at) == (10, moment(9.9))

    def test_a_row_proves_neither_an_answer_nor_another_connection(self) -> None:
        session, _ = apply(registered(1, cookie=7), registration(RegistrationKind.PING_LOST, 2))
        (binding,) = session.bindings.values()
        binding.suspect = True
        assert apply(listed(60, "s1", cookie=None), session=session)[1] == []
        (binding,) = session.bindings.values()
        assert (binding.ping_lost, binding.ping_seq, binding.suspect) == (True, 2, True)
        assert (binding.cookie, binding.opened_by) == (7, "fs1/boot-a/1")

    def test_a_row_of_another_address_is_of_another_connection(self) -> None:
        session, _ = apply(same(registered(1, cookie=7)))
        next(iter(session.bindings.values())).suspect = True
        apply(same(listed(60, "s1", port=5062, cookie=8)), session=session)
        (binding,) = session.bindings.values()
        assert (binding.suspect, binding.cookie) == (False, 8)

    def test_row_adds_an_unknown_cookie(self) -> None:
        session, _ = apply(registered(1), listed(60, "s1", cookie=8))
        assert next(iter(session.bindings.values())).cookie == 8

    def test_a_row_does_not_put_another_connections_cookie_on_a_binding(self) -> None:
        session, _ = apply(registered(1, cookie=8), listed(60, "s1", cookie=9))
        (binding,) = session.bindings.values()
        assert binding.cookie == 8

    def test_older_row_at_another_registrar_confirms_nothing(self) -> None:
        """A client that moves to another profile leaves its row there until that expires."""
        at_internal = registered(1, registrar="internal", expires_at=moment(300))
        for expires, registrar in ((100, "internal"), (298, "external")):
            row = listed(60, "s1", registrar="external", expires_at=moment(expires))
            session, _ = apply(at_internal, row)
            (binding,) = session.bindings.values()
            assert binding.registrar == registrar

    def test_row_keeps_a_claimed_transport_until_it_shows_the_connection(self) -> None:
        """Only the REGISTER shows that the transport is claimed; a cookie proves a connection."""
        for port, cookie, claimed in ((5061, None, True), (5061, 8, False), (5062, None, False)):
            row = same(listed(60, "s1", port=port, cookie=cookie))
            session, _ = apply(same(registered(1, transport_claimed=True)), row)
            (binding,) = session.bindings.values()
            assert binding.transport_claimed is claimed
