"""Connections that a registrar says it lost, and what is remembered of ends."""

import pytest

from schemas.vocabulary import Cause, RegistrationKind, Source
from streams.folds.ordering import MAX_LISTABLE
from tests.unit.scenarios.test_edge_late_events import (
    CONTACT,
    edge_closed,
    from_edge,
    from_registrar,
    same,
)
from tests.unit.stories import (
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
from tests.unit.streams.folds.test_edges import behind, edge

LOST = RegistrationKind.CONNECTION_LOST


class TestNamedByTheRegistrar:
    """OpenSIPS says which contact's connection was lost."""

    def test_it_ends_and_no_listing_revives_it(self) -> None:
        _, published = apply(registered(1), registration(LOST, 2), listed(90, "s"))
        assert shown(published)[-1] == "offline connection-closed"

    def test_an_older_word_than_the_register_ends_nothing(self) -> None:
        _, published = apply(registered(3), registration(LOST, 2))
        assert shown(published) == ["online registered"]


class TestNotNamed:
    """FreeSWITCH names the user and the Call-ID."""

    def test_an_older_word_than_the_register_ends_nothing(self) -> None:
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
    def test_what_the_kernel_told_already_is_not_told_of_another(self, cause: Cause) -> None:
        _, published = apply(
            registered(1), registered(2, port=5062), loss(3, cause=cause), socket_closed(4)
        )
        assert published[-1].reachable

    def test_what_was_told_of_one_connection_is_not_told_of_the_next(self) -> None:
        """The kernel's word of the second was lost: only the registrar tells."""
        _, published = apply(
            registered(1), registered(2, port=5062), loss(3), socket_closed(4), socket_closed(5)
        )
        assert shown(published)[-1] == "offline connection-closed"

    def test_what_the_kernel_told_already_ends_nothing_though_read_twice(self) -> None:
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
    """A binding with a cookie: FreeSWITCH's word of its connection waits for the kernel's."""

    def test_the_listing_that_follows_gives_the_reason(self) -> None:
        session, published = apply(
            registered(1, cookie=7), socket_closed(20), listing_ended(21, "s")
        )
        assert shown(published) == ["online registered", "offline connection-closed"]
        assert [id_.rpartition("/")[2] for id_ in published[-1].evidence] == ["20", "21", "1"]
        (grave,) = session.ended.values()
        assert grave.inferred

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


class TestWhatIsRemembered:
    def test_of_a_servers_own_end_no_listing_revives_its_connections(self) -> None:
        _, published = apply(registered(1), loss(2, cause=Cause.NODE_LOST), listed(90, "s"))
        assert shown(published)[-1] == "offline node-lost"

    def test_nothing_at_a_registrar_whose_client_is_back(self) -> None:
        first, back = same(registered(1, cookie=1)), same(registered(3, port=5062, cookie=2))
        gone = loss(2, cookie=1, source=Source.SOCKETS)
        gone.binding = f"fs1|{CONTACT}"
        session, _ = apply(first, gone, back)
        assert session.ended == {}
        session, _ = apply(first, same(registered(2, port=5062, call_id="another", cookie=2)))
        assert session.ended == {}

    def test_nothing_at_an_edge_of_who_signed_off_and_is_back(self) -> None:
        off = same(unregistered(2, node="edge1"))
        session, _ = apply(from_edge(1, 5061), off, from_edge(3, 5062))
        assert session.ended == {}

    def test_nothing_at_an_edge_of_a_connection_from_an_address_that_lives_again(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            edge_closed(2, 5061, cookie=1),
            from_edge(3, 5061, cookie=2),
        )
        assert session.ended == {}

    def test_the_connections_that_an_edges_client_left_up_to_a_number(self) -> None:
        session, _ = apply(from_edge(1, 5000, cookie=5000))
        for number in range(1, MAX_LISTABLE + 20):
            port = 5000 + number
            apply(
                edge_closed(2 * number, port - 1, cookie=port - 1),
                from_edge(2 * number + 1, port, cookie=port),
                session=session,
            )
        assert len(session.ended) == MAX_LISTABLE

    def test_told_twice_a_left_connection_changes_nothing(self) -> None:
        gone = edge_closed(9, 5061, cookie=1)
        session, _ = apply(from_edge(1, 5061, cookie=1), from_edge(2, 5062, cookie=2), gone)
        assert fold(session, gone).fence == "already-applied"

    def test_a_device_whose_place_at_the_edge_was_taken_is_not_behind_it_any_more(self) -> None:
        session, _ = apply(from_edge(1, 5061, call_id="a"), from_edge(2, 5061, call_id="b"))
        _, published = apply(from_registrar(1, 5061, call_id="a"), session=session)
        assert published == []

    def test_a_refresh_at_the_edge_takes_nobodys_place(self) -> None:
        late = refreshed(2, node="edge1")
        late.registrar, late.source = "edge", Source.OPENSIPS
        session, _ = apply(edge(1), late)
        assert session.ended == {}
