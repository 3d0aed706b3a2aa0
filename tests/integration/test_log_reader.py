"""Reading partitions of a real broker's topics to their end, and on from there."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.log_reader import QUICK, LogReader, TopicReplaced, read_to_end
from runtime.topic_parts import Part, end_offsets
from schemas.topic import Topic
from schemas.topics import CALL_RECORDS, DIAL_RESULTS, NODE_STATE, NODES
from tests.eventually import eventually


def produce(
    kafka: KafkaSettings, topic: Topic, number: int, *values: str, at: datetime | None = None
) -> None:
    """Values under themselves as keys, to one partition."""
    producer = Producer(kafka.producer())
    timestamp = int(at.timestamp() * 1000) if at is not None else 0
    for value in values:
        producer.produce(kafka.name(topic), value, value, partition=number, timestamp=timestamp)
    assert producer.flush(30) == 0


def read(kafka: KafkaSettings, part: Part) -> list[str]:
    return sorted((m.value() or b"").decode() for m in read_to_end(kafka, part, "test"))


@pytest.fixture
def reader(kafka: KafkaSettings) -> Iterator[LogReader]:
    produce(kafka, CALL_RECORDS, 0, "before")
    found = LogReader(kafka, [Part(CALL_RECORDS)], "test", options=QUICK)
    yield found
    found.close()


def test_all_partitions_or_some_are_read_to_their_ends(kafka: KafkaSettings) -> None:
    for number in range(kafka.partitions):
        produce(kafka, DIAL_RESULTS, number, *(f"{number}-{n:03}" for n in range(600)))
    assert len(read(kafka, Part(DIAL_RESULTS))) == 600 * kafka.partitions
    assert read(kafka, Part(DIAL_RESULTS, (1,)))[::599] == ["1-000", "1-599"]
    assert read(kafka, Part(DIAL_RESULTS, ())) == []
    assert read(kafka, Part(NODE_STATE)) == []  # an empty topic has an end, too


def test_an_end_whose_records_are_deleted_is_reached(kafka: KafkaSettings) -> None:
    produce(kafka, NODES, 0, "old", "older")
    admin, place = AdminClient(kafka.client()), TopicPartition(kafka.name(NODES), 0, 2)
    for done in admin.delete_records([place]).values():
        done.result(30)
    assert read(kafka, Part(NODES)) == []


def test_only_what_is_newer_is_read_where_that_is_asked_for(kafka: KafkaSettings) -> None:
    now = datetime.now(UTC)
    produce(kafka, NODES, 2, "old", at=now - timedelta(hours=1))
    produce(kafka, NODES, 2, "new", at=now)
    assert read(kafka, Part(NODES, since=now - timedelta(minutes=1))) == ["new"]
    assert read(kafka, Part(NODES, since=now + timedelta(minutes=1))) == []


def test_partitions_are_read_from_given_offsets(kafka: KafkaSettings) -> None:
    produce(kafka, NODES, 0, "0", "1", "2")
    produce(kafka, NODES, 1, "3")
    assert end_offsets(kafka, NODES, "test", (0, 1)) == {0: 3, 1: 1}
    assert read(kafka, Part(NODES, offsets={0: 1})) == ["1", "2"]
    assert read(kafka, Part(NODES, offsets={0: 3, 1: 0})) == ["3"]
    assert read(kafka, Part(NODES, offsets=end_offsets(kafka, NODES, "test"))) == []


def test_each_time_it_is_read_on_to_the_end_of_that_time(
    reader: LogReader, kafka: KafkaSettings
) -> None:
    assert len(list(reader.read_on())) == 1
    for number in range(6):
        produce(kafka, CALL_RECORDS, number % 2, *map(str, range(number % 3)))
        assert len(list(reader.read_on())) == number % 3


def test_what_comes_after_the_end_is_read_on(reader: LogReader, kafka: KafkaSettings) -> None:
    assert [m.value() for m in reader.read_to_end()] == [b"before"]
    assert reader.is_at_end
    produce(kafka, CALL_RECORDS, 1, "after")
    found: list[bytes | None] = []

    def has_come() -> bool:
        found.extend(m.value() for m in reader.read(0.1))
        return bool(found)

    eventually(has_come, interval=0)
    assert found == [b"after"]
    assert reader.positions[kafka.name(CALL_RECORDS), 1] == 1
    assert reader.is_kafka_there(5.0)


def test_a_topic_made_again_is_not_taken_for_the_same(
    reader: LogReader, kafka: KafkaSettings
) -> None:
    produce(kafka, CALL_RECORDS, 0, "one more")
    eventually(lambda: list(reader.read(0.1)) and reader.is_at_end, interval=0)
    name, admin = kafka.name(CALL_RECORDS), AdminClient(kafka.client())
    admin.delete_topics([name], operation_timeout=30)[name].result(30)

    def is_made() -> bool:
        made = admin.create_topics([NewTopic(name, kafka.partitions, 1)])[name]
        return made.exception(30) is None

    eventually(is_made, 30)

    def is_noticed() -> bool:
        try:
            reader.read(0.1)
        except TopicReplaced:
            return True
        return False

    eventually(is_noticed, 60, interval=0)


def test_a_topic_that_is_missing_is_named(reader: LogReader, kafka: KafkaSettings) -> None:
    name, admin = kafka.name(CALL_RECORDS), AdminClient(kafka.client())
    admin.delete_topics([name], operation_timeout=30)[name].result(30)
    for messages in (reader.read_on(), read_to_end(kafka, Part(CALL_RECORDS), "test")):
        with pytest.raises(KafkaUnavailable, match=f"{name} is missing"):
            list(messages)


def test_a_broker_that_is_not_there_is_named(broker: str) -> None:
    del broker
    began = time.monotonic()
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:9")
    with pytest.raises(KafkaUnavailable, match=r"127\.0\.0\.1:9"):
        read(nowhere, Part(CALL_RECORDS))
    assert time.monotonic() - began < 25


def test_what_comes_soon_after_other_records_is_handed_over_with_the_next(
    kafka: KafkaSettings,
) -> None:
    """The first is not held back; of those after it none comes alone."""
    together = 0.0
    reader = LogReader(kafka, [Part(NODES)], "test", options=QUICK, together=lambda: together)
    assert list(reader.read_to_end()) == []
    produce(kafka, NODES, 0, "first")
    eventually(lambda: reader.read(0.1), interval=0, what="the first")
    together = 3.0
    produce(kafka, NODES, 0, "second")
    later = threading.Timer(0.5, produce, (kafka, NODES, 0, "third"))
    later.start()
    found = eventually(lambda: reader.read(0.1), interval=0, what="the others")
    later.join()
    reader.close()
    assert [message.value() for message in found] == [b"second", b"third"]
