"""The gateway while Kafka is away: before it was there, and after it was killed."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.kafka import EmbeddedKafka
from local.network import free_port
from runtime.kafka import KafkaSettings
from runtime.stage import Stage
from sinks.gateway.settings import GatewaySettings
from sinks.gateway.stage import Sink
from tests.eventually import eventually
from tests.gateway import EventStream
from tests.user_center import presence, publish

ANN = "sip:ann@one.test"


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that may be killed."""
    broker = EmbeddedKafka(tmp_path / "kafka")
    broker.start(free_port())
    yield broker
    broker.stop()


def test_while_kafka_is_unavailable_it_serves_what_it_has_read(own_broker: EmbeddedKafka) -> None:
    kafka = KafkaSettings(bootstrap_servers=own_broker.bootstrap_servers)
    stage = Stage("gateway")
    sink = Sink(GatewaySettings(port=0), kafka, stage)
    thread = threading.Thread(target=sink.run)
    thread.start()
    try:
        assert stage.ready.wait(60)
        publish(kafka, [presence(ANN, 1)])
        stream = EventStream(sink.status()["url"], "").wait_live()
        eventually(lambda: stream.last == {ANN: 1}, what="the first")
        assert own_broker.pid is not None
        os.kill(own_broker.pid, signal.SIGKILL)
        eventually(own_broker.has_died)
        eventually(lambda: sink.status()["kafka_away"], what="it is noticed")
        assert stage.ready.is_set()
        again = EventStream(sink.status()["url"], "").wait_live()
        assert again.last == {ANN: 1}
    finally:
        stage.stop.set()
        thread.join(30)
    assert stream.ended == "closed"


def test_before_kafka_is_available_subscribers_get_503() -> None:
    stage = Stage("gateway")
    sink = Sink(GatewaySettings(port=0), KafkaSettings(bootstrap_servers="127.0.0.1:1"), stage)
    thread = threading.Thread(target=sink.run)
    thread.start()
    try:
        answer = eventually(lambda: httpx.get(f"{sink.status()['url']}/presence", trust_env=False))
        assert answer.status_code == 503
        assert (sink.status()["kafka_away"], stage.ready.is_set()) == (True, False)
    finally:
        stage.stop.set()
        thread.join(30)
    assert not thread.is_alive()
