"""A client of a real OpenSIPS that passes its REGISTERs on to a real FreeSWITCH."""

from collections.abc import Iterator

import pytest

from schemas.vocabulary import Cause, Status
from tests.integration.conftest import own_topics
from tests.integration.sip_client import KilledClient, SipClient
from tests.live.clusters import EDGE, NODE, EdgeCluster


@pytest.fixture(scope="module")
def cluster(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeCluster]:
    with own_topics(broker) as kafka:
        running = EdgeCluster(kafka, tmp_path_factory.mktemp("edge"))
        yield running
        running.stop()


@pytest.fixture
def port(cluster: EdgeCluster) -> int:
    """Where clients register: at the edge."""
    return cluster.server.port


def behind_the_edge(cluster: EdgeCluster, user: str, client_port: int) -> None:
    """Wait until the user is shown once, at the switch, behind the edge."""
    state = cluster.when(
        user, lambda p: [(b.node, b.edge) for b in p.bindings] == [(NODE, EDGE)], "behind the edge"
    )
    assert state.bindings[0].remote is not None
    assert state.bindings[0].remote.port == client_port


def test_kill_9_of_the_client(cluster: EdgeCluster, port: int) -> None:
    client = KilledClient(port, "killed")
    behind_the_edge(cluster, "killed", client.port)
    client.kill()
    assert cluster.offline("killed").cause in {Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET}
    cluster.fold_all(port)
    assert cluster.history("killed")[-1].status is Status.OFFLINE


def test_it_unregisters(cluster: EdgeCluster, port: int) -> None:
    client = SipClient(port, "ends-by-unregister")
    client.register()
    behind_the_edge(cluster, "ends-by-unregister", client.port)
    client.unregister()
    assert cluster.offline("ends-by-unregister").cause is Cause.UNREGISTERED
    client.close()


def test_it_comes_back_before_its_old_connection_ends(cluster: EdgeCluster, port: int) -> None:
    second = cluster.moved(port, "moves-true", EDGE, same_contact=False)
    second.close()
    assert cluster.offline("moves-true").cause is Cause.CONNECTION_CLOSED


@pytest.mark.parametrize("which", ["registrar", "edge"])
def test_a_producer_is_killed_and_started_again(
    cluster: EdgeCluster, port: int, which: str
) -> None:
    client = SipClient(port, "both")
    client.register()
    behind_the_edge(cluster, "both", client.port)
    before = cluster.offline_count("both")
    node = cluster.registrar if which == "registrar" else cluster.edge
    node.producer.kill()
    node.producer.start()
    cluster.fold_all(port)
    assert cluster.online("both").bindings[0].edge == EDGE
    assert cluster.offline_count("both") == before
    client.close()
    assert cluster.offline("both").cause is Cause.CONNECTION_CLOSED
