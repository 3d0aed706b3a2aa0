"""Connections that a registrar reports as lost, and what is kept of ends."""

from itertools import permutations

import pytest

from schemas.vocabulary import Cause, RegistrationKind, Transport
from tests.unit.edge_events import behind
from tests.unit.fold_events import (
    apply,
    fold,
    listed,
    listing_ended,
    loss,
    refreshed,
    registered,
    registration,
    shown,
    socket_closed,
    unregistered,
)

LOST = RegistrationKind.CONNECTION_LOST


class TestNamedByTheRegistrar:
    """OpenSIPS names the contact whose connection was lost."""

    def test_it_ends_and_no_listing_revives_it(self) -> None:
        _, published = apply(registered(1), registration(LOST, 2), listed(90, "s"))
        assert shown(published)[-1] == "offline connection-closed"

    def test_event_older_than_the_register_ends_nothing(self) -> None:
        _, published = apply(registered(3), registration(LOST, 2))
        assert shown(published) == ["online registered"]


class TestNotNamed:
    """FreeSWITCH names the user and the Call-ID."""

    def test_event_older_than_the_register_ends_nothing(self) -> None:
        session, published = apply(registered(5))
        assert fold(session, socket_closed(3)).fence == "no-such-binding"
        assert shown(published) == ["online registered"]

    def test_behind_a_proxy_it_is_the_proxys(self) -> None:
        session, _ = apply(behind(1))
        assert fold(session, socket_closed(3)).fence == "behind-an-edge"
        assert len(session.bindings) == 1

    @pytest.mark.parametrize(
        "cause",
        [Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET, Cause.CONNECTION_TIMED_OUT],
    )
    def test_close_known_by_the_kernel_ends_no_other_binding(self, cause: Cause) -> None:
        _, published = apply(
            registered(1), registered(2, port=5062), loss(3, cause=cause), socket_closed(4)
        )
        assert published[-1].reachable

    def test_close_of_one_connection_does_not_end_the_next(self) -> None:
        """The kernel's report of the second was lost: only the registrar's is there."""
        _, published = apply(
            registered(1), registered(2, port=5062), loss(3), socket_closed(4), socket_closed(5)
        )
        assert shown(published)[-1] == "offline connection-closed"

    def test_close_known_by_the_kernel_ends_nothing_though_read_twice(self) -> None:
        close = socket_closed(4)
        _, published = apply(registered(1), registered(2, port=5062), loss(3), close, close)
        assert published[-1].reachable

    def test_an_end_on_another_node_is_another(self) -> None:
        _, published = apply(
            registered(1, node="fs2"), registered(2), loss(3, node="fs2"), socket_closed(4)
        )
        assert not published[-1].reachable

    def test_an_end_of_another_call_id_is_another(self) -> None:
        _, published = apply(
            registered(1, call_id="two"), registered(2, port=5062), loss(3), socket_closed(4)
        )
        assert not published[-1].reachable

    def test_an_unregister_is_no_end_of_a_connection(self) -> None:
        _, published = apply(
            registered(1), registered(2, port=5062), unregistered(3), socket_closed(4)
        )
        assert not published[-1].reachable


class TestLeftToTheKernel:
    """A binding with a cookie: FreeSWITCH's report of its connection waits for the kernel's."""

    def test_the_listing_that_follows_gives_the_reason(self) -> None:
        session, published = apply(
            registered(1, cookie=7), socket_closed(20), listing_ended(21, "s")
        )
        assert shown(published) == ["online registered", "offline connection-closed"]
        assert [id_.rpartition("/")[2] for id_ in published[-1].evidence] == ["20", "21", "1"]
        (tombstone,) = session.ended.values()
        assert tombstone.inferred

    def test_who_is_listed_has_another_connection(self) -> None:
        _, published = apply(
            registered(1, cookie=7),
            socket_closed(20),
            listed(21, "s", cookie=7),
            listing_ended(21, "s"),
            listing_ended(40, "t"),
        )
        assert shown(published) == ["online registered", "offline missing-from-snapshot"]

    def test_who_registers_again_has_a_new_one(self) -> None:
        _, published = apply(
            registered(1, cookie=7),
            socket_closed(20),
            refreshed(21, cookie=8),
            listing_ended(40, "t"),
        )
        assert shown(published)[-1] == "offline missing-from-snapshot"

    def test_the_kernel_that_comes_first_is_believed(self) -> None:
        _, published = apply(
            registered(1, cookie=7),
            socket_closed(20),
            loss(21, cause=Cause.CONNECTION_RESET, cookie=7),
            listing_ended(22, "s"),
        )
        assert shown(published) == ["online registered", "offline connection-reset"]


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


def test_socket_close_reported_twice_ends_one_binding() -> None:
    close = socket_closed(3)
    session, _ = apply(registered(1), registered(2, port=5062), close, close)
    assert len(session.bindings) == 1


def test_two_socket_closes_end_both_bindings_of_a_call_id() -> None:
    _, published = apply(
        registered(1), registered(2, port=5062), socket_closed(3), socket_closed(4)
    )
    assert shown(published)[-1] == "offline connection-closed"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_kernel_and_registrar_report_one_close_in_any_order(order: tuple[int, ...]) -> None:
    """The kernel names the connection; the registrar's report about it must not end another."""
    close = loss(4, port=5061)
    reports = [registered(2, port=5062), close, socket_closed(5)]
    session, _ = apply(registered(1), *(reports[i] for i in order))
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
