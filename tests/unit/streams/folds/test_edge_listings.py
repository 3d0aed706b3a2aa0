"""Listings of an edge's connections, assembled from records and kept packed."""

import pytest

from streams.folds.edge_listings import EdgeListings, PackedConnections
from tests.unit.edge_events import client
from tests.unit.edge_site import EDGE, Site, behind, listing


class TestPackedConnections:
    def test_gives_each_peer_its_cookie(self) -> None:
        peers = {(f"10.0.{n % 7}.{n % 250}", 5000 + n): n or None for n in range(500)}
        peers[("2001:db8::1", 5061)] = (1 << 64) - 1
        packed = PackedConnections(peers)
        assert all(packed[peer] == cookie for peer, cookie in peers.items())
        assert len(packed) == len(peers)
        assert ("10.0.0.1", 1) not in packed
        assert PackedConnections({}).get(("10.0.0.1", 1)) is None

    def test_is_all_that_is_kept_of_a_listing(self) -> None:
        listings = EdgeListings()
        whole = listings.add(listing(20, {5061: 7}))
        assert whole is not None
        listings.keep(whole)
        kept = listings.kept[EDGE]
        assert kept.event.connections is None
        assert whole.event.connections is not None
        assert kept.connections[(client().ip, 5061)] == 7

    def test_keeps_no_peers(self) -> None:
        with pytest.raises(TypeError):
            list(PackedConnections({(client().ip, 5061): 1}))


class TestAssembly:
    def test_one_in_parts_counts_when_it_is_whole(self) -> None:
        parts = [listing(20, {5061 + n: n + 1}, part=n, parts=2) for n in range(2)]
        site = Site().apply(behind(10, 5062), parts[0])
        assert site.last == "online registered"
        site.apply(parts[1])
        assert site.places == [("fs1", EDGE, 5062, False)]

    def test_a_part_read_twice_is_one(self) -> None:
        parts = [listing(20, {5061 + n: n + 1}, part=n, parts=2) for n in range(2)]
        site = Site().apply(behind(10, 5062), parts[0], parts[0], parts[1], parts[1])
        assert site.places == [("fs1", EDGE, 5062, False)]
        site = Site().apply(behind(10, 5063), parts[1], parts[1])
        assert site.last == "online registered"

    def test_of_one_whose_beginning_was_not_read_nothing_is_concluded(self) -> None:
        site = Site().apply(behind(10), listing(20, {}, part=1, parts=2))
        site.apply(listing(30, {5062: 7}, part=0, parts=2), listing(40, {}, part=1, parts=2))
        assert site.last == "online registered"
