"""An operator adds partitions to a topic while stages run: all stop before anything is wrong."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from producers.publisher import Publisher, PublisherSettings
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.partitioner import partition_of
from runtime.stage import Stage
from schemas import codec
from schemas.topic import Topic
from schemas.topics import CALLS, CONNECTIONS, DEAD_LETTERS, REGISTRATIONS, SESSIONS
from schemas.vocabulary import RegistrationKind
from tests.eventually import eventually
from tests.integration.test_streams_worker import WORKER, registration
from tests.kafka_logs import ends, presences, read, write
from tests.stages import StageProcess


def widen(kafka: KafkaSettings, topic: Topic) -> None:
    admin = AdminClient(kafka.client())
    wider = NewPartitions(kafka.name(topic), kafka.partitions + 2)
    for future in admin.create_partitions([wider]).values():
        future.result(30)

    def is_known() -> bool:
        found = admin.list_topics(timeout=10).topics[kafka.name(topic)]
        return len(found.partitions) == kafka.partitions + 2

    eventually(is_known, 30, what="the new partitions")


def _make_anew(kafka: KafkaSettings, topic: Topic) -> None:
    admin, name = AdminClient(kafka.client()), kafka.name(topic)
    for future in admin.delete_topics([name]).values():
        future.result(30)
    eventually(lambda: name not in admin.list_topics(timeout=10).topics, 30, what="it is gone")
    ensure_topics(kafka)


def _write_out_of_place(kafka: KafkaSettings) -> None:
    topic, key, event = registration(9, 1)
    wrong = (partition_of(key.encode(), kafka.partitions) + 1) % kafka.partitions
    producer = Producer(kafka.producer())
    producer.produce(kafka.name(topic), codec.encode(event), key, wrong)
    assert producer.flush(30) == 0


def readiness(worker: StageProcess) -> httpx.Response:
    return httpx.get(worker.health + "/readyz", trust_env=False)


def has_stopped(worker: StageProcess) -> bool:
    return readiness(worker).status_code == 503


def test_a_worker_that_looks_at_the_counts_stops_and_names_the_topic(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    with StageProcess(WORKER, tmp_path, kafka, ROLLCALL_KAFKA_PARTITION_CHECK_INTERVAL="0.5") as w:
        _write_out_of_place(kafka)
        write(kafka, [registration(user, user + 1) for user in range(8)])
        eventually(lambda: len(presences(kafka)) == 8, 30, what="eight users")
        # Of a producer with another partitioner: it stops nothing.
        eventually(lambda: len(read(kafka, DEAD_LETTERS)) == 1, 30, what="the dead letter")
        assert readiness(w).status_code == 200
        widen(kafka, CONNECTIONS)
        eventually(lambda: has_stopped(w), 30, what="not ready")
        trouble = f"{kafka.name(CONNECTIONS)} has 6 partitions; kafka.partitions is 4"
        assert readiness(w).json() == {"ready": False, "reasons": [trouble]}
        metrics = httpx.get(w.health + "/metrics", trust_env=False).text
        of_topic = f'topic="{kafka.name(CONNECTIONS)}"'
        assert [
            line.rpartition(" ")[2]
            for line in metrics.splitlines()
            if line.startswith("rollcall_wrong_partitions") and of_topic in line
        ] == ["6.0"]
        critical = [line for line in w.log.read_text().splitlines() if '"critical"' in line]
        assert [trouble in line for line in critical] == [True]
        # It lives, for all to see, and folds nothing; what was folded is in Kafka.
        sessions = ends(kafka, SESSIONS)
        write(kafka, [registration(user, 100 + user) for user in range(8, 16)])
        with pytest.raises(AssertionError, match="a ninth user"):
            eventually(lambda: len(presences(kafka)) > 8, 3, what="a ninth user")
        assert ends(kafka, SESSIONS) == sessions
        assert w.process.poll() is None
        assert w.terminate() == 0
    assert "Traceback" not in w.log.read_text()


def test_a_worker_stops_at_the_first_record_out_of_place_and_folds_none(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """Before it looks at the counts by itself: those who unregister are in partitions of others."""
    users = range(20)
    with StageProcess(WORKER, tmp_path, kafka, ROLLCALL_KAFKA_PARTITION_CHECK_INTERVAL="600") as w:
        write(kafka, [registration(user, user + 1) for user in users])
        eventually(lambda: len(presences(kafka)) == len(users), 30, what="all users")
        widen(kafka, REGISTRATIONS)
        kind = RegistrationKind.UNREGISTERED
        write(kafka, [registration(user, 100 + user, kind) for user in users])
        eventually(lambda: has_stopped(w), 30, what="not ready")
        (reason,) = readiness(w).json()["reasons"]
        assert f"{kafka.name(REGISTRATIONS)} has 6 partitions" in reason
        # Not a dead letter, for that would be lost; whoever is shown offline has unregistered.
        assert read(kafka, DEAD_LETTERS) == []
        assert all(p.version == 1 or p.cause == "unregistered" for p in presences(kafka))
        # The way back (docs/operations.md).
        assert w.terminate() == 0
        _make_anew(kafka, REGISTRATIONS)
        w.start()
        write(kafka, [registration(50, 500)])
        eventually(lambda: any(p.evidence == ["fs1/boot/500"] for p in presences(kafka)), 30)


def test_a_producer_is_not_ready_when_a_topic_was_widened(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    often = kafka.model_copy(update={"partition_check_interval": timedelta(seconds=0.2)})
    publisher = Publisher(often, PublisherSettings(spool_folder=tmp_path), "freeswitch/node1")
    try:
        stage = Stage("test", hindrances=[publisher.hindrance])
        assert publisher.hindrance() is None
        widen(kafka, CALLS)
        eventually(lambda: publisher.hindrance() is not None, 30, what="the wider topic noticed")
        assert f"{kafka.name(CALLS)} has 6 partitions" in str(stage.hindrances[0]())
    finally:
        publisher.close(10)
