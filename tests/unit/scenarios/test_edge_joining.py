"""Which bindings are one device, and what subscribers see of the two as one."""

from datetime import timedelta

import pytest

from schemas.vocabulary import Cause, Source, Transport
from streams.folds import devices
from streams.folds.node import fold_staleness
from tests.unit.edge_events import PROXY, behind, bindings, client, edge, edge_lost, with_table
from tests.unit.fold_events import (
    apply,
    fold,
    loss,
    moment,
    registered,
    shown,
    socket_closed,
    unregistered,
)

PROXIES = (Source.OPENSIPS, Source.KAMAILIO)


class TestWhoIsAnEdge:
    @pytest.mark.parametrize("proxy", PROXIES)
    def test_pure_proxy_is_one(self, proxy: Source) -> None:
        """Its script reports who came over which connection, before whichever registrar."""
        at_edge, opensips = edge(1), with_table(behind(1, path=False))
        at_edge.source = proxy
        _, published = apply(at_edge, opensips, edge_lost(2))
        assert bindings(published)[-2:] == [[("fs1", "edge1", 5061)], []]
        assert shown(published)[-1] == "offline connection-closed"

    @pytest.mark.parametrize("proxy", PROXIES)
    def test_a_location_table_before_freeswitch_is_one(self, proxy: Source) -> None:
        table = with_table(edge(1), proxy)
        _, published = apply(table, behind(1, path=False), edge_lost(2))
        assert bindings(published)[-2:] == [[("fs1", "edge1", 5061)], []]

    def test_a_location_table_before_a_registrar_that_knows_the_path_is_one(self) -> None:
        _, published = apply(with_table(edge(1)), with_table(behind(1)), edge_lost(2))
        assert bindings(published)[-2:] == [[("fs1", "edge1", 5061)], []]

    def test_two_registrars_that_a_client_tried_with_one_call_id_are_none(self) -> None:
        first, second = (with_table(registered(1, node=name)) for name in ("sip1", "sip2"))
        session, published = apply(first, second)
        assert bindings(published)[-1] == [("sip1", None, 5061), ("sip2", None, 5061)]
        _, left = apply(with_table(unregistered(9, node="sip2")), session=session)
        assert bindings(left) == [[("sip1", None, 5061)]]

    def test_freeswitch_is_none_whatever_its_profile_is_called(self) -> None:
        first, second = registered(1), registered(1, node="fs2")
        first.registrar = second.registrar = "edge"
        session, published = apply(first, second)
        assert bindings(published)[-1] == [("fs1", None, 5061), ("fs2", None, 5061)]
        _, left = apply(unregistered(9, node="fs2"), session=session)
        assert bindings(left) == [[("fs1", None, 5061)]]
        profile = behind(1)
        profile.registrar = "edge"
        _, joined = apply(edge(1), profile, edge_lost(2))
        assert bindings(joined)[-2:] == [[("fs1", "edge1", 5061)], []]

    def test_a_registrar_that_is_behind_an_edge_itself_is_none(self) -> None:
        """The client is at two registrars, by the same edge: only one of them records the Path."""
        opensips = with_table(behind(1))
        opensips.node = "sip2"
        _, published = apply(edge(1), opensips, behind(1, path=False))
        assert bindings(published)[-1] == [("sip2", "edge1", 5061), ("fs1", "edge1", 5061)]

    def test_two_contacts_at_one_registrar_are_none(self) -> None:
        """A client with one Call-ID for both: directly, and by an edge that is not watched."""
        direct, by_edge = (with_table(event) for event in (registered(1), behind(2, 5062)))
        by_edge.received = None
        _, published = apply(direct, by_edge)
        assert len(published[-1].bindings) == 2

    def test_two_edges_are_none_of_one_another(self) -> None:
        """The client moved from one to the other; its registrar is not watched, or read later."""
        moved = edge(2, 5062)
        moved.node = "edge2"
        session, published = apply(edge(1), moved)
        assert bindings(published)[-1] == [("edge1", None, 5061), ("edge2", None, 5062)]
        apply(behind(2, 5062), session=session)
        _, ended = apply(loss(3, port=5062, node="edge2"), session=session)
        assert bindings(ended) == [[("edge1", None, 5061)]]  # which may live

    def test_bindings_without_call_id_are_not_joined(self) -> None:
        _, published = apply(edge(1, call_id=None), behind(1, call_id=None), edge_lost(2))
        assert bindings(published)[-2:] == [
            [("edge1", None, 5061), ("fs1", None, 5061)],
            [("fs1", None, 5061)],
        ]


class TestWhichEdgeIsShown:
    def test_edge_that_the_path_names(self) -> None:
        _, published = apply(edge(1), edge(2, 5062), behind(3, 5061))
        assert ("fs1", "edge1", 5061) in bindings(published)[-1]

    def test_without_a_path_the_newest_edge(self) -> None:
        for order in ((1, 2), (2, 1)):
            events = [edge(seq, 5060 + seq) for seq in order]
            _, published = apply(*events, behind(3, path=False))
            assert bindings(published)[-1] == [("fs1", "edge1", 5062)]

    def test_no_edge_before_it_reports_the_clients_new_connection(self) -> None:
        """What it still has is shown beside it: that connection may well live."""
        _, published = apply(edge(1, 5061), behind(2, 5062))
        assert bindings(published)[-1] == [("edge1", None, 5061), ("fs1", None, 5062)]


class TestWhatIsShown:
    def test_the_clients_transport_and_address_at_the_edge(self) -> None:
        """From the edge to the registrar it is another transport, and another address."""
        at_registrar = behind(1, path=False, transport=Transport.UDP)
        session, _ = apply(edge(1, transport=Transport.WSS), at_registrar)
        (device,) = devices.shown(session)
        assert (device.node, device.edge) == ("fs1", "edge1")
        assert (device.transport, device.remote) == (Transport.WSS, client())

    def test_the_clients_address_by_the_path_where_the_edge_is_not_watched(self) -> None:
        (device,) = devices.shown(apply(behind(1))[0])
        assert (device.edge, device.remote, device.transport) == (None, client(), Transport.TCP)
        silent_path = behind(1)
        silent_path.received = None
        (device,) = devices.shown(apply(silent_path)[0])
        assert device.remote == PROXY  # the best that is known

    def test_the_oldest_first(self) -> None:
        for order in ((1, 2), (2, 1)):
            events = [registered(seq, port=5060 + seq, call_id=f"{seq}@phone") for seq in order]
            _, published = apply(*events)
            assert [port for _, _, port in bindings(published)[-1]] == [5061, 5062]

    def test_suspicion_of_the_clients_connection_at_the_edge(self) -> None:
        """A proxy's connection to the registrar has none that would matter to the client."""
        session, _ = apply(edge(1), behind(1))
        suspect = edge_lost(2)
        suspect.cause = Cause.CONNECTION_SUSPECT
        _, published = apply(suspect, session=session)
        assert [b.suspect for b in published[-1].bindings] == [True]
        again = edge_lost(3)
        again.cause = Cause.CONNECTION_RECOVERED
        _, published = apply(again, session=session)
        assert [b.suspect for b in published[-1].bindings] == [False]

    def test_suspicion_of_a_binding_behind_no_edge(self) -> None:
        suspect = loss(2, cause=Cause.CONNECTION_SUSPECT)
        _, published = apply(registered(1), suspect)
        assert [b.suspect for b in published[-1].bindings] == [True]

    @pytest.mark.parametrize("node", ["edge1", "fs1"])
    def test_either_nodes_uncertainty_is_the_devices(self, node: str) -> None:
        session, _ = apply(edge(1), behind(1))
        result = fold_staleness(session, node, moment(5), stale=True)
        assert result.change is not None
        assert [b.stale for b in devices.shown(session)] == [True]
        fold_staleness(session, node, moment(5) + timedelta(seconds=1), stale=False)
        assert [b.stale for b in devices.shown(session)] == [False]


def test_end_of_the_proxys_connection_without_a_path_ends_no_binding() -> None:
    session, _ = apply(edge(1), behind(1, path=False))
    assert fold(session, socket_closed(5, node="fs1")).fence == "behind-an-edge"
    assert len(devices.shown(session)) == 1
