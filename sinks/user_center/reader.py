"""From rollcall.presence into the backlog, and back the offsets of what is settled."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime import logs
from runtime.kafka import KafkaMisconfigured, KafkaSettings
from runtime.metrics import COALESCED
from schemas.codec import InvalidRecord, decode
from schemas.presence import Presence
from schemas.topics import PRESENCE
from sinks.user_center.backlog import Assignment, Backlog, Waiting
from sinks.user_center.cloud_event import cloud_event
from sinks.user_center.dead_letters import DeadLetters

log = logs.get(__name__)

GROUP = "user-center"
_FETCH = 500
_COMMIT_SECONDS = 1.0
# Reading goes on again when this share of the bound is waiting.
_RESUME_AT = 0.9


class Reader:
    """The consumer of one process. All but `assigned` belongs to the thread that runs it."""

    def __init__(
        self,
        kafka: KafkaSettings,
        backlog: Backlog,
        dead_letters: DeadLetters,
        sending: Sequence[threading.Lock],
        *,
        waiting_max: int,
        quiesce_seconds: float,
        instance: str | None = None,
    ) -> None:
        self._topic = kafka.name(PRESENCE)
        self._backlog = backlog
        self._dead_letters = dead_letters
        self._sending = sending
        self._waiting_max = waiting_max
        self._quiesce_seconds = quiesce_seconds
        self._committed: dict[int, int] = {}
        self._commit_due = 0.0
        self._paused = False
        self.assigned = False
        self._consumer = Consumer(kafka.consumer(GROUP, **_membership(instance)))
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def step(self, timeout: float = 0.1) -> None:
        """Read once and commit when due. Raises KafkaUnavailable when a dead letter found no
        place (the record is unsettled, so stop and start again), KafkaMisconfigured."""
        # `consume` waits for all it is asked for or the whole timeout; `poll` for the first.
        if (first := self._consumer.poll(timeout)) is not None:
            for message in (first, *self._consumer.consume(_FETCH, 0)):
                self._accept(message)
        self._bound()
        if time.monotonic() >= self._commit_due:
            self.commit(self._backlog.positions())
            self._commit_due = time.monotonic() + _COMMIT_SECONDS

    def close(self) -> None:
        """Commit what is settled and leave the group. Deliverers must have ended."""
        self.commit(self._backlog.positions())
        self._consumer.close()

    # -- records ----------------------------------------------------------------------------------
    def _accept(self, message: Message) -> None:
        if (failure := message.error()) is not None:
            if failure.fatal():
                raise KafkaMisconfigured(f"reading presence: {failure.str()}")
            if failure.code() != KafkaError._PARTITION_EOF:
                log.warning("reading presence", error=failure.str())
            return
        number, offset = message.partition(), message.offset()
        partition = None if number is None else self._backlog.assignment(number)
        if partition is None or offset is None:
            return  # fetched before its partition went to another
        value = message.value()
        if value is None:  # a compaction tombstone: nothing to tell
            self._backlog.skip(partition, offset)
            return
        try:
            presence = decode(Presence, value)
            event = cloud_event(presence, value, message.headers())
        except InvalidRecord as error:
            source = f"{self._topic}/{number}/{offset}"
            log.error("dead letter", source=source, reason=str(error))
            self._dead_letters.put(source, value, error.reason, error.field)
            self._backlog.skip(partition, offset)
            return
        waiting = Waiting(partition, offset, presence.aor, presence.version, event)
        if superseded := self._backlog.add(waiting):
            COALESCED.add(superseded)

    def _bound(self) -> None:
        """Stop reading while too many users wait; Kafka keeps the rest."""
        waiting = len(self._backlog)
        if not self._paused and waiting >= self._waiting_max:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        elif self._paused and waiting < self._waiting_max * _RESUME_AT:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    # -- offsets and partitions -------------------------------------------------------------------
    def commit(self, positions: dict[int, int]) -> None:
        """Commit the positions that moved. A failure is only said: the next commit repeats it."""
        moved = {n: at for n, at in positions.items() if self._committed.get(n) != at}
        if not moved:
            return
        offsets = [TopicPartition(self._topic, n, at) for n, at in moved.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._committed |= moved
        except KafkaException as error:
            log.warning("positions not committed", error=str(error))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        numbers = [p.partition for p in partitions]
        log.info("partitions assigned", partitions=numbers)
        self._backlog.assign(numbers)
        self._paused = False
        self.assigned = True

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        self.commit(self._backlog.positions(self._give_up(partitions)))
        self._forget(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        self._give_up(partitions)
        self._forget(partitions)

    def _give_up(self, partitions: list[TopicPartition]) -> list[Assignment]:
        """Send nothing more of these partitions, and wait for what is being sent: the next owner
        must not be overtaken by a request of ours."""
        numbers = [p.partition for p in partitions]
        log.info("partitions revoked", partitions=numbers)
        revoked = self._backlog.revoke(numbers)
        deadline = time.monotonic() + self._quiesce_seconds
        for sending in self._sending:
            if sending.acquire(timeout=max(0.0, deadline - time.monotonic())):
                sending.release()
        return revoked

    def _forget(self, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._committed.pop(partition.partition, None)


def _membership(instance: str | None) -> dict[str, Any]:
    """How this process is a member of the group."""
    options: dict[str, Any] = {
        # A rebalance takes away only the partitions that really move.
        "partition.assignment.strategy": "cooperative-sticky",
        # How long a killed member's partitions stand still; librdkafka's own is 45 s.
        "session.timeout.ms": 10_000,
    }
    if instance:
        options["group.instance.id"] = instance
    return options
