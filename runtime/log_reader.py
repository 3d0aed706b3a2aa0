"""Reads partitions of topics in no group: to their end, and then what comes.

For whoever keeps a topic's content in memory, and for commands. What a record means, its reader
decides; here are only Kafka's ends, errors and holes.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from runtime import logs
from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable, no_answer, translate
from runtime.kafka_errors import is_transient
from runtime.lag import Partition, fetched_end
from runtime.topic_parts import Part, end_offsets, ends_by
from schemas.topic import Topic

log = logs.get(__name__)

# Records handed over at once: until the end is read, and later, when others wait for them.
_READING, _FETCH = 2_000, 500
_TIMEOUT_SECONDS = 10.0
# A topic that shows nothing for so long, and not its end either, is not read to its end.
_STALL_SECONDS = 30.0
_OPTIONS = {
    # The last records of a partition may be compacted away: only this event marks its end.
    "enable.partition.eof": True,
    # Reading a topic of a gigabyte, librdkafka would hold 64 MB of it, and as much again in pieces.
    "queued.max.messages.kbytes": 8 * 1024,
    "fetch.max.bytes": 8 * 1024 * 1024,
}
# An empty partition shows its end after so long.
QUICK = {"fetch.wait.max.ms": 50}
_DEFAULTS: Mapping[str, Any] = {}


class TopicReplaced(Exception):
    """The topic was deleted and created again, or lost its end: start again, to read it anew."""


class LogReader:
    """One consumer; commits nothing. Belongs to one thread.

    `positions` are the next offsets of all partitions, `advanced` those that the last read moved.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        parts: Iterable[Part],
        name: str,
        on_error: Callable[[KafkaError], None] | None = None,
        *,
        options: Mapping[str, Any] = _DEFAULTS,
        together: Callable[[], float] | None = None,
    ) -> None:
        """`name` names the client: librdkafka wants a group, and none exists. `on_error` gets the
        errors that belong to no partition. `options` are librdkafka's: QUICK, where the end of an
        empty partition is waited for. `together`: after the end, what comes within so many seconds
        of the last records is handed over at once. Raises KafkaUnavailable, KafkaMisconfigured."""
        self._kafka, self._name = kafka, name
        own = {"error_cb": on_error} if on_error is not None else {}
        self._consumer = Consumer(kafka.consumer(name, **_OPTIONS, **own, **options))
        self._together, self._read_at = together, -math.inf
        self._topics: list[tuple[Topic, Collection[int]]] = []
        self._ahead: dict[Partition, int] = {}
        self._logged: set[str] = set()
        self._refusal: KafkaError | None = None
        self.positions: dict[Partition, int] = {}
        self.advanced: dict[Partition, int] = {}
        self.end_of = fetched_end(self._consumer)
        try:
            # Before anything is fetched: a broker answers a consumer's requests one by one.
            self._consumer.assign([place for part in parts for place in self._begin(part)])
        except KafkaException as error:
            self._consumer.close()
            raise translate(error, kafka) from error
        except (KafkaMisconfigured, KafkaUnavailable):
            self._consumer.close()
            raise

    @property
    def is_at_end(self) -> bool:
        """Whether everything was read that was there at the start, or at the last `read_on`."""
        return not self._ahead

    def read(self, seconds: float = 0.0) -> list[Message]:
        """The records that are there, waiting up to `seconds` for the first.

        Raises KafkaMisconfigured, TopicReplaced.
        """
        self.advanced = {}
        found: list[Message] = []
        # `consume` waits for all it is asked for or the whole timeout; `poll` for the first.
        if (first := self._consumer.poll(seconds)) is not None:
            most = _FETCH if self.is_at_end else _READING
            if self.is_at_end and self._together is not None:
                self._wait_for_more(self._together())
            for message in (first, *self._consumer.consume(most, 0)):
                if (failure := message.error()) is None:
                    found.append(message)
                    self._reached(message, message.offset() + 1)
                elif failure.code() == KafkaError._PARTITION_EOF:
                    self._reached(message, message.offset())
                else:
                    self._note(message, failure)
        return found

    def follow(self, seconds: float) -> list[Message]:
        """`read`, for those who do not wait until Kafka allows what it has refused: that raises
        KafkaMisconfigured, once everything was returned that was read before."""
        if self._refusal is not None:
            raise translate(KafkaException(self._refusal), self._kafka)
        return self.read(seconds)

    def read_to_end(self) -> Iterator[Message]:
        """Every record up to the ends at the start. Raises KafkaUnavailable and as `follow`."""
        deadline = time.monotonic() + _STALL_SECONDS
        while not self.is_at_end:
            yield from self.follow(0.1)
            if self.advanced:
                deadline = time.monotonic() + _STALL_SECONDS
            elif time.monotonic() > deadline:
                names = ", ".join(sorted({topic for topic, _ in self._ahead}))
                raise no_answer(self._kafka, f"{names} was not read to its end")

    def read_on(self) -> Iterator[Message]:
        """Every record up to the ends as they are now. Raises as `read_to_end`."""
        for topic, numbers in self._topics:
            self._note_ends(topic, end_offsets(self._kafka, topic, self._name, numbers))
        yield from self.read_to_end()

    def is_kafka_there(self, seconds: float) -> bool:
        """Whether a broker answers: librdkafka does not report that one is back."""
        name = next((topic for topic, _ in self.positions), None)
        try:
            self._consumer.list_topics(name, timeout=seconds)
        except KafkaException:
            return False
        return True

    def close(self) -> None:
        self._consumer.close()

    def _begin(self, part: Part) -> list[TopicPartition]:
        """Where its partitions are read from; notes where they end now."""
        name, offsets = self._kafka.name(part.topic), part.offsets or {}
        ends = ends_by(self._consumer, self._kafka, part.topic, part.numbers)
        self._topics.append((part.topic, list(ends)))
        self.positions |= {(name, number): offset for number, offset in offsets.items()}
        self._note_ends(part.topic, ends)
        if part.since is None:
            begin = OFFSET_BEGINNING
            return [TopicPartition(name, number, offsets.get(number, begin)) for number in ends]
        at = int(part.since.timestamp() * 1000)
        places = [TopicPartition(name, number, at) for number in ends]
        return self._consumer.offsets_for_times(places, _TIMEOUT_SECONDS)

    def _note_ends(self, topic: Topic, ends: Mapping[int, int]) -> None:
        """What was never written to, or was read so far, is at its end."""
        for number, end in ends.items():
            place = self._kafka.name(topic), number
            if self.positions.get(place, 0) < end:
                self._ahead[place] = end

    def _wait_for_more(self, together: float) -> None:
        now = time.monotonic()
        wait = max(0.0, self._read_at + together - now)
        time.sleep(wait)
        self._read_at = now + wait

    def _reached(self, message: Message, offset: int) -> None:
        place = message.topic(), message.partition()
        if offset < self.positions.get(place, 0):
            raise TopicReplaced(f"{place[0]}/{place[1]} was read to its end, and begins again")
        self.positions[place] = self.advanced[place] = offset
        # The event of an end may be older than the end that is read to.
        if place in self._ahead and offset >= self._ahead[place]:
            del self._ahead[place]

    def _note(self, message: Message, failure: KafkaError) -> None:
        """librdkafka goes on after all but fatal errors; each is logged once."""
        text = f"{message.topic() or self._name}: {failure.str()}"
        if failure.fatal():
            raise KafkaMisconfigured(f"{self._name}: reading: {failure.str()}")
        if not is_transient(failure):
            self._refusal = KafkaError(failure.code(), text)
        if text not in self._logged:
            self._logged.add(text)
            log.warning("error while reading a topic", reader=self._name, error=text)


def read_to_end(kafka: KafkaSettings, part: Part, name: str) -> Iterator[Message]:
    """Every record that is in a part of a topic now. Raises KafkaUnavailable, KafkaMisconfigured,
    TopicReplaced."""
    reader = LogReader(kafka, [part], name, options=QUICK)
    try:
        yield from reader.read_to_end()
    finally:
        reader.close()


def from_now_on(kafka: KafkaSettings, topic: Topic, name: str) -> LogReader:
    """A reader of what comes after the ends of now. Raises as LogReader."""
    return LogReader(kafka, [Part(topic, offsets=end_offsets(kafka, topic, name))], name)
