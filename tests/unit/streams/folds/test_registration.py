"""Registrations: every fence of the session fold, with the complaint or trap it answers."""

from datetime import datetime
from itertools import permutations

import pytest

from schemas.vocabulary import Cause, RegistrationKind, Source, Transport
from tests.unit.stories import (
    apply,
    expired,
    listed,
    listing_ended,
    loss,
    moment,
    refreshed,
    registered,
    registration,
    shown,
    socket_closed,
    unregistered,
)


def test_register_and_unregister() -> None:
    session, published = apply(registered(1), unregistered(2))
    assert shown(published) == ["online registered", "offline unregistered"]
    assert [presence.version for presence in published] == [1, 2]
    assert published[1].evidence == ["fs1/boot-a/2", "fs1/boot-a/1"]
    assert not published[1].reachable
    assert session.bindings == {}


def test_a_refresh_shows_nothing_new() -> None:
    session, published = apply(registered(1), refreshed(2), refreshed(3))
    assert shown(published) == ["online registered"]
    assert next(iter(session.bindings.values())).since == moment(1)


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


def test_late_socket_close_after_a_re_register_leaves_the_user_online() -> None:
    """restsend/rustpbx#274, kazoo's registrar role, JsSIP#929."""
    _, published = apply(registered(1), registered(2, port=5062), socket_closed(3))
    assert published[-1].reachable
    assert [b.contact for b in published[-1].bindings] == ["sip:1001@10.0.0.7:5062;transport=tcp"]


def test_a_crash_without_unregister_takes_the_user_offline() -> None:
    _, published = apply(registered(1), socket_closed(2))
    assert shown(published) == ["online registered", "offline connection-closed"]


def test_socket_close_does_not_touch_a_device_over_udp_or_with_another_call_id() -> None:
    _, published = apply(
        registered(1, transport=Transport.UDP),
        registered(2, port=5063, call_id="two@phone"),
        socket_closed(3),
    )
    assert len(published) == 2


def test_a_socket_close_told_twice_ends_one_binding() -> None:
    close = socket_closed(3)
    session, _ = apply(registered(1), registered(2, port=5062), close, close)
    assert len(session.bindings) == 1


def test_two_socket_closes_end_both_bindings_of_a_call_id() -> None:
    _, published = apply(
        registered(1), registered(2, port=5062), socket_closed(3), socket_closed(4)
    )
    assert shown(published)[-1] == "offline connection-closed"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_kernel_and_registrar_tell_of_one_close_in_any_order(order: tuple[int, ...]) -> None:
    """The kernel names the connection; the registrar's word about it must not end another."""
    close = loss(4, port=5061)
    told = [registered(2, port=5062), close, socket_closed(5)]
    session, _ = apply(registered(1), *(told[i] for i in order))
    if order.index(2) > order.index(1):
        assert [b.contact for b in session.bindings.values()] == [
            "sip:1001@10.0.0.7:5062;transport=tcp"
        ]


def test_with_a_cookie_only_the_kernel_is_believed() -> None:
    session, published = apply(registered(1, cookie=77), socket_closed(2))
    assert shown(published) == ["online registered"]
    _, published = apply(loss(3, cookie=78), session=session)
    assert published == []
    _, published = apply(loss(4, cookie=77), session=session)
    assert shown(published) == ["offline connection-closed"]


def test_contact_star_alone_ends_nothing() -> None:
    """FreeSWITCH with multiple registrations keeps the bindings; a snapshot tells."""
    _, published = apply(registered(1), registration(RegistrationKind.WILDCARD, 2, port=None))
    assert shown(published) == ["online registered"]


@pytest.mark.parametrize(
    ("due", "cause"),
    [
        (moment(150), Cause.EXPIRED),
        (moment(4000), Cause.ADMINISTRATIVE),
        (moment(100), Cause.PING_LOST),
        (None, Cause.EXPIRED),  # the registrar does not say what it had stored
    ],
)
def test_why_a_registrar_dropped_a_binding(due: datetime | None, cause: Cause) -> None:
    _, published = apply(registered(1, expires_at=moment(150)), expired(2, at=180, expired_due=due))
    assert published[-1].cause == cause


def test_a_lost_ping_makes_unreachable_and_the_expiry_after_it_shows_nothing_more() -> None:
    _, published = apply(
        registered(1),
        registration(RegistrationKind.PING_LOST, 2),
        expired(3, expired_due=moment(2)),
    )
    assert shown(published) == ["online registered", "offline ping-lost"]


def test_a_restored_ping_makes_reachable_again() -> None:
    _, published = apply(
        registered(1),
        registration(RegistrationKind.PING_LOST, 2),
        registration(RegistrationKind.PING_RESTORED, 3),
    )
    assert shown(published)[-1] == "online ping-restored"


class TestSnapshots:
    def test_what_is_not_listed_is_gone(self) -> None:
        _, published = apply(
            registered(1), registered(2, port=5062), listed(9, "s1"), listing_ended(9, "s1")
        )
        assert published[-1].cause is Cause.MISSING_FROM_SNAPSHOT
        assert len(published[-1].bindings) == 1

    @pytest.mark.parametrize("at", [7.0, 8.5])
    def test_what_came_just_before_the_listing_is_left_to_the_next(self, at: float) -> None:
        _, published = apply(registered(9, at=at), listing_ended(9, "s1"))
        assert shown(published) == ["online registered"]

    def test_a_listed_binding_nobody_announced_is_added(self) -> None:
        _, published = apply(listed(9, "s1"), listing_ended(9, "s1"))
        assert shown(published) == ["online found-in-snapshot"]

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

    def test_a_listing_of_another_node_changes_nothing(self) -> None:
        _, published = apply(registered(1), listing_ended(60, "s1", node="fs2"))
        assert shown(published) == ["online registered"]


def test_every_order_of_register_close_re_register_ends_online() -> None:
    """Port 5061 closes after the client came back on 5062: whatever order the log has."""
    events = [registered(1), loss(2), registered(3, port=5062)]
    for order in permutations(events):
        session, _ = apply(*order)
        assert any(":5062" in key for key in session.bindings)


def test_port_reuse_an_old_close_does_not_end_the_new_incarnation() -> None:
    session, _ = apply(registered(1), loss(2), registered(3), loss(2))
    assert len(session.bindings) == 1


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


def test_a_listing_of_the_process_before_changes_nothing() -> None:
    session, _ = apply(registered(1), registered(1, at=50, boot="boot-b", cookie=9))
    assert apply(listed(7, "old", at=30), session=session)[1] == []
    (binding,) = session.bindings.values()
    assert (binding.boot, binding.cookie) == ("boot-b", 9)


def test_a_kernels_no_about_one_registration_is_not_about_another() -> None:
    denied = loss(2, at=2, cookie=None, source=Source.SOCKETS)
    _, published = apply(registered(2, cookie=8), denied)
    assert shown(published) == ["online registered"]
    _, unknown = apply(registered(2), denied)
    assert shown(unknown)[-1] == "offline connection-closed"


@pytest.mark.parametrize(
    ("known", "expires", "ends"),
    [
        (5, 4, False),  # the row of the REGISTER before, under the same Call-ID
        (5, 5, True),
        (5, None, True),  # the registrar does not say
        (None, 4, True),
    ],
)
def test_what_expires_of_an_earlier_register_leaves_the_later_one(
    known: int | None, expires: int | None, ends: bool
) -> None:
    session, _ = apply(registered(1, cseq=known), expired(2, cseq=expires))
    assert bool(session.ended) == ends


def test_a_lower_cseq_of_another_call_id_is_no_earlier_register() -> None:
    session, _ = apply(registered(1, cseq=5, call_id=None), expired(2, cseq=4, call_id=None))
    assert session.ended


def test_a_row_of_another_device_at_the_contact_says_nothing_of_the_one_before() -> None:
    """Its REGISTER was not read."""
    lost = registration(RegistrationKind.PING_LOST, 2, cookie=7)
    for call_id, same in (("one@phone", True), ("two@phone", False), (None, True)):
        session, _ = apply(registered(1, cookie=7), lost, listed(9, "s", cookie=8, call_id=call_id))
        (found,) = session.bindings.values()
        assert (found.registered_at is not None) is same
        assert found.ping_lost is same
        assert found.cookie == (7 if same else 8)
        assert found.since == moment(1 if same else 9)
        assert (found.opened_by != found.event) is same
    session, _ = apply(registered(1), registered(9, call_id="two@phone"))
    (found,) = session.bindings.values()
    assert found.since == moment(1)
