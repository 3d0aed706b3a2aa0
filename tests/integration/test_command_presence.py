"""`rollcall who` and `rollcall watch` with presence records of the test, on a real broker."""

import json
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from local.replay.streams_progress import StreamsProgress
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.presence import Presence
from schemas.topics import CALLS, PRESENCE
from schemas.vocabulary import Cause, Status
from tests.eventually import eventually
from tests.integration.rollcall_process import COMMAND, environment, rollcall

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"


def presence(aor: str, version: int, status: Status = Status.ONLINE) -> Presence:
    return Presence(
        aor=aor,
        version=version,
        status=status,
        reachable=status is not Status.OFFLINE,
        cause=Cause.REGISTERED if status is Status.ONLINE else Cause.EXPIRED,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        bindings=[],
        calls=[],
        evidence=["fs-1/boot/1"],
    )


def publish(kafka: KafkaSettings, *records: Presence) -> None:
    producer = Producer(kafka.producer())
    for record in records:
        producer.produce(kafka.name(PRESENCE), key=record.aor.encode(), value=codec.encode(record))
    assert producer.flush(15) == 0


def test_who_prints_each_users_last_version(tmp_path: Path, kafka: KafkaSettings) -> None:
    empty = rollcall("who", "--json", folder=tmp_path, kafka=kafka)
    assert (empty.returncode, empty.stdout) == (0, "")

    # A repeat of an older version after a newer one must not win.
    last = presence(ALICE, 2, Status.OFFLINE)
    publish(kafka, presence(BOB, 1), presence(ALICE, 1), last, presence(ALICE, 1))

    done = rollcall("who", "--json", folder=tmp_path, kafka=kafka)
    users = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(u["aor"], u["version"], u["reachable"]) for u in users] == [
        (ALICE, 2, False),
        (BOB, 1, True),
    ]
    assert list(users[0]) == [
        *("aor", "version", "status", "reachable", "cause", "at", "bindings", "calls", "evidence")
    ]

    one = rollcall("who", "bob@EXAMPLE.test", "--json", folder=tmp_path, kafka=kafka)
    assert json.loads(one.stdout)["aor"] == BOB
    unknown = rollcall("who", "carol@example.test", folder=tmp_path, kafka=kafka)
    assert unknown.returncode == 1
    assert "sip:carol@example.test has never registered" in unknown.stderr


def test_watch_prints_new_changes_of_the_given_users(tmp_path: Path, kafka: KafkaSettings) -> None:
    publish(kafka, presence(ALICE, 1))
    out = tmp_path / "out"
    with out.open("w") as file:
        watch = subprocess.Popen(
            [*COMMAND, "watch", "alice@example.test", "--json"],
            cwd=tmp_path,
            env=environment(kafka),
            stdout=file,
        )
    try:
        version = 1

        def received() -> list[str]:
            # Only a printed change shows that it has started to read: so keep changing.
            nonlocal version
            version += 1
            publish(kafka, presence(BOB, version), presence(ALICE, version))
            return out.read_text().splitlines()

        eventually(received, 30, interval=0.3)
        repeat = presence(ALICE, version)
        publish(kafka, repeat, repeat, presence(ALICE, version + 1))
        eventually(lambda: f'"version":{version + 1},' in out.read_text(), 30)
        changes = [json.loads(line) for line in out.read_text().splitlines()]
        assert {change["aor"] for change in changes} == {ALICE}
        versions = [change["version"] for change in changes]
        assert versions == list(range(versions[0], version + 2))
        assert versions[0] > 1
        watch.send_signal(signal.SIGINT)
        assert watch.wait(15) == 0
    finally:
        watch.kill()
        watch.wait()


def test_unreachable_broker_is_reported_in_one_line(tmp_path: Path) -> None:
    dead = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    done = rollcall("who", folder=tmp_path, kafka=dead)
    assert done.returncode == 1
    assert "rollcall: Kafka at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_names_records_that_the_streams_have_not_committed(kafka: KafkaSettings) -> None:
    progress = StreamsProgress(kafka)
    producer = Producer(kafka.producer())
    producer.produce(kafka.name(CALLS), value=b"{}", partition=2)
    assert producer.flush(15) == 0
    try:
        name = f"{kafka.name(CALLS)}/2"
        lag = f"{name}: 1 records"
        eventually(lambda: progress.behind() == lag, 15, what="new partitions have leaders")
        assert progress.behind() == lag

        streams = Consumer(kafka.consumer("streams"))
        streams.commit(offsets=[TopicPartition(kafka.name(CALLS), 2, 1)], asynchronous=False)
        streams.close()
        assert progress.behind() is None
    finally:
        progress.close()
