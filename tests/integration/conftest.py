"""A real Kafka for the tests: one broker a run, a namespace of its own for each test."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient

from local.kafka import EmbeddedKafka
from local.network import free_port
from runtime.kafka import KafkaSettings, ensure_topics

# A broker that lives for minutes never earns what the JVM's second compiler costs: without it the
# brokers of a whole run take about half of the processor's time.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
# What a shell starts in the background ignores Ctrl-C, and so would the commands started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real broker: $ROLLCALL_TEST_KAFKA if set, else an embedded one."""
    if running := os.environ.get("ROLLCALL_TEST_KAFKA"):
        yield running
        return
    kafka = EmbeddedKafka(tmp_path_factory.mktemp("kafka"))
    kafka.start(free_port())
    yield kafka.bootstrap_servers
    kafka.stop()


@pytest.fixture
def kafka(broker: str) -> Iterator[KafkaSettings]:
    """Settings with a namespace of this test's own, all topics created; deleted afterwards."""
    with own_topics(broker) as settings:
        yield settings


@contextmanager
def own_topics(broker: str) -> Iterator[KafkaSettings]:
    """A namespace of somebody's own with all topics, which are deleted at the end."""
    settings = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(settings)
    try:
        yield settings
    finally:
        delete_topics(settings)


def delete_topics(settings: KafkaSettings) -> None:
    admin = AdminClient(settings.client())
    topics = admin.list_topics(timeout=30).topics
    if own := [name for name in topics if name.startswith(settings.namespace)]:
        for deletion in admin.delete_topics(own, operation_timeout=30).values():
            deletion.result(30)
