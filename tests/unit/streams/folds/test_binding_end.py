"""Ends of bindings: the tombstone of a connection at an edge that only a listing had shown."""

from schemas.vocabulary import NodeKind
from streams import models
from streams.models import EndedBinding, Session
from tests.unit.edge_site import EDGE, Site, behind, closed, listing, mark, row
from tests.unit.fold_events import AOR, moment


def tombstone_of(site: Site) -> EndedBinding:
    session: Session = models.decode(Session, site.state.sessions[AOR.encode()])
    (tombstone,) = session.ended.values()
    return tombstone


class TestCutOff:
    def test_tombstone_describes_the_connection_at_the_edge(self) -> None:
        site = Site().apply(behind(10), listing(20, {5061: 7}), row(25), closed(30))
        assert site.last == "offline connection-closed"
        found = tombstone_of(site)
        assert (found.node, found.registrar, found.connection_gone) == (EDGE, "edge", True)
        assert found.remote is not None
        assert (found.call_id, found.remote.port, found.cookie) == ("one@phone", 5061, 7)
        assert found.last_at == moment(10)  # of its REGISTER; a row proves no later one

    def test_of_a_binding_without_a_known_register_the_last_row_counts(self) -> None:
        site = Site().apply(row(10), listing(20, {5061: 7}), row(25), closed(30))
        assert tombstone_of(site).last_at == moment(25)

    def test_connection_that_the_next_process_of_the_edge_lists_has_not_ended(self) -> None:
        """Its REGISTER had been reported under the name of the process before."""
        site = Site().apply(mark(NodeKind.UP, 0), behind(10), listing(20, {5061: 7}))
        site.apply(mark(NodeKind.UP, 30, "boot-b"))
        assert site.last == "offline node-restarted"
        site.apply(listing(31, {5061: 7}, boot="boot-b"))
        assert site.places == [("fs1", EDGE, 5061, False)]
