"""Leases on a real broker: silence, return, another worker, and a broker that is away."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.kafka import EmbeddedKafka
from local.network import free_port
from runtime.kafka import KafkaSettings, ensure_topics
from schemas.vocabulary import NodeKind
from tests.eventually import eventually
from tests.integration.test_streams_worker import histories, node_event, registration
from tests.kafka_logs import write
from tests.stages import StageProcess

pytestmark = pytest.mark.timeout(240)

WORKER = "streams.stage"
USERS = 5_000  # over four partitions: in each of them less than a sweep's piece
LEASE = {"ROLLCALL_STREAMS_NODE_LEASE": "3"}


def last(kafka: KafkaSettings) -> dict[str, str]:
    """Of each user, status and cause."""
    return {aor: f"{h[-1].status} {h[-1].cause}" for aor, h in histories(kafka).items()}


def all_are(kafka: KafkaSettings, what: str, users: int) -> bool:
    found = list(last(kafka).values())
    return len(found) == users and set(found) == {what}


@contextmanager
def beats(kafka: KafkaSettings, first: int) -> Iterator[None]:
    """The node's heartbeats, from its second `first` on, while the block runs."""
    silenced = threading.Event()

    def beat() -> None:
        for second in itertools.count(first):
            write(kafka, [node_event(NodeKind.HEARTBEAT, second)])
            if silenced.wait(0.5):
                return

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        silenced.set()
        thread.join()


def test_a_silent_nodes_users_are_lost_and_restored_also_by_another_worker(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    with StageProcess(WORKER, tmp_path, kafka, **LEASE) as worker:
        write(kafka, [node_event(NodeKind.UP, 0)])
        write(kafka, [registration(user, user + 1) for user in range(USERS)])
        eventually(lambda: all_are(kafka, "offline node-lost", USERS), 60, interval=0.5)
        with beats(kafka, 10_000):
            eventually(lambda: all_are(kafka, "online node-restored", USERS), 60, interval=0.5)
        worker.kill()  # of the node no more comes: only the next worker can publish that
        worker.start()
        eventually(lambda: all_are(kafka, "offline node-lost", USERS), 90, interval=0.5)
    assert {len(history) for history in histories(kafka).values()} == {4}


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that a test may stop."""
    embedded = EmbeddedKafka(tmp_path / "kafka")
    embedded.start(free_port())
    yield embedded
    embedded.stop()


def test_while_kafka_is_away_no_node_is_lost(tmp_path: Path, own_kafka: EmbeddedKafka) -> None:
    """The broker stands still for longer than the lease; producers come back after it."""
    kafka = KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)
    ensure_topics(kafka)
    with StageProcess(WORKER, tmp_path, kafka, **LEASE):
        write(kafka, [node_event(NodeKind.UP, 0), registration(1, 1)])
        eventually(lambda: all_are(kafka, "online registered", 1), 60)
        assert own_kafka.pid is not None
        os.kill(own_kafka.pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            eventually(lambda: time.monotonic() - began > 7, 30)
        finally:
            os.kill(own_kafka.pid, signal.SIGCONT)
        with beats(kafka, 30):
            eventually(lambda: time.monotonic() - began > 7 + 6, 60)
        assert last(kafka) == {"sip:1@example.test": "online registered"}
        eventually(lambda: all_are(kafka, "offline node-lost", 1), 60)  # now it is silent


def test_a_worker_stops_though_kafka_is_away(tmp_path: Path, own_kafka: EmbeddedKafka) -> None:
    kafka = KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)
    ensure_topics(kafka)
    with StageProcess(WORKER, tmp_path, kafka) as worker:
        write(kafka, [node_event(NodeKind.UP, 0), registration(1, 1)])
        eventually(lambda: all_are(kafka, "online registered", 1), 60)
        own_kafka.stop()
        assert worker.terminate() == 0  # and not for ever, as Faust's goodbye may take
