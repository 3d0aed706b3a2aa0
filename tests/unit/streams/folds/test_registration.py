"""Registrations: every fence of the session fold, with the complaint or trap it answers."""

from itertools import permutations

import pytest

from schemas.vocabulary import RegistrationKind, Source
from tests.unit.fold_events import (
    apply,
    fold,
    loss,
    refreshed,
    registered,
    registration,
    shown,
    socket_closed,
    unregistered,
)

ONLINE = ["online registered"]


def test_register_and_unregister() -> None:
    session, published = apply(registered(1), unregistered(2))
    assert shown(published) == ["online registered", "offline unregistered"]
    assert [presence.version for presence in published] == [1, 2]
    assert published[1].evidence == ["fs1/boot-a/2", "fs1/boot-a/1"]
    assert not published[1].reachable
    assert session.bindings == {}


def test_one_of_two_devices_leaving_leaves_the_user_online() -> None:
    _, published = apply(registered(1), registered(2, port=5062), unregistered(3))
    assert shown(published)[-1] == "online unregistered"
    assert [b.contact for b in published[-1].bindings] == ["sip:1001@10.0.0.7:5062;transport=tcp"]


def test_bindings_of_one_user_on_two_nodes_are_separate() -> None:
    _, published = apply(registered(1), registered(1, node="fs2"), unregistered(2))
    assert [binding.node for binding in published[-1].bindings] == ["fs2"]


def test_an_older_event_never_overrides_a_newer_one() -> None:
    _, published = apply(registered(5), unregistered(4))
    assert shown(published) == ["online registered"]


def test_a_tombstone_keeps_an_older_register_from_coming_back() -> None:
    _, published = apply(unregistered(5), registered(4))
    assert published == []


def test_a_repeat_changes_nothing() -> None:
    events = [registered(1), registered(2, port=5062), socket_closed(3), unregistered(4, port=5062)]
    once, published = apply(*events)
    twice, again = apply(*events, session=once)
    assert again == []
    assert twice.version == len(published)


def test_contact_star_alone_ends_nothing() -> None:
    """FreeSWITCH with multiple registrations keeps the bindings; a snapshot decides."""
    _, published = apply(registered(1), registration(RegistrationKind.WILDCARD, 2, port=None))
    assert shown(published) == ["online registered"]


def test_unregister_crossing_a_refresh_follows_the_source_order() -> None:
    for order in permutations([registered(1), refreshed(2), unregistered(3)]):
        session, _ = apply(*order)
        assert session.bindings == {}
    for order in permutations([registered(1), unregistered(2), refreshed(3)]):
        session, _ = apply(*order)
        assert len(session.bindings) == 1


def test_a_client_back_within_the_clocks_difference_is_back() -> None:
    """Closed by the kernel's clock, registered anew by a registrar's that runs behind."""
    first, again = registered(1, cookie=7), registered(2, at=1.99, cookie=8)
    ended = loss(1, at=2.0, cookie=7, source=Source.SOCKETS)
    _, published = apply(first, ended, again)
    assert shown(published)[-1] == "online registered"
    # An older register over the connection that ended does not come back.
    session, _ = apply(first, ended)
    assert apply(registered(1, at=1, cookie=6), session=session)[1] == []


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


class TestRegisterAfterEnd:
    def test_a_register_over_the_connection_that_ended_does_not_come_back(self) -> None:
        """Whatever its clock shows: a kernel never gives a cookie again."""
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
