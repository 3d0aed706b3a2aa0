"""The calls stage on a real broker: one record a call, over kills, and a second process."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.call_record import CallRecord
from schemas.internal import NodeState
from schemas.media import MediaEvent
from schemas.speech import SpeechEvent
from schemas.topic import Topic
from schemas.topics import CALL_RECORDS, CALLS, DEAD_LETTERS, MEDIA, NODE_STATE, SPEECH
from schemas.vocabulary import (
    CallKind,
    CallState,
    MediaKind,
    Source,
    SpeechKind,
    SpeechResource,
)
from tests.eventually import eventually
from tests.integration.rollcall_process import rollcall
from tests.kafka_logs import is_consumed, read, write
from tests.stages import StageProcess
from tests.unit.calls.folding import ALICE, START, event, folded
from tests.unit.calls.generated import Generator

CALLS_MADE = 150


def stage(folder: Path, kafka: KafkaSettings) -> StageProcess:
    return StageProcess("calls.stage", folder, kafka, ROLLCALL_CALLS_WAIT="60")


def records(kafka: KafkaSettings) -> dict[str, CallRecord]:
    """The last record of each call, as a reader of the topic has it; versions only grow."""
    found: dict[str, CallRecord] = {}
    for message in read(kafka, CALL_RECORDS):
        record = codec.validate(CallRecord, message.value() or b"")
        assert message.key() == record.id.encode()
        known = found.get(record.id)
        assert known is None or record.version >= known.version
        found[record.id] = record
    return {id_: record for id_, record in found.items() if record.merged_into is None}


def view(record: CallRecord) -> bytes:
    copy = codec.decode(CallRecord, codec.encode(record))
    copy.id, copy.version = "", 1
    return codec.encode(copy)


def caught_up(kafka: KafkaSettings) -> bool:
    return is_consumed(kafka, "calls", (CALLS, MEDIA, SPEECH))


def test_killed_again_and_again_it_makes_one_record_a_call(
    tmp_path: Path, kafka: KafkaSettings
) -> None:
    generator = Generator(3)
    made = [generator.call(number) for number in range(CALLS_MADE)]
    legs = [leg for call in made for leg in call.legs.values()]
    events = sorted((one for leg in legs for one in leg), key=lambda one: one.at)
    chunks = [events[start : start + 300] for start in range(0, len(events), 300)]
    with stage(tmp_path, kafka) as running:
        for number, chunk in enumerate(chunks):
            write(kafka, [(CALLS, one.aor or "", one) for one in chunk])
            if number % 2:
                write(kafka, [(CALLS, one.aor or "", one) for one in chunk[::3]])  # again
            if number in (1, 3):
                eventually(lambda: running.status()["records"], what="some records")
                running.kill()
                running.start()
        eventually(lambda: caught_up(kafka), what="everything folded and committed")
        found = records(kafka)
        assert running.status()["calls"] == CALLS_MADE
    expected = folded(events)
    assert len(expected) == len(found) == CALLS_MADE
    assert sorted(map(view, found.values())) == sorted(map(view, expected))
    assert all(record.state is CallState.ENDED for record in found.values())


def test_media_and_speech_that_come_before_their_call_are_in_its_record(
    tmp_path: Path, kafka: KafkaSettings
) -> None:
    place: dict[str, Any] = {"node": "rtpe-1", "boot": "b", "seq": 1, "at": START}
    media = MediaEvent(
        id="m1",
        source=Source.RTPENGINE,
        kind=MediaKind.TIMED_OUT,
        call_id="a@phone",
        tags=[],
        streams=[],
        **place,
    )
    speech = SpeechEvent(
        id="s1",
        source=Source.FREESWITCH,
        kind=SpeechKind.STARTED,
        session="s",
        resource=SpeechResource.RECOGNISER,
        leg="a",
        started_at=START,
        **(place | {"node": "fs-1"}),
    )
    with stage(tmp_path, kafka) as running:
        write(kafka, [(MEDIA, "a@phone", media), (SPEECH, ALICE, speech)])
        eventually(lambda: running.status()["waiting"] == 2, what="both wait for their call")
        running.kill()  # what waits is not committed
        running.start()
        write(kafka, [(CALLS, ALICE, event(CallKind.RINGING, 1, aor=ALICE, sip_call_id="a@phone"))])
        eventually(lambda: caught_up(kafka), what="all joined")
        (record,) = records(kafka).values()
    assert [m.timed_out for m in record.media] == [True]
    assert [s.session for s in record.speech] == ["s"]


def test_busy_never_sticks_when_a_node_dies_or_ends_are_lost(
    tmp_path: Path, kafka: KafkaSettings
) -> None:
    lost = NodeState(boot="boot", at=START + timedelta(seconds=90), lost=True)
    ringing = [event(CallKind.RINGING, 1, "a", n, aor=f"sip:{n}@x") for n in ("dead", "listed")]
    with stage(tmp_path, kafka) as running:
        write(kafka, [(CALLS, one.aor or "", one) for one in ringing])
        eventually(lambda: len(records(kafka)) == 2, what="two calls")
        produce(kafka, NODE_STATE, "dead", lost)
        place = {"at": START + timedelta(seconds=60), "snapshot": "s"}
        for kind in (CallKind.SNAPSHOT_BEGAN, CallKind.SNAPSHOT_ENDED):
            produce(kafka, CALLS, "listed", event(kind, 0, None, "listed", **place))
        eventually(
            lambda: all(r.state is CallState.ENDED for r in records(kafka).values()),
            what="both have ended",
        )
        ended = records(kafka)
        assert running.status()["live"] == 0
    causes = {record.node: record.cause for record in ended.values()}
    assert causes == {"dead": "node-lost", "listed": "missing-from-snapshot"}


def produce(kafka: KafkaSettings, topic: Topic, key: str, value: object) -> None:
    """A copy in every partition, as nodes' states and marks of listings have."""
    producer = Producer(kafka.producer())
    for number in range(kafka.partitions):
        producer.produce(kafka.name(topic), codec.encode(value), key, partition=number)
    assert producer.flush(30) == 0


def test_a_second_process_takes_over_and_the_first_one_ends(
    tmp_path: Path, kafka: KafkaSettings
) -> None:
    (tmp_path / "second").mkdir()
    ringing = event(CallKind.RINGING, 1, aor=ALICE)
    with stage(tmp_path, kafka) as first:
        write(kafka, [(CALLS, ALICE, ringing)])
        eventually(lambda: records(kafka), what="a record")
        with stage(tmp_path / "second", kafka) as second:
            assert second.status()["live"] == 1  # restored
            eventually(lambda: first.process.poll() is not None, what="the first ended")
            assert first.process.returncode != 0
            write(kafka, [(CALLS, ALICE, event(CallKind.ENDED, 2, aor=ALICE))])
            eventually(lambda: second.status()["live"] == 0, what="the second folds")


def test_what_cannot_be_read_is_a_dead_letter_and_stops_nothing(
    tmp_path: Path, kafka: KafkaSettings
) -> None:
    with stage(tmp_path, kafka) as running:
        write(kafka, [(CALLS, ALICE, b'{"kind": "no such kind"}')])
        write(kafka, [(CALLS, ALICE, event(CallKind.RINGING, 1, aor=ALICE))])
        eventually(lambda: running.status()["live"] == 1, what="the call")
        metrics = httpx.get(running.health + "/metrics", trust_env=False).text
        assert re.search(r'rollcall_call_records_total\{[^}]*state="ringing"[^}]*\} 1\.0', metrics)
        done = rollcall("calls", "--json", folder=tmp_path, kafka=kafka)
        assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["ringing"]
        done = rollcall("calls", "nobody@example.test", folder=tmp_path, kafka=kafka)
        assert "no call" in done.stdout
    assert len(read(kafka, DEAD_LETTERS)) == 1
