"""A subscriber: reads rollcall.presence, and keeps the last record of each user."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
from confluent_kafka import Consumer, Message

from runtime.kafka import KafkaSettings
from schemas.topics import PRESENCE
from schemas.vocabulary import Cause, Status


class Place(msgspec.Struct, gc=False):
    """One binding of a presence record."""

    node: str


class Seen(msgspec.Struct, gc=False):
    """The fields of a presence record that benchmarks read (schemas/presence.py)."""

    aor: str
    version: int
    status: Status
    reachable: bool
    cause: Cause
    evidence: list[str]
    bindings: list[Place] = []
    # Not a field of the record: where it was read.
    partition: int = -1


def group_of(aor: str) -> str:
    """A user's group: the last label of the domain."""
    return aor.rpartition(".")[2]


class SubscriberEnded(Exception):
    """The subscriber's thread has failed: what it has not read may be in Kafka. There is no
    figure."""


class Subscriber:
    """Keeps the time of each record (monotonic seconds). Users are counted by group."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._consumer = Consumer(kafka.consumer("benchmark"))
        self._consumer.subscribe([kafka.name(PRESENCE)])
        self._decode = msgspec.json.Decoder(Seen).decode
        # Every record but repeats, in the order of reading.
        self.seen: list[tuple[float, Seen]] = []
        self.last: dict[str, Seen] = {}
        self.repeats = 0
        self.reachable: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def raise_failure(self) -> None:
        """Raises SubscriberEnded if the thread has failed."""
        if self._failure is not None:
            raise SubscriberEnded(repr(self._failure)) from self._failure

    def since(self, mark: int, group: str) -> Iterator[tuple[float, Seen]]:
        """The records of a group after the first `mark` records."""
        return ((at, one) for at, one in self.seen[mark:] if group_of(one.aor) == group)

    def users(self, group: str) -> Iterator[Seen]:
        """The last record of each user of a group."""
        return (one for one in self.last.values() if group_of(one.aor) == group)

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                # consume() alone would wait for its timeout or for 500 records: wait for one only.
                first = self._consumer.poll(0.2)
                if first is not None:
                    self._add([first, *self._consumer.consume(500, timeout=0)])
        except Exception as error:
            self._failure = error

    def _add(self, messages: list[Message]) -> None:
        now = time.monotonic()
        for message in messages:
            if message.error():
                continue
            one: Seen = self._decode(message.value() or b"")
            known = self.last.get(one.aor)
            if known is not None and one.version <= known.version:
                self.repeats += 1
                continue
            one.partition = message.partition()
            group = group_of(one.aor)
            self.known[group] += known is None
            self.reachable[group] += one.reachable - (known is not None and known.reachable)
            self.last[one.aor] = one
            self.seen.append((now, one))
