"""Clients that registered through an edge that did not report it, joined with its listing."""

from datetime import timedelta

import pytest

from schemas.node import NodeEvent
from schemas.session import Session
from schemas.vocabulary import Cause, NodeKind, RegistrationKind, Source, Transport
from streams.folds import devices
from streams.folds.connection_loss import fold_loss
from streams.folds.edge_connections import fold_connections
from streams.folds.edge_listings import EdgeListing
from tests.unit.edge_events import client, edge
from tests.unit.edge_site import (
    BACK,
    EDGE,
    HOSTS,
    Site,
    behind,
    closed,
    expired_at_edge,
    listing,
    mark,
    row,
)
from tests.unit.fold_events import AOR, apply, loss, moment, node_change


class TestConnected:
    """Its connection lives when the edge's producer is back."""

    def test_its_end_takes_the_user_offline_at_once(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 0), behind(10), BACK, listing(20, {5061: 7}))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30))
        assert site.last == "offline connection-closed"
        site.apply(row(40), listing(50, {}))
        assert site.last == "offline connection-closed"

    def test_what_ended_there_before_the_listing_is_over(self) -> None:
        """The client has come back from the same port, which the edge did not report."""
        site = Site().apply(edge(1), behind(1), closed(15), behind(50), listing(60, {5061: 8}))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_without_cookies_the_edges_own_clock_decides(self) -> None:
        site = Site().apply(behind(10), closed(5, cookie=3), listing(20, {5061: None}))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30, cookie=8))
        assert site.last == "offline connection-closed"

    @pytest.mark.parametrize("cookies", [(None, 8), (7, None), (None, None)])
    def test_also_where_its_register_was_not_read(
        self, cookies: tuple[int | None, int | None]
    ) -> None:
        listed, ended = cookies
        site = Site().apply(row(10), listing(20, {5061: listed}), closed(19, cookie=ended))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30, cookie=ended))
        assert site.last == "offline connection-closed"

    @pytest.mark.parametrize("clock", [0, -60])
    def test_an_end_that_the_edge_reports_itself_has_a_place_among_its_events(
        self, clock: float
    ) -> None:
        """Its clock may be set back."""
        site = Site().apply(row(10), listing(20, {5061: None}))
        for seq, reachable in ((19, True), (21, False)):
            end = closed(seq, cookie=None)
            end.source, end.boot, end.seq = Source.OPENSIPS, "boot-a", seq
            end.at = moment(seq + clock)
            assert site.apply(end).published[-1].reachable is reachable

    def test_another_connections_end_is_nothing_to_it(self) -> None:
        site = Site().apply(behind(10), listing(20, {5061: 7}), closed(5, cookie=6))
        site.apply(closed(21, cookie=7, node="edge2"), closed(22, port=5062, cookie=7))
        assert site.last == "online node-certain"
        # Of one that has ended since the REGISTER the registration was on that one.
        site.apply(closed(15, cookie=6))
        assert site.last == "offline connection-closed"

    def test_an_end_that_came_before_the_listing_counts_too(self) -> None:
        """The port is another client's by now: what was registered over ended before."""
        site = Site().apply(behind(10), closed(15, cookie=6), listing(20, {5061: 7}))
        assert site.last == "offline connection-closed"

    def test_the_last_client_of_that_port_ended_by_the_edges_own_report(self) -> None:
        """Of the edge's process, without a cookie, before the listing: it is none of this one's."""
        before = closed(5, cookie=None)
        before.source, before.boot, before.seq = Source.OPENSIPS, "boot-a", 5
        site = Site().apply(before, behind(10), listing(20, {5061: 7}))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30))
        assert site.last == "offline connection-closed"

    def test_what_the_edge_reports_itself_needs_no_listing(self) -> None:
        site = Site().apply(edge(10), behind(10), listing(20, {5061: 7}))
        assert len(site.published) == 2
        session = site.state.sessions[AOR.encode()]
        assert b'"edge_connection":' not in session

    def test_a_refresh_stays_on_it_and_a_move_does_not(self) -> None:
        site = Site().apply(behind(10), listing(20, {5061: 7}), behind(25))
        assert site.places == [("fs1", EDGE, 5061, False)]
        moved = behind(27)
        moved.received = client(5062)
        site.apply(moved)
        assert site.places == [("fs1", None, 5062, False)]
        site.apply(closed(30))
        assert site.places == [("fs1", None, 5062, False)]

    def test_a_client_of_another_edge_may_have_the_same_address(self) -> None:
        elsewhere = listing(30, {5061: 9}, node="edge2", hosts=("198.51.100.1:5060",))
        site = Site().apply(behind(10), listing(20, {5061: 7}), elsewhere)
        site.apply(closed(40, cookie=9, node="edge2"))
        assert site.places == [("fs1", EDGE, 5061, False)]
        right = listing(50, {5061: 8}, node="edge3")
        site.apply(right)  # its Path names that one
        assert site.places == [("fs1", "edge3", 5061, False)]

    def test_two_devices_of_one_user_hang_on_two_connections(self) -> None:
        site = Site().apply(behind(10), behind(11, 5062, call_id="two@phone"))
        site.apply(listing(20, {5061: 7, 5062: 8}), closed(30), closed(31, 5062, 8))
        assert site.last == "offline connection-closed"
        assert site.published[-1].reachable is False

    def test_the_edge_had_it_on_another_connection(self) -> None:
        """The client left that one, and the edge's report of the REGISTER is missing."""
        moved = behind(12, 5062)
        moved.contact = moved.binding = behind(1).contact
        site = Site().apply(edge(1), behind(1), moved, listing(20, {5061: 6, 5062: 7}))
        assert site.places == [("fs1", EDGE, 5062, False)]

    def test_registrars_table_decides_where_clocks_are_too_close(self) -> None:
        """The edge's clock is 50 ms ahead, and between the two REGISTERs were 10 ms."""
        moved = behind(2, 5062, at=1.01)
        moved.contact = moved.binding = behind(1).contact
        listed = row(9, 5062, at=30)
        listed.contact = listed.binding = moved.contact
        site = Site().apply(edge(1, at=1.05), behind(1), moved, listing(20, {5061: 6, 5062: 7}))
        assert site.places == [("fs1", EDGE, 5062, False), (EDGE, None, 5061, False)]
        site.apply(listed, listing(40, {5061: 6, 5062: 7}))
        assert site.places == [("fs1", EDGE, 5062, False)]

    @pytest.mark.parametrize(("at", "places"), [(2.02, 2), (2.0, 1), (0.1, 1)])
    def test_what_the_edge_reported_a_second_later_is_of_a_later_register(
        self, at: float, places: int
    ) -> None:
        """Perhaps at another registrar, which has not reported it."""
        moved = behind(2, 5062, at=1.01)
        moved.contact = moved.binding = behind(1).contact
        listed = row(9, 5062, at=30)
        listed.contact = listed.binding = moved.contact
        both = {5061: 6, 5062: 7}
        site = Site().apply(edge(1, at=at), behind(1), moved, listed, listing(40, both))
        assert len(site.places) == places

    @pytest.mark.parametrize(
        ("change", "cause"),
        [
            (mark(NodeKind.UP, 30, "boot-b"), "node-restarted"),
            (mark(NodeKind.DOWN, 30), "node-lost"),
        ],
    )
    def test_ends_with_its_edge(self, change: NodeEvent, cause: str) -> None:
        for known in (behind(10), row(10)):
            site = Site().apply(mark(NodeKind.UP, 0), known, listing(20, {5061: 7}), change)
            assert site.last == f"offline {cause}"

    def test_what_its_edge_reported_under_the_name_of_the_process_before(self) -> None:
        """The edge's listing shows the very connection, so it did not end with that process."""
        own = edge(10)
        own.cookie = 7
        up = mark(NodeKind.UP, 20, "boot-b")
        site = Site().apply(mark(NodeKind.UP, 0), own, behind(10), up)
        assert site.last == "offline node-restarted"
        site.apply(listing(20, {5061: 7}, boot="boot-b"))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30))
        assert site.last == "offline connection-closed"

    def test_its_listing_is_read_before_the_new_name_is(self) -> None:
        own = edge(10)
        own.cookie = 7
        site = Site().apply(mark(NodeKind.UP, 0), own, behind(10))
        site.apply(listing(20, {5061: 7}, boot="boot-b"), mark(NodeKind.UP, 20, "boot-b"))
        assert site.last == "online registered"
        site.apply(mark(NodeKind.DOWN, 30, "boot-b"))
        assert site.last == "offline node-lost"

    @pytest.mark.parametrize("listed", [{5061: 8}, {5061: None}, {5062: 7}])
    def test_no_other_connection_in_that_listing_is_its_own(
        self, listed: dict[int, int | None]
    ) -> None:
        own = edge(10)
        own.cookie = 7 if 5062 in listed or 8 in listed.values() else None
        site = Site().apply(mark(NodeKind.UP, 0), own)
        site.apply(listing(20, listed, boot="boot-b"), mark(NodeKind.UP, 20, "boot-b"))
        assert site.published[-1].reachable is False

    def test_what_the_edge_did_not_report_again_hangs_on_its_connection(self) -> None:
        """The edge's reports of the refreshes are missing, and of the first one all expires."""
        own = edge(1)
        own.cookie = 7
        site = Site().apply(mark(NodeKind.UP, 0), own, behind(1), behind(50), BACK)
        site.apply(listing(60, {5061: 7}), expired_at_edge(61))
        assert site.places == [("fs1", EDGE, 5061, False)]
        assert site.last == "online registered"
        site.apply(closed(70))
        assert site.last == "offline connection-closed"

    def test_another_clients_connection_after_its_edges_restart_is_not_its_own(self) -> None:
        own = edge(10)
        own.cookie = 7
        up = mark(NodeKind.UP, 20, "boot-b")
        site = Site().apply(mark(NodeKind.UP, 0), own, behind(10), up)
        site.apply(listing(20, {5061: 8}, boot="boot-b"), listing(60, {5061: 8}, boot="boot-b"))
        assert site.last == "offline node-restarted"

    def test_a_device_that_a_listing_found_first_is_on_it_as_well(self) -> None:
        """Of its REGISTER nothing was read."""
        site = Site().apply(row(10), listing(20, {5061: 7}), listing(30, {5061: 7}))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(listing(40, {5061: 8}))  # another client's
        assert site.last == "offline connection-closed"

    def test_it_stays_at_an_edge_that_its_path_does_not_name(self) -> None:
        """Once it was found there: clients connect to another address of the edge."""
        site = Site().apply(behind(10), listing(20, {5061: 7}, hosts=()), behind(30))
        site.apply(listing(40, {5061: 8}, hosts=()), closed(50, cookie=8))
        assert site.last == "offline connection-closed"
        site = Site().apply(behind(10), listing(20, {5061: 7}, hosts=()), behind(30))
        site.apply(listing(40, {5061: 8}, hosts=()), listing(60, {5061: 9}, hosts=()))
        assert site.last == "offline connection-closed"

    def test_it_moves_to_another_edge_that_its_path_names_only(self) -> None:
        site = Site().apply(behind(10), listing(20, {5061: 7}, hosts=()))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(listing(30, {5061: 9}, node="edge2", hosts=()))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_what_registered_after_its_edge_had_started_anew_is_on_another(self) -> None:
        """The edge's start is read after that."""
        up = mark(NodeKind.UP, 30, "boot-b")
        site = Site().apply(
            mark(NodeKind.UP, 0), behind(10), listing(20, {5061: 7}), behind(31), up
        )
        assert site.last == "online node-certain"
        site.apply(listing(40, {5061: 8}, boot="boot-b"), closed(50, cookie=8))
        assert site.last == "offline connection-closed"

    def test_what_the_edge_only_let_expire_is_there_again(self) -> None:
        """The reports of the REGISTERs that renewed it are missing."""
        site = Site().apply(edge(1), behind(1), behind(50), expired_at_edge(60))
        assert site.last == "offline expired"
        site.apply(listing(70, {5061: 7}))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_it_is_certain_again_when_a_listing_shows_it(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 5), behind(10), BACK)
        site.apply(listing(20, {}, hosts=("198.51.100.1",)), listing(24, {5061: 7}))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_is_out_of_reach_while_its_edge_is_silent(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 0), behind(10), listing(20, {5061: 7}))
        site.wait(timedelta(seconds=6))
        assert site.last == "offline node-lost"
        site.apply(mark(NodeKind.HEARTBEAT, 40))
        assert site.last == "online node-restored"


class TestNotConnected:
    """It is not connected any more when the edge's producer is back."""

    def test_is_out_of_reach_where_its_path_names_the_edge(self) -> None:
        site = Site().apply(behind(10), BACK, listing(20, {5062: 7}))
        assert site.last == "offline connection-closed"
        site.apply(row(30))
        assert site.last == "offline connection-closed"
        site.apply(behind(60))  # it has registered anew
        assert site.last == "online registered"

    def test_also_where_an_earlier_listing_had_shown_it(self) -> None:
        site = Site().apply(behind(10), listing(20, {5061: 7}), listing(40, {}, hosts=()))
        assert site.last == "offline connection-closed"

    def test_another_connection_of_its_address_is_not_its_own(self) -> None:
        site = Site().apply(behind(10), listing(20, {5061: 7}), listing(40, {5061: 8}))
        assert site.last == "offline connection-closed"
        # Unless it has registered since: that may well be over the new one.
        site = Site().apply(behind(10), listing(20, {5061: 7}), behind(30), listing(40, {5061: 8}))
        assert site.last == "online node-certain"
        site.apply(closed(50, cookie=8))
        assert site.last == "offline connection-closed"

    def test_what_has_just_registered_is_left_to_the_next_listing(self) -> None:
        """Two nodes' clocks are compared."""
        site = Site().apply(behind(19), listing(20, {}))
        assert site.last == "online registered"
        site.apply(listing(24, {}))
        assert site.last == "offline connection-closed"

    def test_a_client_over_udp_has_no_connection(self) -> None:
        site = Site().apply(behind(10, over="udp"), listing(20, {}))
        assert site.last == "online registered"
        # Its phone has one too, from the same port.
        site.apply(listing(30, {5061: 7}), closed(40))
        assert site.last == "online registered"

    def test_path_without_the_clients_address_proves_nothing(self) -> None:
        event = behind(10)
        event.path = "<sip:192.0.2.9;lr>"
        assert Site().apply(event, listing(20, {})).last == "online registered"
        site = Site().apply(event, listing(20, {5061: 7}))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_the_edges_own_ends_too(self) -> None:
        site = Site().apply(edge(10), behind(10), BACK, listing(20, {5062: 7}))
        assert site.last == "offline connection-closed"
        own = edge(10)
        own.cookie = 7
        site = Site().apply(own, behind(10), listing(20, {5061: 7}))
        assert site.last == "online registered"
        site.apply(listing(30, {5061: 8}))  # another connection from there
        assert site.last == "offline connection-closed"

    def test_the_edges_own_of_later_does_not(self) -> None:
        site = Site().apply(edge(30), behind(30), listing(20, {}))
        assert site.last == "online registered"
        udp = edge(10)
        udp.transport = Transport.UDP
        assert Site().apply(udp, listing(20, {})).last == "online registered"


class TestUnknown:
    """Nothing shows by which edge it came."""

    ELSEWHERE = ("198.51.100.1:5060",)

    def test_is_stale_where_it_registered_during_the_edges_gap(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 5), behind(10), BACK)
        site.apply(listing(20, {}, hosts=self.ELSEWHERE))
        assert site.last == "online node-uncertain"
        assert site.places == [("fs1", None, 5061, True)]
        site.apply(row(30))  # its registrar knows no better
        assert site.places == [("fs1", None, 5061, True)]
        site.apply(behind(40))
        assert site.places == [("fs1", None, 5061, False)]

    def test_is_stale_though_the_edge_reports_between_gap_and_listing(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 5), behind(10), BACK, mark(NodeKind.HEARTBEAT, 21))
        site.apply(listing(22, {}, hosts=self.ELSEWHERE))
        assert site.places == [("fs1", None, 5061, True)]

    def test_not_where_it_registered_before_or_after(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 5), behind(4), BACK)
        site.apply(behind(22, 5062, call_id="two@phone"), listing(24, {}, hosts=self.ELSEWHERE))
        assert [stale for *_, stale in site.places] == [False, False]

    def test_the_edges_own_report_makes_it_certain(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 5), behind(10), BACK)
        site.apply(listing(20, {}, hosts=self.ELSEWHERE), edge(30))
        assert site.places == [("fs1", EDGE, 5061, False)]


class TestLoss:
    def test_the_end_of_a_connection_at_another_edge_is_not_its_own(self) -> None:
        session, _ = apply(behind(1))
        (key,) = session.bindings
        alive: dict[tuple[str, int], int | None] = {("10.0.0.7", 5061): 7}
        fold_connections(session, EdgeListing(listing(20, {5061: 7}), alive, set(HOSTS)))
        for node, port, cookie, at, fence, again in (
            ("edge2", 5061, 7, 30, "no-such-binding", False),
            (EDGE, 5062, 7, 30, "no-such-binding", False),
            (EDGE, 5061, 6, 1.5, "other-incarnation", True),
            (EDGE, 5061, None, 1.5, "other-incarnation", True),
            (EDGE, 5061, 7, 1.5, None, False),
        ):
            end = loss(15, port=port, node=node, cookie=cookie, at=at)
            end.binding = key
            result = fold_loss(session, end)
            # Its owner went with the end that was not its own.
            assert (result.fence, result.owner is not None) == (fence, again)

    @pytest.mark.parametrize(
        ("node", "port", "reachable"),
        [(EDGE, 5061, False), ("edge2", 5061, True), (EDGE, 5062, True)],
    )
    def test_the_end_of_what_an_edge_reported_since_is_of_that_connection(
        self, node: str, port: int, reachable: bool
    ) -> None:
        """At another edge another client may have the same address."""
        session, _ = apply(behind(1))
        alive: dict[tuple[str, int], int | None] = {("10.0.0.7", 5061): 7}
        fold_connections(session, EdgeListing(listing(20, {5061: 7}), alive, set(HOSTS)))
        own = edge(30, port)
        own.node, own.cookie = node, 7
        apply(own, loss(40, port=port, node=node), session=session)
        assert bool(devices.live(session)) is reachable


def connected() -> Session:
    """Behind the edge, by the edge's listing."""
    session, _ = apply(behind(1))
    alive: dict[tuple[str, int], int | None] = {("10.0.0.7", 5061): 7}
    fold_connections(session, EdgeListing(listing(20, {5061: 7}), alive, set(HOSTS)))
    return session


def test_end_of_its_connection_cuts_off_the_devices_binding_at_another_registrar() -> None:
    """Which no listing has been joined with yet."""
    session = connected()
    (key,) = session.bindings
    other = behind(30)
    other.node = "fs2"
    apply(other, session=session)
    end = loss(40, node=EDGE, cookie=7)
    end.binding = key
    fold_loss(session, end)
    assert devices.live(session) == []


class TestWhatIsNothingToIt:
    def test_a_silent_peer_at_the_edge_ends_no_binding(self) -> None:
        session = connected()
        (key,) = session.bindings
        silent = loss(30, node=EDGE, cookie=7, cause=Cause.CONNECTION_SUSPECT)
        silent.binding = key
        assert fold_loss(session, silent).fence == "behind-an-edge"
        assert devices.live(session)

    def test_the_end_of_its_connection_after_its_own_at_the_registrar(self) -> None:
        gone = behind(2)
        gone.kind = RegistrationKind.UNREGISTERED
        known = behind(1)
        known.source = gone.source = Source.OPENSIPS
        session, _ = apply(known, gone)
        (key,) = session.ended
        end = loss(30, node=EDGE, cookie=7)
        end.binding = key
        assert fold_loss(session, end).fence == "no-such-binding"
        assert list(session.ended) == [key]

    @pytest.mark.parametrize("kind", [NodeKind.UP, NodeKind.DOWN])
    def test_what_an_earlier_process_of_its_edge_reports_late(self, kind: NodeKind) -> None:
        session = connected()
        apply(node_change(kind, 15, "boot-z", EDGE), session=session)
        assert devices.live(session)

    @pytest.mark.parametrize(
        ("node", "boot", "reachable"),
        [(EDGE, "boot-a", False), (EDGE, "boot-z", True), ("edge2", "boot-a", True)],
    )
    def test_loss_of_another_node_or_process(self, node: str, boot: str, reachable: bool) -> None:
        session = connected()
        apply(node_change(NodeKind.LOST, 30, boot, node), session=session)
        assert bool(devices.live(session)) is reachable
