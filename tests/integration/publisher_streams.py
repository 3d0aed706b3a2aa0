"""Numbered events for publisher tests, and reading back everything a topic holds."""

import json
from datetime import UTC, datetime

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from runtime.kafka import KafkaSettings
from schemas.registration import RegistrationEvent
from schemas.topic import Topic
from schemas.vocabulary import RegistrationKind, Source
from tests.eventually import eventually


def event(aor: str, number: int, padding: str = "") -> RegistrationEvent:
    """A valid event numbered by `seq`; `padding` makes it longer than the contract allows."""
    made = RegistrationEvent(
        id=f"freeswitch/node1/boot/{aor}/{number}",
        source=Source.FREESWITCH,
        node="node1",
        boot="boot",
        seq=number,
        at=datetime.fromtimestamp(1_700_000_000 + number, UTC),
        kind=RegistrationKind.REGISTERED,
        aor=aor,
    )
    made.user_agent = padding or None
    return made


def read_all(kafka: KafkaSettings, topic: Topic) -> list[Message]:
    """Every record the topic holds now, in order within each partition."""
    consumer = Consumer(kafka.consumer("read-all"))
    name = kafka.name(topic)
    ends = {p: _end(consumer, TopicPartition(name, p)) for p in range(kafka.partitions)}
    consumer.assign([TopicPartition(name, p, OFFSET_BEGINNING) for p, end in ends.items() if end])
    messages: list[Message] = []
    left = sum(ends.values())
    while left:
        batch = consumer.consume(min(left, 1000), timeout=20)
        assert batch, f"{left} records of {name} did not come"
        for message in batch:
            assert message.error() is None, message.error()
        messages += batch
        left -= len(batch)
    consumer.close()
    return messages


def numbers_by_key(kafka: KafkaSettings, topic: Topic) -> dict[str, list[int]]:
    """For each key, the numbers of its events in the order a reader sees them."""
    found: dict[str, list[int]] = {}
    for message in read_all(kafka, topic):
        found.setdefault((message.key() or b"").decode(), []).append(
            json.loads(message.value() or b"")["seq"]
        )
    return found


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    def ask() -> tuple[int, int] | None:
        try:
            marks: tuple[int, int] | None = consumer.get_watermark_offsets(partition, timeout=20)
        except KafkaException as error:
            # A partition made a moment ago may have no leader yet.
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            return None
        return marks

    marks = eventually(ask, 20)
    assert marks is not None
    return marks[1]
