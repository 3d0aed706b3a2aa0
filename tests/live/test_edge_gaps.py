"""A real OpenSIPS without a location table before a real FreeSWITCH: what is missed is made up for.

Its producer is killed and comes back while phones register, stay and leave; itself and its
registrar are stopped, killed and started again.
"""

import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest

from schemas.presence import Presence
from schemas.vocabulary import Cause, NodeKind, RegistrationKind
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.sip_client import SipClient
from tests.live.clusters import EDGE, NODE, EdgeCluster

PHONES = 20
ENDS = {Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET}
_users = itertools.count(101)  # those before are the cluster's own


@pytest.fixture(scope="module")
def cluster(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeCluster]:
    with own_topics(broker) as kafka:
        running = EdgeCluster(kafka, tmp_path_factory.mktemp("gaps"))
        yield running
        running.stop()


@pytest.fixture
def phones(cluster: EdgeCluster) -> Iterator[list[SipClient]]:
    """Connected clients, that have not registered."""
    found = [SipClient(cluster.server.port, f"extra-{next(_users)}") for _ in range(PHONES)]
    yield found
    for phone in found:
        phone.close()


def is_behind(presence: Presence) -> bool:
    return [(b.node, b.edge, b.stale) for b in presence.bindings] == [(NODE, EDGE, False)]


def all_behind(cluster: EdgeCluster, phones: list[SipClient]) -> None:
    for phone in phones:
        cluster.when(phone.user, is_behind, "behind the edge, and sure")


def all_offline(cluster: EdgeCluster, phones: list[SipClient]) -> list[Cause]:
    return [cluster.offline(phone.user).cause for phone in phones]


def connection_listings(cluster: EdgeCluster) -> int:
    kind = RegistrationKind.CONNECTIONS_LISTED
    return len({e.snapshot for e in cluster.registrations.read() if e.kind is kind})


def test_phones_that_registered_while_the_producer_was_away_are_offline_when_they_leave(
    cluster: EdgeCluster, phones: list[SipClient]
) -> None:
    cluster.edge.producer.kill()
    for phone in phones:
        phone.register()
    cluster.edge.producer.start()
    all_behind(cluster, phones)
    left, stay = phones[::2], phones[1::2]
    for phone in left:
        phone.close()
    assert set(all_offline(cluster, left)) <= ENDS
    for phone in stay:
        assert is_behind(cluster.history(phone.user)[-1])
        assert cluster.offline_count(phone.user) == 0


def test_phones_that_registered_and_left_while_both_producers_were_away_are_offline(
    cluster: EdgeCluster, phones: list[SipClient]
) -> None:
    """Nobody saw their connections: that they are not among the living shows it."""
    cluster.edge.producer.kill()
    cluster.edge.watcher.kill()
    for phone in phones:
        phone.register()
    left, stay = phones[::2], phones[1::2]
    for phone in left:
        phone.close()
    cluster.edge.watcher.start()
    cluster.edge.producer.start()
    assert set(all_offline(cluster, left)) <= ENDS
    all_behind(cluster, stay)
    for phone in stay:
        phone.close()
    assert set(all_offline(cluster, stay)) <= ENDS


def test_it_is_asked_once_for_what_it_has_not(cluster: EdgeCluster) -> None:
    before = connection_listings(cluster)
    cluster.edge.producer.kill()
    cluster.edge.producer.start()
    eventually(lambda: connection_listings(cluster) >= before + 2, 20, what="two listings")
    log = cluster.edge.producer.log.read_text()
    assert "mi-refused" not in log
    assert "listing failed" not in log


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_phones_that_register_at_once_after_a_restart_of_the_edge_are_online(
    cluster: EdgeCluster, how: str
) -> None:
    users = [f"extra-{next(_users)}" for _ in range(PHONES // 2)]
    before = [SipClient(cluster.server.port, user) for user in users]
    for phone in before:
        phone.register()
    all_behind(cluster, before)
    getattr(cluster.edge.server, how)()
    for phone in before:
        phone.close()
    assert set(all_offline(cluster, before)) <= {*ENDS, Cause.NODE_LOST, Cause.NODE_RESTARTED}
    cluster.edge.server.start()
    after = [_connected(cluster.server.port, user) for user in users]
    for phone in after:
        phone.register()
    all_behind(cluster, after)
    cluster.fold_all(cluster.server.port)
    for phone in after:
        assert is_behind(cluster.history(phone.user)[-1])
        phone.close()
    assert set(all_offline(cluster, after)) <= ENDS


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_nobody_is_reached_through_an_edge_whose_registrar_is_gone(
    cluster: EdgeCluster, how: str
) -> None:
    users = [f"extra-{next(_users)}" for _ in range(PHONES // 4)]
    phones = [SipClient(cluster.server.port, user) for user in users]
    for phone in phones:
        phone.register()
    all_behind(cluster, phones)
    getattr(cluster.registrar.server, how)()
    assert set(all_offline(cluster, phones)) == {Cause.NODE_LOST}
    downs = [e for e in cluster.nodes.read() if e.kind is NodeKind.DOWN and e.node == EDGE]
    assert downs == []
    cluster.registrar.server.start()
    eventually(lambda: cluster.registrar.producer.status()["connected"], 30, what="the switch")
    for phone in phones:
        phone.register()
    all_behind(cluster, phones)
    for phone in phones:
        phone.close()
    assert set(all_offline(cluster, phones)) <= ENDS


def _connected(port: int, user: str) -> SipClient:
    """As soon as somebody listens."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return SipClient(port, user)
    raise AssertionError("nobody listens")
