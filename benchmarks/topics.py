"""The benchmark's topics: one input, the share of it for slow peers, one output a peer."""

from collections.abc import Iterable

from confluent_kafka.admin import AdminClient, NewTopic

from runtime.kafka import KafkaSettings, ensure_topics
from schemas.topics import PRESENCE, REGISTRATIONS

# Two namespaces on one cluster: the whole input, and the share of it for slow peers.
WHOLE = "bench."
SHARE = "bench-share."


def input_topic(namespace: str) -> str:
    return f"{namespace}{REGISTRATIONS.name}"


def output_topic(peer: str) -> str:
    """Where a peer writes presence; the topic of the streams worker is in its namespace."""
    return f"{WHOLE}{PRESENCE.name}" if peer == "rollcall" else f"bench-{peer}.{PRESENCE.name}"


def create(kafka: KafkaSettings, peers: Iterable[str]) -> None:
    """Create inputs and outputs, then the other topics of the streams worker.

    Outputs have the broker's time of append, so that all peers are timed by one clock, after their
    batching and delivery.
    """
    names = [input_topic(WHOLE), input_topic(SHARE)]
    _create(kafka, [_topic(name, kafka) for name in names])
    create_outputs(kafka, map(output_topic, peers))
    ensure_topics(kafka.model_copy(update={"namespace": WHOLE}))


def create_outputs(kafka: KafkaSettings, names: Iterable[str]) -> None:
    """Create topics whose records carry the broker's time."""
    config = {"message.timestamp.type": "LogAppendTime"}
    _create(kafka, [_topic(name, kafka, config) for name in names])


def _create(kafka: KafkaSettings, topics: list[NewTopic]) -> None:
    admin = AdminClient(kafka.client())
    for future in admin.create_topics(topics, operation_timeout=30).values():
        future.result(30)


def _topic(name: str, kafka: KafkaSettings, config: dict[str, str] | None = None) -> NewTopic:
    return NewTopic(
        name, num_partitions=kafka.partitions, replication_factor=1, config=config or {}
    )
