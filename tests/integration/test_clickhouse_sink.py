"""The whole sink, real Kafka to the real engine: repeats, broken records, restarts, members."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.kafka import KafkaSettings, ensure_topics
from schemas import topics
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from sinks.clickhouse.database import Database
from sinks.clickhouse.tables import VIEWS
from tests import clickhouse_records as records
from tests.eventually import eventually
from tests.integration.clickhouse_support import (
    Process,
    Record,
    Running,
    feed,
    opened,
    running,
    settings,
)


def registrations(count: int, start: int = 0) -> Iterator[Record]:
    for number in range(start, start + count):
        record = records.registration(number)
        assert record.aor
        yield topics.REGISTRATIONS, record.aor, record


def presences(versions: int, users: int) -> Iterator[Record]:
    for version in range(1, versions + 1):
        for user in range(users):
            aor = f"sip:user{user}@example.org"
            yield topics.PRESENCE, aor, records.presence(version, aor)


def count(database: Database, name: str) -> int:
    return int(database.query(f"SELECT count() FROM {name}")[0][0])


def stored(database: Database, name: str, expected: int, timeout: float = 60) -> None:
    eventually(lambda: count(database, name) >= expected, timeout, what=f"{expected} {name}")


def drained(kafka: KafkaSettings, sink: Running) -> bool:
    """Whether the sink's positions are the ends of all its topics."""
    consumer = Consumer(kafka.consumer("clickhouse-test-ends"))
    try:
        shown = sink.sink.status()["next_offsets"]
        for topic in (topics.REGISTRATIONS, topics.PRESENCE, topics.CALLS, topics.DEAD_LETTERS):
            name = kafka.name(topic)
            for partition in range(kafka.partitions):
                end = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)[1]
                if shown.get(name, {}).get(str(partition), 0) < end:
                    return False
        return True
    finally:
        consumer.close()


def test_a_record_of_every_topic(kafka: KafkaSettings, tmp_path: Path) -> None:
    alice = "sip:alice@example.org"
    feed(
        kafka,
        [
            (topics.REGISTRATIONS, alice, records.registration()),
            (topics.CONNECTIONS, "node-1/192.0.2.7:40001", records.connection()),
            (topics.CALLS, alice, records.call()),
            (topics.NODES, "node-1", records.node()),
            (topics.NODES, "node-1", records.node(2, kind="heartbeat")),
            (topics.MEDIA, "x@y", records.media()),
            (topics.SPEECH, alice, records.speech()),
            (topics.CALL_RECORDS, "call-1", records.call_record()),
            (topics.DIAL_RESULTS, "order-1", records.dial_result()),
            (topics.PRESENCE, alice, records.presence(1)),
            (topics.PRESENCE, alice, records.presence(2)),
            (topics.PRESENCE, alice, None),
            (topics.DEAD_LETTERS, "freeswitch/node-1", records.dead_letter()),
        ],
    )
    expected = dict.fromkeys(VIEWS, 1) | {"nodes": 2, "presence_history": 2}
    with opened(settings(tmp_path)) as database, running(kafka, settings(tmp_path), database) as s:
        eventually(lambda: s.sink.status()["rows"] == expected, 60, what="all rows")
        eventually(lambda: drained(kafka, s), 30, what="positions past the tombstone")


def test_events_published_twice_are_one_row(kafka: KafkaSettings, tmp_path: Path) -> None:
    for _ in range(2):
        feed(kafka, registrations(3_000))
        feed(kafka, presences(versions=3, users=200))
    chosen = settings(tmp_path)
    with opened(chosen) as database:
        with running(kafka, chosen, database) as sink:
            eventually(lambda: drained(kafka, sink), 60, what="both copies read")
        assert count(database, "registrations") == 3_000
        assert count(database, "presence_history") == 600
        assert count(database, "presence") == 200


def test_unusable_records_become_dead_letters_and_the_others_are_stored(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    feed(
        kafka,
        [
            (topics.REGISTRATIONS, "a", b"\xff\x00 no JSON"),
            (topics.REGISTRATIONS, "a", b'{"id": "x"}'),
            (topics.CALLS, "a", None),
            (topics.DEAD_LETTERS, "a", b"not even a letter"),
            *registrations(10),
        ],
    )
    chosen = settings(tmp_path)
    with opened(chosen) as database, running(kafka, chosen, database):
        stored(database, "registrations", 10)
        stored(database, "dead_letters", 4)
        letters = database.query("SELECT source, size, reason FROM dead_letters ORDER BY size")
    assert [size for _, size, _ in letters] == [0, 10, 11, 17]
    assert all(reason for _, _, reason in letters)
    name = kafka.name(topics.REGISTRATIONS)
    assert sum(source.startswith(f"{name}/") for source, _, _ in letters) == 2
    assert _published_letters(kafka) == sorted(source for source, _, _ in letters)


def _published_letters(kafka: KafkaSettings) -> list[str]:
    """Sources of the letters the sink wrote to the topic itself."""
    consumer = Consumer(kafka.consumer("clickhouse-test-letters"))
    consumer.subscribe([kafka.name(topics.DEAD_LETTERS)])
    sources: list[str] = []

    def read() -> bool:
        message = consumer.poll(0.5)
        if message is not None and not message.error() and message.headers():
            sources.append(decode(DeadLetter, message.value() or b"").source)
        return len(sources) == 4

    eventually(read, 30, interval=0, what="four letters")
    consumer.close()
    return sorted(sources)


def test_a_restart_continues_at_the_stored_positions(kafka: KafkaSettings, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    for start in (0, 500, 1_000):
        feed(kafka, registrations(500, start))
        with opened(chosen) as database:
            with running(kafka, chosen, database):
                stored(database, "registrations", start + 500)
            # not one row was written again
            assert count(database, "registrations_raw") == start + 500


def test_stored_positions_come_before_committed_offsets(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """An empty database is filled from the beginning, though the group has committed the end."""
    feed(kafka, registrations(1_000))
    for folder in (tmp_path / "first", tmp_path / "second"):
        chosen = settings(folder)
        with opened(chosen) as database, running(kafka, chosen, database):
            stored(database, "registrations", 1_000)
    consumer = Consumer(kafka.consumer("clickhouse"))
    name = kafka.name(topics.REGISTRATIONS)
    wanted = [TopicPartition(name, p) for p in range(kafka.partitions)]
    assert sum(max(p.offset, 0) for p in consumer.committed(wanted, timeout=10)) == 1_000
    consumer.close()


def test_a_recreated_topic_is_read_from_its_beginning(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Kafka's data was deleted, ClickHouse's was not: the old positions lie inside the new log."""
    name = kafka.name(topics.REGISTRATIONS)
    feed(kafka, registrations(400))
    chosen = settings(tmp_path)
    with opened(chosen) as database:
        with running(kafka, chosen, database):
            stored(database, "registrations", 400)
        admin = AdminClient(kafka.client())
        admin.delete_topics([name], operation_timeout=30)[name].result(30)
        eventually(lambda: name not in admin.list_topics(timeout=10).topics, 30)
        ensure_topics(kafka)
        feed(kafka, registrations(1_000, start=400))
        with running(kafka, chosen, database):
            stored(database, "registrations", 1_400)


def test_offsets_delivered_twice_are_one_row(kafka: KafkaSettings, tmp_path: Path) -> None:
    feed(kafka, [*registrations(1_000), *presences(2, 100)])
    chosen = settings(tmp_path)
    for _ in range(3):
        with opened(chosen) as database:
            with running(kafka, chosen, database) as sink:
                stored(database, "registrations", 1_000)
                stored(database, "presence_history", 200)
                eventually(lambda: drained(kafka, sink), 30)
            assert count(database, "registrations") == 1_000
            assert count(database, "presence_history") == 200
            assert count(database, "presence") == 100
            database.command("TRUNCATE TABLE positions")


def test_a_rebalance_loses_and_doubles_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    """A second member comes and goes in the middle: revocations, drops, resumed positions."""
    total = 12_000
    chosen = settings(tmp_path, batch_rows=200)
    with opened(chosen) as database, Database(chosen) as other:
        with running(kafka, chosen, database) as first:
            eventually(first.assigned.is_set, 60)
            feed(kafka, registrations(total // 3))
            stored(database, "registrations", 500)
            with running(kafka, chosen, other) as second:
                feed(kafka, registrations(total // 3, total // 3))
                eventually(lambda: _has_offsets(second), 60, what="the second member stores")
            feed(kafka, registrations(total // 3, 2 * total // 3))
            stored(database, "registrations", total)
        assert count(database, "registrations") == total


def _has_offsets(member: Running) -> bool:
    return member.assigned.is_set() and bool(member.sink.status()["next_offsets"])


def test_the_stage_reports_and_stops_cleanly(kafka: KafkaSettings, tmp_path: Path) -> None:
    feed(kafka, registrations(50))
    chosen = settings(tmp_path, batch_rows=10_000, batch_seconds=3_600)
    with Process(kafka, chosen) as process:
        eventually(process.ready, 60, what="ready")
        eventually(lambda: process.status()["waiting_records"] == 50, 30)
        report: dict[str, Any] = process.status()
        assert report["rows"] == dict.fromkeys(VIEWS, 0)
        assert process.terminate() == 0  # and writes what it has read
    with opened(chosen) as database:
        assert count(database, "registrations") == 50
