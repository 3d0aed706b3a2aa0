"""The publisher on a real Kafka that works: what it writes, where, and what Kafka refuses."""

import base64
import json
import random
import re
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient, NewTopic

from producers.publisher import Publisher, PublisherClosed, PublisherSettings
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.partitioner import murmur2, partition_of
from schemas import codec
from schemas.dead_letter import DeadLetter
from schemas.registration import RegistrationEvent
from schemas.topics import DEAD_LETTERS, REGISTRATIONS
from tests.eventually import eventually
from tests.integration.publisher_streams import event, numbers_by_key, read_all

ROOT = Path(__file__).parents[2]


@pytest.fixture
def publisher(kafka: KafkaSettings, tmp_path: Path) -> Iterator[Publisher]:
    publisher = Publisher(kafka, PublisherSettings(spool_folder=tmp_path), "freeswitch/node1")
    yield publisher
    publisher.close(10)


def test_a_record_is_a_cloud_event_with_a_traceparent(
    kafka: KafkaSettings, publisher: Publisher
) -> None:
    sent = event("sip:bob@example.org", 7)
    publisher.publish(REGISTRATIONS, "sip:bob@example.org", sent)
    assert publisher.flush(20)
    (message,) = read_all(kafka, REGISTRATIONS)
    headers = dict(message.headers() or [])
    assert message.key() == b"sip:bob@example.org"
    assert codec.validate(RegistrationEvent, message.value() or b"") == sent
    assert headers["ce_id"] == sent.id.encode()
    assert headers["ce_type"] == b"rollcall.registration.registered"
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[23]", headers["traceparent"] or b"")
    assert publisher.status() == {
        "accepted": 1,
        "acknowledged": 1,
        "undelivered": 0,
        "spooled": 0,
        "spool_full": False,
        "refused": 0,
    }


def test_keys_land_where_java_and_aiokafka_put_them(
    kafka: KafkaSettings, publisher: Publisher
) -> None:
    # Vectors of Apache Kafka's own UtilsTest.testMurmur2.
    vectors = {b"21": -973932308, b"foobar": -790332482, b"abc": 479470107}
    assert {k: murmur2(k) for k in vectors} == {k: v & 0xFFFFFFFF for k, v in vectors.items()}

    keys = [f"sip:user{i}@example{i % 7}.org" for i in range(2000)] + ["21", "foobar", "abc"]
    keys += ["sip:jürgen@example.org", "sip:名@example.org", "x"]
    for key in keys:
        publisher.publish(REGISTRATIONS, key, event("sip:a@b", 0))
    assert publisher.flush(30)
    found = {m.key(): m.partition() for m in read_all(kafka, REGISTRATIONS)}
    assert found == {key.encode(): partition_of(key.encode(), kafka.partitions) for key in keys}
    assert len(set(found.values())) == kafka.partitions


def test_a_mark_goes_to_every_partition_in_order_with_the_records_around_it(
    kafka: KafkaSettings, publisher: Publisher
) -> None:
    users = [f"sip:u{i}@example.org" for i in range(40)]
    for number in (1, 3):
        for user in users:
            publisher.publish(REGISTRATIONS, user, event(user, number))
        publisher.publish_everywhere(REGISTRATIONS, "node1", event("sip:mark@node1", number + 1))
    assert publisher.flush(20)
    by_partition: dict[int, list[Message]] = {}
    for message in read_all(kafka, REGISTRATIONS):
        by_partition.setdefault(message.partition(), []).append(message)
    assert len(by_partition) == kafka.partitions
    for messages in by_partition.values():
        order = [json.loads(m.value() or b"")["seq"] for m in messages]
        assert order == sorted(order)
        assert Counter(order)[2] == Counter(order)[4] == 1


def test_dead_letters_keep_the_bytes_the_source_and_the_reason(
    kafka: KafkaSettings, publisher: Publisher
) -> None:
    publisher.dead_letter("freeswitch/node1", b"\xff" * 70_000, "not JSON", "body")
    assert publisher.flush(20)
    (message,) = read_all(kafka, DEAD_LETTERS)
    letter = codec.validate(DeadLetter, message.value() or b"")
    assert message.key() == b"freeswitch/node1"
    assert (letter.reason, letter.field, letter.size) == ("not JSON", "body", 70_000)
    assert base64.b64decode(letter.payload) == b"\xff" * 65_536


def test_a_record_too_large_for_librdkafka_becomes_a_dead_letter_and_the_rest_goes_on(
    kafka: KafkaSettings, publisher: Publisher
) -> None:
    user = "sip:bob@example.org"
    publisher.publish(REGISTRATIONS, user, event(user, 1))
    publisher.publish(REGISTRATIONS, user, event(user, 2, padding="x" * 1_100_000))
    publisher.publish(REGISTRATIONS, user, event(user, 3))
    assert publisher.flush(20)
    assert numbers_by_key(kafka, REGISTRATIONS) == {user: [1, 3]}
    (letter,) = dead_letters(kafka)
    assert letter.source == "freeswitch/node1"
    assert "MSG_SIZE_TOO_LARGE" in letter.reason
    assert kafka.name(REGISTRATIONS) in letter.reason
    assert letter.size > 1_100_000
    assert publisher.status()["refused"] == 1


def test_a_record_the_broker_refuses_does_not_take_its_batch_with_it(
    broker: str, tmp_path: Path
) -> None:
    kafka = topics_with_a_limit(broker, 20_000)
    large = random.Random(1).randbytes(30_000).hex()  # compression must not save it
    publisher = Publisher(
        kafka, PublisherSettings(spool_folder=tmp_path, linger_ms=50), "freeswitch/node1"
    )
    users = [f"sip:u{i}@example.org" for i in range(8)]
    for number in range(1, 31):
        for user in users:
            padding = large if (user, number) == (users[3], 10) else ""
            publisher.publish(REGISTRATIONS, user, event(user, number, padding=padding))
    assert publisher.flush(60), publisher.status()
    publisher.close(5)
    expected = {user: list(range(1, 31)) for user in users}
    expected[users[3]].remove(10)
    assert numbers_by_key(kafka, REGISTRATIONS) == expected
    (letter,) = dead_letters(kafka)
    assert letter.size > 30_000
    assert publisher.status()["refused"] == 1


def test_records_for_a_topic_that_does_not_exist_yet_wait_for_it(
    broker: str, tmp_path: Path
) -> None:
    kafka = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    publisher = Publisher(kafka, PublisherSettings(spool_folder=tmp_path, linger_ms=0), "p")
    user = "sip:bob@example.org"
    for number in range(1, 21):
        publisher.publish(REGISTRATIONS, user, event(user, number))
    eventually(lambda: publisher.status()["spooled"] == 20, 20)
    ensure_topics(kafka)
    assert publisher.flush(60), publisher.status()
    publisher.close(5)
    assert numbers_by_key(kafka, REGISTRATIONS) == {user: list(range(1, 21))}


def test_a_closed_publisher_takes_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    publisher = Publisher(kafka, PublisherSettings(spool_folder=tmp_path), "p")
    publisher.publish(REGISTRATIONS, "sip:a@b", event("sip:a@b", 1))
    publisher.close(20)
    publisher.close(20)
    with pytest.raises(PublisherClosed):
        publisher.publish(REGISTRATIONS, "sip:a@b", event("sip:a@b", 2))
    assert numbers_by_key(kafka, REGISTRATIONS) == {"sip:a@b": [1]}


@pytest.mark.parametrize("patch", ["before", "after", "never"])
def test_greenlets_go_on_while_a_gevent_producer_publishes(
    kafka: KafkaSettings, tmp_path: Path, patch: str
) -> None:
    """In a process of its own: gevent's patches cannot be taken back."""
    script = Path(__file__).with_name("publish_from_greenlets.py")
    child = subprocess.run(
        [sys.executable, str(script), patch, kafka.model_dump_json(), str(tmp_path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert child.returncode == 0, child.stderr
    outcome = json.loads(child.stdout.splitlines()[-1])
    assert outcome["undelivered"] == 0
    assert outcome["longest_pause"] < 2.0
    numbers = numbers_by_key(kafka, REGISTRATIONS)
    assert numbers == {f"sip:u{i}@example.org": list(range(1, 201)) for i in range(5)}


def dead_letters(kafka: KafkaSettings) -> list[DeadLetter]:
    return [codec.validate(DeadLetter, m.value() or b"") for m in read_all(kafka, DEAD_LETTERS)]


def topics_with_a_limit(broker: str, message_bytes: int) -> KafkaSettings:
    """A namespace whose registrations may be this large. From the start: a broker answers a change
    of its configuration before it goes by it."""
    kafka = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    config = {"max.message.bytes": str(message_bytes)}
    topic = NewTopic(kafka.name(REGISTRATIONS), kafka.partitions, config=config)
    admin = AdminClient(kafka.client())  # kept: its end would cancel the request
    admin.create_topics([topic])[topic.topic].result(20)
    ensure_topics(kafka)
    return kafka
