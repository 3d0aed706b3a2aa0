"""A registrar's report that is read after the edge's listings: joined as if it had come before."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from schemas.vocabulary import NodeKind, RegistrationKind
from tests.unit.edge_events import edge
from tests.unit.edge_site import BACK, EDGE, Site, behind, closed, listing, mark, row

UP = mark(NodeKind.UP, 0)
Listed = Mapping[int, int | None]
HERE: Listed = {5061: 7}
NOT_HERE: Listed = {5062: 8}


class TestRegister:
    def test_of_a_client_that_is_gone_brings_nobody_online(self) -> None:
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), listing(24, NOT_HERE), behind(10))
        assert site.published == []
        site.apply(behind(70))
        assert site.last == "online registered"

    def test_of_a_client_that_is_connected_is_on_its_connection_at_once(self) -> None:
        site = Site().apply(UP, BACK, listing(20, HERE), behind(10))
        assert [p.cause for p in site.published] == ["registered"]
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30))
        assert site.last == "offline connection-closed"

    def test_the_connection_has_ended_since_the_listing(self) -> None:
        site = Site().apply(UP, BACK, listing(20, HERE), closed(22), behind(10))
        assert site.last == "offline connection-closed"

    @pytest.mark.parametrize("connections", [HERE, NOT_HERE])
    def test_makes_the_same_session_in_either_order(
        self, connections: Mapping[int, int | None]
    ) -> None:
        def parts(site: Site) -> Any:
            return site.state.sessions[b"sip:1001@example.test"].partition(b'"bindings"')[2]

        listed = listing(20, connections)
        before = Site().apply(UP, BACK, listed, behind(10))
        assert parts(before) == parts(Site().apply(UP, BACK, behind(10), listed))

    def test_of_just_before_the_listing_is_left_to_the_next_one(self) -> None:
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), behind(19))
        assert site.last == "online registered"

    def test_of_after_the_listing_is_for_the_edge_to_report(self) -> None:
        """Whose connection that is now, a listing of before does not show."""
        site = Site().apply(UP, BACK, listing(20, HERE), behind(20, at=20.01))
        assert site.places == [("fs1", None, 5061, False)]
        site = Site().apply(UP, BACK, listing(20, HERE), behind(20))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_that_the_edge_reported_under_an_earlier_name_is_of_before_the_listing(self) -> None:
        """The registrar's clock is ahead of the edge's."""
        own = edge(20)
        own.cookie = 7
        up, listed = mark(NodeKind.UP, 20, "boot-b"), listing(20, HERE, boot="boot-b")
        site = Site().apply(UP, up, own, listed, behind(20, at=20.04))
        assert site.places == [("fs1", EDGE, 5061, False)]
        other = listing(20, {5061: 8}, boot="boot-b")
        site = Site().apply(UP, up, own, other, behind(20, at=20.04))
        assert site.published == []
        site = Site().apply(UP, up, own, listed, behind(51, at=51))
        assert site.places == [("fs1", None, 5061, False)]

    def test_that_the_edge_has_reported_needs_no_listing(self) -> None:
        site = Site().apply(UP, edge(10), listing(20, HERE), behind(10))
        assert site.places == [("fs1", EDGE, 5061, False)]
        assert b'"edge_connection":' not in site.state.sessions[b"sip:1001@example.test"]

    def test_of_in_the_edges_gap_is_uncertain_where_no_path_names_it(self) -> None:
        """Also where another listing has come since."""
        elsewhere = ("198.51.100.1:5060",)
        first, second = (listing(at, NOT_HERE, hosts=elsewhere) for at in (20, 24))
        site = Site().apply(UP, BACK, first, second, behind(10))
        assert site.places == [("fs1", None, 5061, True)]
        site = Site().apply(UP, BACK, first, second, behind(30))
        assert site.places == [("fs1", None, 5061, False)]

    @pytest.mark.parametrize(
        "change", [mark(NodeKind.UP, 30, "boot-b"), mark(NodeKind.DOWN, 30, "boot-a")]
    )
    def test_a_listing_of_a_process_that_has_ended_shows_nobody_connected(
        self, change: Any
    ) -> None:
        site = Site().apply(UP, BACK, listing(20, HERE), change, behind(10))
        assert site.places == [("fs1", None, 5061, False)]

    def test_that_moved_the_client_is_on_the_connection_it_moved_to(self) -> None:
        moved = behind(15, 5062)
        moved.contact = moved.binding = behind(5).contact
        site = Site().apply(UP, behind(5), BACK, listing(20, NOT_HERE))
        assert site.last == "offline connection-closed"
        site.apply(moved)
        assert site.places == [("fs1", EDGE, 5062, False)]

    def test_of_before_its_end_is_joined_with_nothing(self) -> None:
        """What ended had come from there: no binding is left of it."""
        gone = behind(12)
        gone.kind = RegistrationKind.UNREGISTERED
        site = Site().apply(UP, BACK, listing(20, HERE), behind(8), gone, behind(10))
        assert site.last == "offline unregistered"

    def test_read_again_changes_nothing(self) -> None:
        for connections in (HERE, NOT_HERE):
            site = Site().apply(UP, BACK, listing(20, connections), behind(10))
            before, count = dict(site.state.sessions), len(site.published)
            site.apply(behind(10), listing(20, connections))
            assert len(site.published) == count
            assert dict(site.state.sessions) == before

    def test_of_an_edge_that_never_listed_is_as_it_was(self) -> None:
        assert Site().apply(UP, behind(10)).last == "online registered"


class TestRow:
    """A registrar lists a binding without a known REGISTER."""

    def test_whose_client_is_not_connected_waits_for_its_edge(self) -> None:
        """A registrar that is back lists its dead."""
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), row(30))
        assert site.published == []
        site.apply(edge(40))
        assert site.places == [("fs1", EDGE, 5061, False)]

    def test_waits_no_longer_than_to_the_listing_that_shows_it(self) -> None:
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), row(21), listing(24, HERE))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(30))
        assert site.last == "offline connection-closed"

    def test_or_to_its_next_register(self) -> None:
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), row(30), row(40))
        assert site.published == []
        assert site.apply(behind(50)).last == "online registered"

    def test_whose_client_is_connected_is_on_its_connection(self) -> None:
        site = Site().apply(UP, BACK, listing(20, HERE), row(30))
        assert site.places == [("fs1", EDGE, 5061, False)]
        site.apply(closed(40))
        assert site.last == "offline connection-closed"

    @pytest.mark.parametrize("kind", [NodeKind.GAP, NodeKind.UNWATCHED])
    def test_the_edges_reports_since_may_be_missing(self, kind: NodeKind) -> None:
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), mark(kind, 25), row(30))
        assert site.places == [("fs1", None, 5061, False)]

    def test_the_edge_is_silent(self) -> None:
        site = Site().apply(UP, BACK, listing(20, NOT_HERE))
        site.wait(timedelta(seconds=6))
        assert site.apply(row(30)).places == [("fs1", None, 5061, False)]

    def test_nothing_is_known_of_the_edge_but_its_listing(self) -> None:
        site = Site().apply(listing(20, NOT_HERE), row(30))
        assert site.places == [("fs1", None, 5061, False)]

    def test_of_what_was_known_confirms_it(self) -> None:
        site = Site().apply(UP, behind(19), BACK, listing(20, NOT_HERE), row(30))
        assert site.last == "online registered"

    def test_again_is_left_to_the_next_listing(self) -> None:
        """As the listing that came after it did."""
        site = Site().apply(UP, mark(NodeKind.GAP, 15), row(19), listing(20, NOT_HERE), row(25))
        assert site.last == "online found-in-snapshot"
        site.apply(listing(24, NOT_HERE))
        assert site.last == "offline connection-closed"

    def test_of_another_device_at_the_contact_is_of_a_register_that_was_not_read(self) -> None:
        site = Site().apply(UP, behind(10), BACK, listing(20, NOT_HERE))
        site.apply(row(30, call_id="two@phone"))
        assert site.last == "offline connection-closed"
        site = Site().apply(UP, behind(10), closed(15, cookie=6), BACK, listing(20, HERE))
        site.apply(row(30, call_id="two@phone"))
        assert site.places == [("fs1", EDGE, 5061, False)]

    @pytest.mark.parametrize("over", ["udp", "nothing"])
    def test_of_a_client_without_a_connection(self, over: str) -> None:
        event = row(30, over=over)
        site = Site().apply(UP, BACK, listing(20, NOT_HERE), event)
        assert site.last == "online found-in-snapshot"

    def test_of_a_client_at_another_edge(self) -> None:
        elsewhere = listing(20, NOT_HERE, hosts=("198.51.100.1:5060",))
        assert Site().apply(UP, BACK, elsewhere, row(30)).last == "online found-in-snapshot"
