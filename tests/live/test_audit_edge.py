"""The audit of a real FreeSWITCH behind a real OpenSIPS without usrloc, its producer away."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.rollcall_process import rollcall
from tests.integration.sip_client import KilledClient
from tests.live.clusters import EDGE, NODE, EdgeCluster
from tests.live.freeswitch_server import FreeSwitchServer
from tests.live.opensips_server import OpenSipsServer


@pytest.fixture(scope="module")
def topics(broker: str) -> Iterator[KafkaSettings]:
    with own_topics(broker) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def cluster(
    topics: KafkaSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EdgeCluster]:
    running = EdgeCluster(topics, tmp_path_factory.mktemp("edge"))
    yield running
    running.stop()


Audited = tuple[int, list[Any], dict[str, Any]]


def audit(cluster: EdgeCluster, kafka: KafkaSettings, folder: Path) -> Audited:
    """Exit status, disagreements and summary of `rollcall audit` of both nodes, from elsewhere."""
    switch, edge = cluster.registrar.server, cluster.edge.server
    assert isinstance(switch, FreeSwitchServer)
    assert isinstance(edge, OpenSipsServer)
    nodes = f"freeswitch:{NODE}=127.0.0.1:{switch.event_socket}", f"opensips:{EDGE}={edge.mi_url}"
    done = rollcall("audit", *nodes, "--settle", "0.5", "--json", folder=folder, kafka=kafka)
    assert done.stdout, done.stderr
    *wrong, summary = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, wrong, summary


def test_a_phone_that_died_while_its_edges_producer_was_away(
    cluster: EdgeCluster, topics: KafkaSettings, tmp_path: Path
) -> None:
    status, wrong, summary = audit(cluster, topics, tmp_path)
    assert (status, wrong, summary["unaudited"]) == (0, [], {}), "an edge has no table to list"
    for stage in (cluster.edge.producer, cluster.edge.watcher):
        stage.kill()
    client = KilledClient(cluster.server.port, "killed")
    state = cluster.online("killed")
    assert [(one.node, one.edge) for one in state.bindings] == [(NODE, None)]
    assert audit(cluster, topics, tmp_path)[:2] == (0, []), "it lives"

    client.kill()
    eventually(lambda: audit(cluster, topics, tmp_path)[0] == 1, 60, what="the audit shows it")
    status, wrong, _ = audit(cluster, topics, tmp_path)
    assert [(one["kind"], one["node"], one["aor"]) for one in wrong] == [
        ("dead-connection", EDGE, state.aor)
    ]
    assert status == 1
