"""Who registered through an edge that did not report it: by Path and the edge's connections."""

from datetime import timedelta

from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.vocabulary import (
    NodeKind,
)
from streams.folds.edge_connections import fold_connections
from streams.folds.edge_listings import EdgeListing
from tests.unit.edge_events import behind as registered_behind
from tests.unit.edge_events import edge
from tests.unit.edge_site import BACK, EDGE, HOSTS, Site, behind, closed, listing, mark, row
from tests.unit.fold_events import apply, moment


class TestListings:
    def test_one_that_names_no_connections_changes_none(self) -> None:
        empty = listing(20, {})
        empty.connections = None
        assert Site().apply(behind(10), empty).last == "online registered"

    def test_one_that_names_no_hosts_shows_who_is_connected(self) -> None:
        nameless = listing(20, {5061: 7})
        nameless.hosts = None
        assert Site().apply(behind(10), nameless).places == [("fs1", EDGE, 5061, False)]

    def test_one_of_a_process_that_has_ended_since_is_not_believed(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 30, "boot-b"), behind(10), listing(20, {5061: 7}))
        assert site.last == "online registered"
        site = Site().apply(mark(NodeKind.UP, 0), mark(NodeKind.DOWN, 30))
        site.apply(behind(10), listing(20, {5061: 7}))
        assert site.last == "online registered"

    def test_read_again_it_changes_nothing(self) -> None:
        site = Site().apply(mark(NodeKind.UP, 0), behind(10), listing(20, {5061: 7}), closed(30))
        count = len(site.published)
        site.apply(listing(20, {5061: 7}), behind(70), listing(20, {}))
        assert len(site.published) == count + 1
        assert site.last == "online registered"

    def test_it_ends_the_edges_uncertainty(self) -> None:
        own = edge(10)
        own.cookie = 7
        site = Site().apply(mark(NodeKind.UP, 0), own, behind(10), BACK)
        for _ in range(3):
            site.apply(mark(NodeKind.HEARTBEAT, 21))
            site.wait(timedelta(seconds=4))
        assert site.last == "online node-uncertain"
        site.apply(listing(30, {5061: 7}))
        assert site.last == "online node-certain"


class TestOneUser:
    """What a listing changes in one session, outside of a sweep."""

    def _fold_listing(self, *events: RegistrationEvent, at: float = 60) -> tuple[bool, Session]:
        """Of a listing without any connection: whether it changes the session, and that."""
        session, _ = apply(*events)
        whole = EdgeListing(listing(at, {}), hosts=set(HOSTS))
        return fold_connections(session, whole).changed, session

    def test_it_is_nothing_to_who_is_behind_no_edge_or_at_another(self) -> None:
        plain = registered_behind(1, path=False)
        no_client = behind(1, 5062)
        no_client.received = None
        at_itself = behind(1, 5063, call_id="two@phone")
        at_itself.node = EDGE
        elsewhere = edge(1, 5064, call_id="three@phone")
        elsewhere.node = "edge2"
        nowhere = edge(1, 5065, call_id="four@phone")
        nowhere.remote = None
        for event in (plain, no_client, at_itself, elsewhere, nowhere):
            assert self._fold_listing(event)[0] is False

    def test_what_was_the_edges_own_has_ended_for_good(self) -> None:
        changed, session = self._fold_listing(edge(1))
        (tombstone,) = session.ended.values()
        assert (changed, tombstone.connection_gone, tombstone.cause) == (
            True,
            True,
            "connection-closed",
        )

    def test_an_older_listing_after_a_newer_one_changes_nothing(self) -> None:
        session, _ = apply(behind(1))
        newer = EdgeListing(listing(60, {5061: 7}), {("10.0.0.7", 5061): 7}, set(HOSTS))
        assert fold_connections(session, newer).owner is not None
        older = EdgeListing(listing(50, {}), hosts=set(HOSTS))
        assert fold_connections(session, older).changed is False
        assert fold_connections(session, newer).changed is False

    def test_when_it_registered_counts_and_not_when_it_was_listed(self) -> None:
        assert self._fold_listing(behind(1), row(59))[0] is True
        assert self._fold_listing(behind(1), behind(59))[0] is False
        assert self._fold_listing(row(59))[0] is False
        assert self._fold_listing(row(50))[0] is True

    def test_in_whose_gap_it_registered(self) -> None:
        def doubted(*events: RegistrationEvent, gap: bool = True) -> tuple[bool, bool]:
            session, _ = apply(*events)
            unknown = EdgeListing(listing(60, {}), hosts={"198.51.100.1"})
            unknown.gap = (moment(20), moment(50)) if gap else None
            first = fold_connections(session, unknown).changed
            return first, fold_connections(session, unknown).changed

        assert doubted(behind(30)) == doubted(row(30)) == (True, False)
        assert doubted(behind(10), behind(30)) == (True, False)
        assert doubted(behind(10), row(30)) == (False, False)
        assert doubted(behind(51)) == doubted(behind(30), gap=False) == (False, False)

    def test_its_connection_is_announced_again_after_some_hours(self) -> None:
        """The table of connections may forget others."""
        session, _ = apply(behind(1))
        alive: dict[tuple[str, int], int | None] = {("10.0.0.7", 5061): 7}
        hours = [(1.0, True), (2.0, False), (6.9, False), (7.1, True)]
        for hour, announced in hours:
            event = listing(hour * 3600, {5061: 7})
            result = fold_connections(session, EdgeListing(event, alive, set(HOSTS)))
            assert (result.owner is not None) is announced


def test_a_registrar_that_is_no_edge_of_this_kind_lists_no_connections() -> None:
    """Its own bindings are judged by its own listings."""
    event = edge(10)
    event.registrar = "location"
    assert Site().apply(event, listing(20, {})).last == "online registered"
