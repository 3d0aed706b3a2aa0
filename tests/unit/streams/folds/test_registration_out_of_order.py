"""Registrations: words that come late, twice, or without saying what they are about."""

from typing import Any

import pytest

from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.vocabulary import Cause, NodeKind, RegistrationKind, Source, Transport
from streams.folds.registration import fold_registration
from streams.models import Session
from tests.unit.stories import (
    apply,
    expired,
    fold,
    listed,
    listing_ended,
    loss,
    moment,
    node_change,
    refreshed,
    registered,
    registration,
    shown,
    unregistered,
)

ONLINE = ["online registered"]


@pytest.mark.parametrize("missing", ["binding", "contact"])
@pytest.mark.parametrize(
    "kind", [RegistrationKind.REGISTERED, RegistrationKind.REFRESHED, RegistrationKind.SNAPSHOT_ROW]
)
def test_what_names_no_binding_begins_none(kind: RegistrationKind, missing: str) -> None:
    event = registration(kind, 1)
    setattr(event, missing, None)
    session, published = apply(event)
    assert (published, session.bindings) == ([], {})


@pytest.mark.parametrize(
    "kind",
    [
        RegistrationKind.UNREGISTERED,
        RegistrationKind.EXPIRED,
        RegistrationKind.PING_LOST,
        RegistrationKind.PING_RESTORED,
    ],
)
def test_what_names_no_binding_ends_none(kind: RegistrationKind) -> None:
    session, published = apply(registered(1))
    assert fold(session, registration(kind, 2, port=None)).fence == "no-binding-named"
    assert shown(published) == ONLINE
    assert session.ended == {}


def test_an_expiry_a_little_early_is_an_expiry() -> None:
    """Registrars round: FreeSWITCH tells whole seconds."""
    _, published = apply(
        registered(1, expires_at=moment(150)), expired(2, at=180, expired_due=moment(148))
    )
    assert published[-1].cause is Cause.EXPIRED
    _, early = apply(
        registered(1, expires_at=moment(150)), expired(2, at=147, expired_due=moment(150))
    )
    assert early[-1].cause is Cause.EXPIRED


class TestListings:
    def test_a_row_read_twice_changes_nothing(self) -> None:
        row = listed(9, "s1")
        session, _ = apply(row)
        (binding,) = session.bindings.values()
        binding.node_lost = True  # meanwhile the node has fallen silent
        assert apply(row, session=session)[1] == []
        assert next(iter(session.bindings.values())).node_lost

    def test_a_row_of_before_a_refresh_does_not_set_it_back(self) -> None:
        """The registrar's clock stands still for 20 ms: the sequence decides."""
        session, _ = apply(registered(1), refreshed(10, at=9.9), listed(9, "s1", at=9.92))
        (binding,) = session.bindings.values()
        assert (binding.seq, binding.confirmed_at) == (10, moment(9.9))

    def test_a_row_of_before_the_end_revives_nothing_though_the_clock_was_set_back(self) -> None:
        _, published = apply(registered(1), unregistered(10, at=10), listed(9, "s1", at=60))
        assert shown(published)[-1] == "offline unregistered"

    def test_what_a_listing_revives_leaves_no_tombstone(self) -> None:
        session, published = apply(registered(1), unregistered(2), listed(60, "s1"))
        assert shown(published)[-1] == "online found-in-snapshot"
        assert session.ended == {}

    def test_a_moment_after_its_end_a_binding_may_still_be_listed(self) -> None:
        _, published = apply(registered(1), unregistered(2), listed(3, "s1", at=3.9))
        assert shown(published)[-1] == "offline unregistered"

    def test_a_row_of_another_connection_revives_at_once(self) -> None:
        """The register over it was lost; what is known to be gone is another connection."""
        first = _at_its_own(registered(1, cookie=7))
        row = _at_its_own(listed(3, "s1", port=5062, cookie=8))
        gone = loss(2, cookie=7, source=Source.SOCKETS)
        gone.binding = "fs1|sip:1001@b.invalid"
        _, published = apply(first, gone, row)
        assert shown(published)[-1] == "online found-in-snapshot"

    def test_a_row_of_before_the_last_register_revives_nothing(self) -> None:
        """Though it is of another connection, and not listed before the end by the clock."""
        first = _at_its_own(registered(1, cookie=7))
        second = _at_its_own(registered(6, at=2, port=5063, cookie=9))
        gone = loss(7, at=2, port=5063, cookie=9, source=Source.SOCKETS)
        gone.binding = "fs1|sip:1001@b.invalid"
        row = _at_its_own(listed(4, "s1", at=2, port=5062))
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

    def test_a_row_proves_neither_an_answer_nor_another_connection(self) -> None:
        session, _ = apply(registered(1, cookie=7), registration(RegistrationKind.PING_LOST, 2))
        (binding,) = session.bindings.values()
        binding.suspect = True
        assert apply(listed(60, "s1", cookie=None), session=session)[1] == []
        (binding,) = session.bindings.values()
        assert (binding.ping_lost, binding.ping_seq, binding.suspect) == (True, 2, True)
        assert (binding.cookie, binding.opened_by) == (7, "fs1/boot-a/1")

    def test_a_row_of_another_address_is_of_another_connection(self) -> None:
        session, _ = apply(_at_its_own(registered(1, cookie=7)))
        next(iter(session.bindings.values())).suspect = True
        apply(_at_its_own(listed(60, "s1", port=5062, cookie=8)), session=session)
        (binding,) = session.bindings.values()
        assert (binding.suspect, binding.cookie) == (False, 8)

    def test_a_row_tells_the_cookie_that_was_not_known(self) -> None:
        session, _ = apply(registered(1), listed(60, "s1", cookie=8))
        assert next(iter(session.bindings.values())).cookie == 8

    def test_only_the_registrar_that_listed_is_concluded_from(self) -> None:
        one = registered(1, registrar="internal")
        other = registered(2, port=5062, registrar="external")
        _, published = apply(one, other, listing_ended(60, "s1", registrar="internal"))
        assert [b.registrar for b in published[-1].bindings] == ["external"]
        _, published = apply(one, other, listing_ended(60, "s1"))
        assert published[-1].bindings == []


def _at_its_own(event: RegistrationEvent) -> RegistrationEvent:
    """Under a contact that does not change with the port."""
    event.contact = event.binding = "sip:1001@b.invalid"
    return event


class TestCookies:
    def test_a_register_over_the_connection_that_ended_does_not_come_back(self) -> None:
        """Whatever its clock says: a kernel never gives a cookie again."""
        ended = loss(1, at=2.0, cookie=7, source=Source.SOCKETS)
        session, _ = apply(registered(1, cookie=7), ended)
        late = refreshed(2, at=2.5, cookie=7)
        assert apply(late, session=session)[1] == []

    def test_over_another_connection_the_sequence_decides(self) -> None:
        ended = loss(9, at=9, cookie=7, source=Source.SOCKETS)
        session, _ = apply(registered(5, cookie=7), ended)
        assert apply(registered(4, at=4, cookie=6), session=session)[1] == []
        assert shown(apply(registered(6, at=8.99, cookie=8), session=session)[1]) == ONLINE

    def test_over_another_connection_of_another_process_the_clock_decides(self) -> None:
        ended = loss(9, at=9, cookie=7, source=Source.SOCKETS)
        session, _ = apply(registered(5, cookie=7), ended)
        before = registered(1, at=8, boot="boot-0", cookie=6)
        after = registered(1, at=9, boot="boot-b", cookie=8)
        assert apply(before, session=session)[1] == []
        assert shown(apply(after, session=session)[1]) == ONLINE

    @pytest.mark.parametrize("known", [None, 7])
    def test_a_register_without_a_cookie_goes_by_the_clock(self, known: int | None) -> None:
        ended = loss(9, at=9, cookie=known, source=Source.SOCKETS)
        session, _ = apply(registered(5, cookie=known), ended)
        assert apply(registered(6, at=8.9), session=session)[1] == []
        assert shown(apply(registered(10, at=9.1), session=session)[1]) == ONLINE

    def test_one_with_a_cookie_is_back_though_the_one_before_had_none(self) -> None:
        denied = loss(9, at=9, cookie=None, source=Source.SOCKETS)
        session, _ = apply(registered(5), denied)
        assert shown(apply(registered(6, at=8.99, cookie=8), session=session)[1]) == ONLINE

    def test_the_connection_that_ended_is_remembered_by_its_own_cookie(self) -> None:
        ended = loss(9, at=9, cookie=7, source=Source.SOCKETS)
        session, _ = apply(registered(5), ended)
        assert apply(refreshed(6, at=8.99, cookie=7), session=session)[1] == []

    def test_an_unregister_outweighs_an_older_register_over_another_connection(self) -> None:
        session, _ = apply(registered(5, cookie=7), unregistered(9, cookie=7))
        assert apply(refreshed(7, cookie=8), session=session)[1] == []

    def test_a_kernels_no_ends_what_was_connected_well_before(self) -> None:
        """The word of its end was lost; the listing asked the kernel, which knows nothing."""
        denied = loss(60, at=60, cookie=None, source=Source.SOCKETS)
        _, published = apply(registered(1, cookie=8), refreshed(59, at=59.9, cookie=8), denied)
        assert shown(published)[-1] == "offline connection-closed"

    def test_a_kernels_no_is_not_about_what_connected_since(self) -> None:
        denied = loss(60, at=60, cookie=None, source=Source.SOCKETS)
        session, published = apply(
            registered(1, cookie=8), refreshed(59, at=59.9, cookie=9), denied
        )
        assert shown(published) == ONLINE
        assert len(session.bindings) == 1

    def test_a_row_does_not_put_another_connections_cookie_on_a_binding(self) -> None:
        session, _ = apply(registered(1, cookie=8), listed(60, "s1", cookie=9))
        (binding,) = session.bindings.values()
        assert binding.cookie == 8


def test_an_expiry_of_another_registration_of_the_contact_ends_nothing() -> None:
    """Registrars with one database tell of each other's expiries."""
    _, published = apply(registered(1, call_id="b"), expired(2, call_id="a"))
    assert shown(published) == ONLINE
    for call_id in ("b", None):
        _, published = apply(registered(1, call_id="b"), expired(2, call_id=call_id))
        assert shown(published)[-1] == "offline expired"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "<sip:edge;lr>"),
        ("user_agent", "another"),
        ("registrar", "external"),
        ("transport", Transport.TLS),
    ],
)
def test_a_refresh_that_changes_what_is_shown_is_published(field: str, value: Any) -> None:
    changed = refreshed(2)
    setattr(changed, field, value)
    _, published = apply(registered(1), changed)
    assert len(published) == 2
    assert getattr(published[-1].bindings[0], field) == value


def test_the_same_contact_written_otherwise_is_published() -> None:
    changed = refreshed(2)
    changed.contact = f"<{changed.contact};ob>"
    _, published = apply(registered(1), changed)
    assert published[-1].bindings[0].contact == changed.contact


@pytest.mark.parametrize(
    ("path", "received", "shown_port"),
    [
        (None, None, 7002),
        (None, 9001, 7002),
        ("<sip:edge;lr>", None, 7002),
        ("<sip:edge;lr>", 9001, None),
    ],
    ids=["direct", "no path", "path without address", "behind a proxy"],
)
def test_another_proxys_address_shows_only_where_the_clients_is_not_known(
    path: str | None, received: int | None, shown_port: int | None
) -> None:
    first, again = registered(1), refreshed(2)
    for event, port in ((first, 7001), (again, 7002)):
        event.path, event.remote = path, Address(ip="10.9.9.9", port=port)
        event.received = Address(ip="10.0.0.7", port=received) if received else None
    _, published = apply(first, again)
    ports = [p.bindings[0].remote and p.bindings[0].remote.port for p in published[1:]]
    assert ports == ([shown_port] if shown_port else [])


def test_another_address_of_the_client_behind_a_proxy_shows() -> None:
    first, again = registered(1), refreshed(2)
    for event, port in ((first, 9001), (again, 9002)):
        event.path, event.remote = "<sip:edge;lr>", Address(ip="10.9.9.9", port=7001)
        event.received = Address(ip="10.0.0.7", port=port)
    _, published = apply(first, again)
    assert [p.bindings[0].remote and p.bindings[0].remote.port for p in published] == [9001, 9002]


def test_a_binding_without_an_address_hangs_on_no_connection() -> None:
    event = registered(1)
    event.remote = None
    result = fold_registration(Session(aor="sip:1001@example.test"), event)
    assert result.changed
    assert result.owner is None


def test_the_owner_is_announced_once_a_connection_and_again_after_hours() -> None:
    session = Session(aor="sip:1001@example.test")
    owners = []
    for event in (
        registered(1, cookie=7),
        refreshed(2, cookie=7),
        refreshed(3, cookie=7),
        refreshed(4, at=7 * 3600, cookie=7),
        refreshed(5, at=7 * 3600 + 1, cookie=8),
    ):
        owner = fold_registration(session, event).owner
        owners.append(getattr(owner, "cookie", None))
    assert owners == [7, None, None, 7, 8]
