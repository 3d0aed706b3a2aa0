"""A log's reader over errors that a partition reports, and over the events of older ends."""

import pytest
from confluent_kafka import KafkaError

from runtime import log_reader
from runtime.kafka import KafkaMisconfigured, KafkaSettings
from runtime.log_reader import LogReader
from runtime.topic_parts import Part
from schemas.topics import PRESENCE

NOT_ALLOWED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not allowed")
NO_LEADER = KafkaError(KafkaError.LEADER_NOT_AVAILABLE, "no leader")
END = KafkaError(KafkaError._PARTITION_EOF)


class Message:
    """A record of partition 0, or an error of it."""

    def __init__(self, offset: int, error: KafkaError | None = None) -> None:
        self.offset = lambda: offset
        self.error = lambda: error
        self.partition = lambda: 0
        self.topic = lambda: PRESENCE.name


class Consumer:
    """Hands its batches over one by one, and then nothing."""

    def __init__(self, *batches: list[Message]) -> None:
        self._batches = list(batches)
        self._rest: list[Message] = []

    def assign(self, places: list[object]) -> None:
        del places

    def poll(self, timeout: float) -> Message | None:
        del timeout
        if not self._batches:
            return None
        first, *self._rest = self._batches.pop(0)
        return first

    def consume(self, count: int, timeout: float) -> list[Message]:
        del count, timeout
        return self._rest


def reader(monkeypatch: pytest.MonkeyPatch, *batches: list[Message], end: int = 3) -> LogReader:
    """Of a topic of one partition that ends there."""
    monkeypatch.setattr(log_reader, "Consumer", lambda _: Consumer(*batches))
    monkeypatch.setattr(log_reader, "ends_by", lambda *_: {0: end})
    return LogReader(KafkaSettings(), [Part(PRESENCE)], "test")


def test_a_stage_reads_on_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [Message(0), Message(0, NOT_ALLOWED), Message(1)]
    found = reader(monkeypatch, refused, [Message(2)])
    assert [len(found.read()), len(found.read())] == [2, 1]


def test_who_follows_a_topic_gets_what_was_read_and_then_the_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = [Message(0), Message(0, NO_LEADER), Message(0, NOT_ALLOWED), Message(1)]
    found = reader(monkeypatch, refused, [Message(2)])
    assert len(found.follow(0)) == 2
    for _ in range(2):
        with pytest.raises(KafkaMisconfigured, match=f"{PRESENCE.name}: not allowed"):
            found.follow(0)


def test_who_follows_a_topic_waits_for_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reader(monkeypatch, [Message(0, NO_LEADER)], [Message(0)])
    assert [len(found.follow(0)), len(found.follow(0))] == [0, 1]


def test_the_end_is_not_waited_for_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = reader(monkeypatch, [Message(0), Message(0, NOT_ALLOWED)]).read_to_end()
    assert next(messages).offset() == 0
    with pytest.raises(KafkaMisconfigured, match=f"{PRESENCE.name}: not allowed"):
        next(messages)


def test_the_event_of_an_older_end_is_not_the_end_that_is_read_on_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = reader(monkeypatch, [Message(0, END)], [Message(0), Message(1)], end=0)
    monkeypatch.setattr(log_reader, "end_offsets", lambda *_: {0: 2})
    assert len(list(found.read_on())) == 2


def test_the_event_of_an_end_stands_for_records_that_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = reader(monkeypatch, [Message(0)], [Message(3, END)])
    assert len(list(found.read_to_end())) == 1
