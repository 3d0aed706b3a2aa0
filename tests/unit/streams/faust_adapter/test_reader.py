"""What the reader asks of librdkafka, and in which order it hands records over."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from faust.types import TP

from runtime.kafka import KafkaSettings
from streams.faust_adapter.reader import BEGINNING, Reader

ONE, OTHER = TP("topic", 0), TP("topic", 1)
BOTH = {ONE, OTHER}


class Message:
    def __init__(self, tp: TP, offset: int, error: int | None = None) -> None:
        self._tp, self._offset, self._error = tp, offset, error

    def error(self) -> KafkaError | None:
        return None if self._error is None else KafkaError(self._error)

    def topic(self) -> str:
        return str(self._tp.topic)

    def partition(self) -> int:
        return int(self._tp.partition)

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 1000 + self._offset

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes:
        return b"value"

    def headers(self) -> list[tuple[str, bytes]]:
        return [("ce_id", b"1"), ("traceparent", b"trace")]


class Consumer:
    """librdkafka's part: a queue of messages."""

    def __init__(self, _: dict[str, Any]) -> None:
        self.queue: deque[Message] = deque()
        self.assigned: dict[TP, int] = {}
        self.paused: set[TP] = set()
        self.may_poll = threading.Event()
        self.may_poll.set()
        self.is_closed = False

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = {TP(one.topic, one.partition): one.offset for one in partitions}

    def unassign(self) -> None:
        self.assigned = {}
        self.queue.clear()

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {TP(one.topic, one.partition) for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {TP(one.topic, one.partition) for one in partitions}

    def consume(self, most: int, timeout: float) -> list[Message]:
        assert timeout == 0
        return [self.queue.popleft() for _ in range(min(most, len(self.queue)))]

    def poll(self, _: float) -> Message | None:
        assert self.may_poll.wait(10)
        return self.queue.popleft() if self.queue else None

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> tuple[Reader, Consumer]:
    """A reader at the beginning of both partitions, and its consumer."""
    monkeypatch.setattr("streams.faust_adapter.reader.Consumer", Consumer)
    made = Reader(KafkaSettings(), 100)
    made.seek(dict.fromkeys(BOTH, BEGINNING))
    consumer: Any = made._consumer
    return made, consumer


def put(consumer: Consumer, tp: TP, *offsets: int) -> None:
    consumer.queue.extend(Message(tp, offset) for offset in offsets)


async def _until_it_waits(reader: Reader) -> None:
    for _ in range(100):
        if reader._waiting is not None:
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not wait")


async def fetch(reader: Reader, full: TP | None = None) -> dict[TP, list[int]]:
    found = await reader.fetch(BOTH, lambda tp: tp != full, 0.01)
    return {tp: [record.offset for record in records] for tp, records in found.items()}


def test_records_are_handed_over_by_partition_and_keep_time_and_trace(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading
    runner.run(fetch(reader))
    assert consumer.assigned == dict.fromkeys(BOTH, BEGINNING)
    put(consumer, ONE, 3, 4)
    put(consumer, OTHER, 7)
    put(consumer, ONE, 9)
    found = runner.run(reader.fetch(BOTH, lambda _: True, 0.01))
    assert [record.offset for record in found[ONE]] == [3, 4, 9]
    record = found[OTHER][0]
    assert (record.partition, record.timestamp) == (1, 1007)
    assert ("traceparent", b"trace") in record.headers
    assert (reader.position(ONE), reader.position(OTHER)) == (10, 8)


def test_nothing_is_read_without_a_position(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading
    runner.run(fetch(reader))
    reader.forget()
    assert runner.run(fetch(reader)) == {}
    assert consumer.assigned == {}
    reader.seek({ONE: 5})
    runner.run(fetch(reader))
    assert consumer.assigned == {ONE: 5}


def test_records_without_room_wait_and_none_is_lost_or_read_twice_after_another_assignment(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading
    runner.run(fetch(reader))
    put(consumer, ONE, 0, 1)
    put(consumer, OTHER, 0)
    assert runner.run(fetch(reader, full=ONE)) == {OTHER: [0]}
    assert reader.has_unread(ONE)
    runner.run(reader.fetch({ONE}, lambda _: False, 0.01))
    assert consumer.assigned == {ONE: BEGINNING}
    put(consumer, ONE, 0, 1)
    found = runner.run(reader.fetch({ONE}, lambda _: True, 0.01))
    assert [record.offset for record in found[ONE]] == [0, 1]


def test_what_the_thread_reads_for_a_cancelled_caller_is_handed_over_first(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading

    async def cancelled() -> None:
        consumer.may_poll.clear()
        task = asyncio.create_task(fetch(reader))
        await _until_it_waits(reader)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        put(consumer, ONE, 0, 1)
        consumer.may_poll.set()

    runner.run(fetch(reader))
    runner.run(cancelled())
    assert runner.run(fetch(reader)) == {ONE: [0, 1]}


def test_what_was_read_before_a_seek_is_dropped(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading

    async def sought() -> dict[TP, list[int]]:
        consumer.may_poll.clear()
        task = asyncio.create_task(fetch(reader))
        await _until_it_waits(reader)
        put(consumer, ONE, 8, 9)
        reader.seek({ONE: 4})
        consumer.may_poll.set()
        return await task

    runner.run(fetch(reader))
    assert runner.run(sought()) == {}
    assert reader.position(ONE) is None
    assert runner.run(fetch(reader)) == {}
    assert consumer.assigned == {ONE: 4, OTHER: BEGINNING}
    put(consumer, ONE, 4)
    assert runner.run(fetch(reader)) == {ONE: [4]}


def test_a_partition_is_paused_while_very_many_of_its_records_are_unread(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.faust_adapter.reader._PAUSE", 3)
    monkeypatch.setattr("streams.faust_adapter.reader._RESUME", 1)
    reader, consumer = reading
    runner.run(fetch(reader))
    put(consumer, ONE, 0, 1, 2)
    assert runner.run(fetch(reader, full=ONE)) == {}
    assert consumer.paused == {ONE}
    put(consumer, OTHER, 0)
    assert runner.run(fetch(reader, full=ONE)) == {OTHER: [0]}
    assert runner.run(fetch(reader)) == {ONE: [0, 1, 2]}
    assert consumer.paused == set()


def test_very_many_records_are_handed_over_a_batch_at_a_time(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is folded as a whole, and nothing else meanwhile."""
    monkeypatch.setattr("streams.faust_adapter.reader._BATCH", 2)
    reader, consumer = reading
    runner.run(fetch(reader))
    put(consumer, ONE, 0, 1, 2, 3, 4)
    put(consumer, OTHER, 0)
    assert runner.run(fetch(reader)) == {ONE: [0, 1], OTHER: [0]}
    assert reader.position(ONE) == 2
    assert runner.run(fetch(reader)) == {ONE: [2, 3]}
    assert runner.run(fetch(reader)) == {ONE: [4]}
    assert not reader.has_unread(ONE)


def test_the_end_of_a_partition_is_its_position_though_the_last_offsets_have_no_records(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    """As after compaction. Unread records come first."""
    reader, consumer = reading
    runner.run(fetch(reader))
    put(consumer, ONE, 0)
    consumer.queue.append(Message(ONE, 5, KafkaError._PARTITION_EOF))
    runner.run(fetch(reader, full=ONE))
    assert reader.position(ONE) is None
    runner.run(fetch(reader))
    assert reader.position(ONE) == 5


def test_a_refusal_is_raised_and_other_errors_are_waited_out(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading
    runner.run(fetch(reader))
    consumer.queue.append(Message(ONE, 0, KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert runner.run(fetch(reader)) == {}
    consumer.queue.append(Message(ONE, 0, KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(KafkaException):
        runner.run(fetch(reader))


def test_a_closed_reader_reads_nothing(
    runner: asyncio.Runner, reading: tuple[Reader, Consumer]
) -> None:
    reader, consumer = reading
    runner.run(fetch(reader))
    runner.run(reader.close())
    put(consumer, ONE, 0)
    assert runner.run(fetch(reader)) == {}
    assert consumer.is_closed
