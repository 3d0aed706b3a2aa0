"""The embedded Kafka: keeps its data, takes another port if needed, refuses a folder in use."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from local.kafka import EmbeddedKafka, KafkaFolderInUse
from local.network import free_port
from local.processes import is_running
from runtime.kafka import KafkaSettings, ensure_topics
from schemas.topics import PRESENCE
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(120)


def test_second_start_has_the_data_of_the_first_on_another_port(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    kafka.start(free_port())
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    try:
        ensure_topics(settings)
        producer = Producer(settings.producer())
        producer.produce(settings.name(PRESENCE), key=b"k", value=b"kept")
        assert producer.flush(10) == 0
    finally:
        kafka.stop()

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        kafka.start(taken)
    try:
        assert kafka.port != taken
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        consumer = Consumer(settings.consumer("test"))
        consumer.subscribe([settings.name(PRESENCE)])
        message = consumer.poll(30)
        assert message is not None
        assert message.value() == b"kept"
        consumer.close()
    finally:
        kafka.stop()


def test_broker_of_a_killed_owner_is_stopped_first(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.kafka import EmbeddedKafka\n"
        "k = EmbeddedKafka(Path(sys.argv[1])); k.start(int(sys.argv[2])); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(free_port())]
    owner = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    log = tmp_path / "kafka.log"
    kafka = EmbeddedKafka(tmp_path)
    try:
        eventually(lambda: log.exists() and "Kafka Server started" in log.read_text(), 60)
        orphan = int((tmp_path / "kafka.pid").read_text().split()[0])
        with pytest.raises(KafkaFolderInUse):
            kafka.start(free_port())
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        assert is_running(orphan)
        kafka.start(free_port())
        assert not is_running(orphan)
    finally:
        owner.kill()
        owner.wait()
        kafka.stop()
