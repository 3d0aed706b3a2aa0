"""The publisher while Kafka is away: order, completeness, restarts, a full spool."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kafka import EmbeddedKafka
from local.network import free_port
from producers.publisher import Publisher, PublisherSettings
from runtime.kafka import (
    KafkaMisconfigured,
    KafkaSettings,
    SaslMechanism,
    SecurityProtocol,
    ensure_topics,
)
from schemas.topics import REGISTRATIONS
from tests.eventually import eventually
from tests.integration.publisher_streams import event, numbers_by_key

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]
USERS = [f"sip:u{i}@example.org" for i in range(12)]


class Broker:
    """This module's own broker, which its tests stop, freeze and start again."""

    def __init__(self, folder: Path) -> None:
        self._kafka = EmbeddedKafka(folder)
        self.port = free_port()
        self.running = False

    def start(self) -> None:
        if not self.running:
            self._kafka.start(self.port)
            assert self._kafka.port == self.port
            self.running = True

    def stop(self) -> None:
        self._kafka.stop()
        self.running = False

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, as in a long pause or a network split."""
        assert self._kafka.pid is not None
        os.kill(self._kafka.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._kafka.pid is not None
        os.kill(self._kafka.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("own-kafka"))
    yield broker
    broker.stop()


@pytest.fixture
def kafka(own_broker: Broker) -> KafkaSettings:
    own_broker.start()
    settings = KafkaSettings(
        bootstrap_servers=f"127.0.0.1:{own_broker.port}", namespace=f"t{uuid.uuid4().hex[:8]}."
    )
    ensure_topics(settings)
    return settings


class Stream:
    """A source that numbers its events per user and publishes until `end`."""

    def __init__(self, publisher: Publisher, last: int | None = None) -> None:
        self.published = 0
        self._publisher = publisher
        self._last = last
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set() and number != self._last:
            number += 1
            for user in USERS:
                self._publisher.publish(REGISTRATIONS, user, event(user, number))
                self.published += 1
            if self._last is None:
                self._stop.wait(0.01)

    def end(self, timeout: float = 30) -> dict[str, list[int]]:
        """Stop; what each key must hold, in order."""
        if self._last is None:
            self._stop.set()
        self._thread.join(timeout)
        assert not self._thread.is_alive()
        rounds = self.published // len(USERS)
        return {user: list(range(1, rounds + 1)) for user in USERS}


def test_a_broker_restart_in_the_middle_of_a_stream_keeps_every_record_in_order(
    own_broker: Broker, kafka: KafkaSettings, tmp_path: Path
) -> None:
    """mod_event_kafka#13: events vanished silently while the broker was away."""
    publisher = Publisher(kafka, PublisherSettings(spool_folder=tmp_path), "p")
    stream = Stream(publisher)
    eventually(lambda: publisher.status()["acknowledged"] > 500, 30)
    own_broker.stop()
    eventually(lambda: publisher.status()["spooled"] > 500, 30)
    own_broker.start()
    back = publisher.status()["accepted"]
    eventually(lambda: publisher.status()["acknowledged"] > back, 60)
    eventually(lambda: publisher.status()["spooled"] == 0, 60)
    straight = publisher.status()["acknowledged"] + 500
    eventually(lambda: publisher.status()["acknowledged"] > straight, 30)
    expected = stream.end()
    assert publisher.flush(30)
    publisher.close(10)
    assert publisher.status()["accepted"] == stream.published
    assert numbers_by_key(kafka, REGISTRATIONS) == expected


def test_what_close_left_on_disk_is_published_first_by_the_next_publisher(
    own_broker: Broker, kafka: KafkaSettings, tmp_path: Path
) -> None:
    settings = PublisherSettings(spool_folder=tmp_path)
    own_broker.stop()
    first = Publisher(kafka, settings, "freeswitch/node1")
    expected = Stream(first, last=50).end()
    first.close(0.2)
    assert first.status()["undelivered"] == first.status()["spooled"] == 600

    second = Publisher(kafka, settings, "freeswitch/node1")
    assert second.status()["spooled"] == 600
    for user in USERS:
        second.publish(REGISTRATIONS, user, event(user, 51))
        expected[user].append(51)
    own_broker.start()
    assert second.flush(60), second.status()
    assert second.status()["spooled"] == 0
    second.close(10)
    assert numbers_by_key(kafka, REGISTRATIONS) == expected


def test_a_killed_publisher_leaves_what_it_had_spooled(
    own_broker: Broker, kafka: KafkaSettings, tmp_path: Path
) -> None:
    own_broker.stop()
    code = (
        "import os, signal, sys, time; from pathlib import Path\n"
        "from producers.publisher import Publisher, PublisherSettings\n"
        "from runtime.kafka import KafkaSettings; from schemas.topics import REGISTRATIONS\n"
        "from tests.eventually import eventually\n"
        "from tests.integration.publisher_streams import event\n"
        "kafka = KafkaSettings.model_validate_json(sys.argv[1])\n"
        "settings = PublisherSettings(spool_folder=Path(sys.argv[2]), silence_seconds=0.2)\n"
        "p = Publisher(kafka, settings, 'p')\n"
        "for n in range(1, 301): p.publish(REGISTRATIONS, 'sip:a@b', event('sip:a@b', n))\n"
        "eventually(lambda: p.status()['spooled'] == 300)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, kafka.model_dump_json(), str(tmp_path)], cwd=ROOT
    )
    assert child.returncode == -signal.SIGKILL
    publisher = Publisher(kafka, PublisherSettings(spool_folder=tmp_path), "p")
    own_broker.start()
    assert publisher.flush(60)
    publisher.close(10)
    assert numbers_by_key(kafka, REGISTRATIONS) == {"sip:a@b": list(range(1, 301))}


def test_a_full_spool_stops_the_source_and_lets_it_go_on_when_kafka_is_back(
    own_broker: Broker, kafka: KafkaSettings, tmp_path: Path
) -> None:
    own_broker.stop()
    publisher = Publisher(
        kafka,
        PublisherSettings(
            spool_folder=tmp_path,
            queue_max_records=50,
            spool_max_bytes=100_000,
            silence_seconds=0.3,
        ),
        "p",
    )
    stream = Stream(publisher, last=100)
    eventually(lambda: publisher.status()["spool_full"], 30)
    stuck = publisher.status()["accepted"]
    assert 50 < stuck < 1200
    own_broker.start()
    assert publisher.status()["accepted"] >= stuck
    expected = stream.end(timeout=60)
    assert stream.published == 1200
    assert publisher.flush(60)
    assert not publisher.status()["spool_full"]
    publisher.close(10)
    assert numbers_by_key(kafka, REGISTRATIONS) == expected


def test_records_librdkafka_gives_up_on_are_handed_over_again(
    own_broker: Broker, kafka: KafkaSettings, tmp_path: Path
) -> None:
    publisher = Publisher(
        kafka,
        PublisherSettings(spool_folder=tmp_path, give_up_ms=500, silence_seconds=0.2),
        "p",
    )
    stream = Stream(publisher)
    eventually(lambda: publisher.status()["acknowledged"] > 200, 30)
    own_broker.freeze()
    try:
        stuck = publisher.status()["accepted"] + 2000
        eventually(lambda: publisher.status()["accepted"] > stuck, 60)
    finally:
        own_broker.thaw()
    expected = stream.end()
    assert publisher.flush(60), publisher.status()
    publisher.close(10)
    # In flight when given up: written twice, perhaps. Nobody is missing.
    assert {k: sorted(set(v)) for k, v in numbers_by_key(kafka, REGISTRATIONS).items()} == expected


def test_a_frozen_broker_changes_neither_order_nor_number(
    own_broker: Broker, kafka: KafkaSettings, tmp_path: Path
) -> None:
    publisher = Publisher(kafka, PublisherSettings(spool_folder=tmp_path, silence_seconds=0.3), "p")
    stream = Stream(publisher)
    eventually(lambda: publisher.status()["acknowledged"] > 200, 30)
    own_broker.freeze()
    try:
        eventually(lambda: publisher.status()["spooled"] > 1000, 60)
    finally:
        own_broker.thaw()
    eventually(lambda: publisher.status()["spooled"] == 0, 60)
    expected = stream.end()
    assert publisher.flush(30)
    publisher.close(10)
    assert numbers_by_key(kafka, REGISTRATIONS) == expected


def test_callers_that_wait_for_room_get_their_record_in_when_the_publisher_closes(
    tmp_path: Path,
) -> None:
    settings = PublisherSettings(
        spool_folder=tmp_path, queue_max_records=1, spool_max_bytes=0, silence_seconds=0.1
    )
    nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    publisher = Publisher(nobody, settings, "p")
    stream = Stream(publisher, last=1)
    eventually(lambda: publisher.status()["spool_full"], 10)
    publisher.stop_waiting()
    stream.end(10)
    publisher.close(0.1)
    assert publisher.status()["spooled"] == len(USERS)

    publisher = Publisher(nobody, settings, "p")
    blocked = [
        threading.Thread(target=publisher.publish, args=(REGISTRATIONS, u, event(u, 2)))
        for u in USERS
    ]
    for thread in blocked:
        thread.start()
    eventually(lambda: publisher.status()["spool_full"], 10)
    publisher.close(0.1)
    for thread in blocked:
        thread.join(10)
    assert publisher.status()["spooled"] == 2 * len(USERS)


def test_settings_librdkafka_refuses_are_named(tmp_path: Path) -> None:
    plain = SaslMechanism.PLAIN  # without a name and a password
    kafka = KafkaSettings(security_protocol=SecurityProtocol.SASL_SSL, sasl_mechanism=plain)
    for _ in range(2):  # the spool is free again
        with pytest.raises(KafkaMisconfigured, match=r"sasl\.username"):
            Publisher(kafka, PublisherSettings(spool_folder=tmp_path), "p")
