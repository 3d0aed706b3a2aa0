"""Reads partitions by librdkafka, which fetches in threads of its own, without the GIL.

The group's membership, commits and ends are aiokafka's; this consumer is in no group. It is
assigned the partitions that may be read, from the positions that Faust's consumer sets
(streams/faust_adapter/consumer.py). All methods are for one event loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from confluent_kafka import KafkaError as Error
from faust.types import TP

from runtime import logs
from runtime.kafka import KafkaSettings
from streams.consumed import FetchedRecord

log = logs.get(__name__)

BEGINNING: int = OFFSET_BEGINNING
# How long one call waits for a first record: a seek takes effect after it.
WAIT_SECONDS = 0.05
# Poll interval while nothing is assigned.
_IDLE_SECONDS = 0.01
# Records taken from librdkafka at once: of a backlog tens of milliseconds.
_MOST = 10_000
# Records of a partition handed over at once: a batch, which is folded as a whole. Each batch waits
# for two acknowledgements, so a backlog wants large ones.
_BATCH = 10_000
# Unread records of a partition without room at which it is paused, and read again. A pause drops
# what librdkafka has fetched of it, so partitions should not be paused often.
_PAUSE, _RESUME = 20_000, 5_000
_OPTIONS = {
    "client.id": "rollcall-streams",  # aiokafka's
    # Faust's; no producer is transactional.
    "isolation.level": "read_uncommitted",
    "check.crcs": True,
    "enable.partition.eof": True,
    # One queue holds the records of all partitions. While it has some, nothing is fetched; so
    # fetches become larger, and fewer, the longer the folds take.
    "queued.min.messages": 1,
    "fetch.queue.backoff.ms": 1,
    # What a fetch leaves out waits for its answer: a partition that is read again after a pause,
    # and those that were looked at before the queue was emptied.
    "fetch.wait.max.ms": 20,
    # Only members of a group are removed from it.
    "max.poll.interval.ms": 86_400_000,
}
_REFUSED = frozenset(
    {
        Error.TOPIC_AUTHORIZATION_FAILED,
        Error.GROUP_AUTHORIZATION_FAILED,
        Error.CLUSTER_AUTHORIZATION_FAILED,
    }
)

HasRoom = Callable[[TP], bool]


class Reader:
    """The records of one worker's partitions, at most `most` at once."""

    def __init__(self, kafka: KafkaSettings, most: int) -> None:
        self._most = min(most, _MOST)
        self._consumer = Consumer(kafka.consumer("streams", **_OPTIONS))
        self._thread = ThreadPoolExecutor(1, "reader")
        self._positions: dict[TP, int] = {}  # offsets after the records handed over
        self._is_moved = False  # whether they were set since the last assignment
        self._active: set[TP] = set()
        self._reads = False  # whether any of them has a position
        self._unread: dict[TP, list[FetchedRecord]] = {}
        self._ends: dict[TP, int] = {}  # offsets at which a partition had no more records
        self._paused: set[TP] = set()
        self._waiting: asyncio.Future[Message | None] | None = None
        self._logged: set[int] = set()
        self._is_closed = False

    def seek(self, positions: Mapping[TP, int]) -> None:
        """Read on from these offsets; BEGINNING is a partition's first."""
        self._positions.update(positions)
        self._is_moved = True

    def forget(self) -> None:
        """Read nothing until positions are set."""
        self._positions.clear()
        self._is_moved = True

    def position(self, tp: TP) -> int | None:
        """The offset before which everything was handed over; None before the first record."""
        position = self._positions.get(tp, BEGINNING)
        if tp not in self._unread:
            position = max(position, self._ends.get(tp, BEGINNING))
        return None if position < 0 or self._is_moved else position

    def has_unread(self, tp: TP) -> bool:
        """Whether fetched records of the partition wait to be handed over."""
        return tp in self._unread

    async def fetch(
        self, active: set[TP], has_room: HasRoom, timeout: float
    ) -> dict[TP, list[FetchedRecord]]:
        """The next records of the active partitions, as far as there is room for them.

        Waits for a first record for `timeout` or WAIT_SECONDS, whichever is shorter. What is
        returned counts as read. Raises KafkaException if Kafka refuses to be read.
        """
        await self._wait_ended()
        if self._is_closed:
            return {}
        if self._is_moved or active != self._active:
            self._assign(active)
        if not self._reads:
            await asyncio.sleep(_IDLE_SECONDS)
            return {}
        found = self._hand_over(has_room)
        if not found:
            wait = min(timeout, WAIT_SECONDS)
            loop = asyncio.get_running_loop()
            self._waiting = loop.run_in_executor(self._thread, self._consumer.poll, wait)
            await self._wait_ended()
            found = self._hand_over(has_room)
        return found

    async def close(self) -> None:
        """Read nothing any more."""
        self._is_closed = True
        await self._wait_ended()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown(wait=False)

    async def _wait_ended(self) -> None:
        """Wait for the thread, also for one whose caller was cancelled: what it has read is not to
        be lost, and nothing after it may be taken before it."""
        waiting = self._waiting
        if waiting is None:
            return
        await asyncio.wait([waiting])
        if self._waiting is waiting:
            self._waiting = None
            message = waiting.result()
            if message is not None and not self._is_moved:
                self._keep([message])

    def _assign(self, active: set[TP]) -> None:
        """Drop what is fetched, and fetch from the positions."""
        consumer = self._consumer
        if self._paused:
            consumer.resume([TopicPartition(*tp) for tp in self._paused])
        consumer.unassign()
        while consumer.consume(self._most, 0):
            continue
        self._unread, self._ends, self._paused = {}, {}, set()
        self._active, self._is_moved = set(active), False
        known = self._positions
        read = [TopicPartition(tp.topic, tp.partition, known[tp]) for tp in active if tp in known]
        self._reads = bool(read)
        if read:
            consumer.assign(read)

    def _hand_over(self, has_room: HasRoom) -> dict[TP, list[FetchedRecord]]:
        """Take what librdkafka has, and return what there is room for."""
        if self._is_moved or self._is_closed:
            return {}
        self._keep(self._consumer.consume(self._most, 0))
        found = {tp: records[:_BATCH] for tp, records in self._unread.items() if has_room(tp)}
        for tp, records in found.items():
            self._positions[tp] = records[-1].offset + 1
            if left := self._unread[tp][_BATCH:]:
                self._unread[tp] = left
            else:
                del self._unread[tp]
        self._pause()
        return found

    def _pause(self) -> None:
        """Pause partitions of which too many records are unread, and read those that were paused
        again when few are."""
        unread = self._unread
        for tp in [tp for tp in self._paused if len(unread.get(tp, ())) <= _RESUME]:
            self._consumer.resume([TopicPartition(*tp)])
            self._paused.discard(tp)
        for tp, records in unread.items():
            if len(records) >= _PAUSE and tp not in self._paused:
                self._consumer.pause([TopicPartition(*tp)])
                self._paused.add(tp)

    def _keep(self, messages: list[Message]) -> None:
        """Add messages to the unread records of their partitions."""
        topic, number = "", -1
        records: list[FetchedRecord] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._note(message, error)
                continue
            if message.partition() != number or message.topic() != topic:
                topic, number = message.topic(), message.partition()
                records = self._unread.setdefault(TP(topic, number), [])
            records.append(
                FetchedRecord(
                    number,
                    message.offset(),
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    message.headers,
                )
            )

    def _note(self, message: Message, error: Error) -> None:
        """Note the end of a partition, or an error. Raises KafkaException of one that stays."""
        code = error.code()
        if code == Error._PARTITION_EOF:
            self._ends[TP(message.topic(), message.partition())] = message.offset()
        elif error.fatal() or code in _REFUSED:
            raise KafkaException(error)
        elif code not in self._logged:
            self._logged.add(code)
            log.warning("reading from Kafka", error=error.str())
