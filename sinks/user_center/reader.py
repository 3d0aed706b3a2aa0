"""From rollcall.presence into the backlog; commits the offsets of what is delivered."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime import logs
from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaMisconfigured, KafkaSettings
from runtime.lag import LagMeter, fetched_end
from schemas.codec import InvalidRecord, decode
from schemas.presence import Presence
from schemas.topics import PRESENCE
from sinks.user_center.assignment import Assignment
from sinks.user_center.backlog import Backlog
from sinks.user_center.cloud_event import cloud_event, forgotten_event
from sinks.user_center.pending import PendingState

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
        await_requests: Callable[[], None],
        *,
        waiting_max: int,
        instance: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`await_requests` returns when no request under way when it was called still is.

        `clock` is monotonic, in seconds.
        """
        self._topic = kafka.name(PRESENCE)
        self._backlog = backlog
        self._dead_letters = dead_letters
        self._await_requests = await_requests
        self._waiting_max = waiting_max
        self._clock = clock
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
        self._lag = LagMeter(GROUP, clock=clock)
        self._end_of = fetched_end(self._consumer)

    def step(self, timeout: float = 0.1) -> None:
        """Read once and commit when due.

        Raises KafkaUnavailable when a dead letter was not acknowledged (its record's offset is not
        committed: stop and start again), KafkaMisconfigured.
        """
        # `consume` waits for all it is asked for or the whole timeout; `poll` for the first.
        if (first := self._consumer.poll(timeout)) is not None:
            for message in (first, *self._consumer.consume(_FETCH, 0)):
                self._accept(message)
        self._bound()
        if self._clock() >= self._commit_due:
            self.commit(self._backlog.positions())
            self._commit_due = self._clock() + _COMMIT_SECONDS
        self._lag.measure(self._delivered, self._end_of)

    def close(self) -> None:
        """Commit what is delivered and leave the group. Deliverers must have ended."""
        self.commit(self._backlog.positions())
        self._consumer.close()

    # -- records ----------------------------------------------------------------------------------
    def _accept(self, message: Message) -> None:
        if (failure := message.error()) is not None:
            if failure.fatal():
                raise KafkaMisconfigured(f"reading presence: {failure.str()}")
            if failure.code() != KafkaError._PARTITION_EOF:
                log.warning("error while reading presence", error=failure.str())
            return
        number, offset = message.partition(), message.offset()
        partition = None if number is None else self._backlog.assignment(number)
        if partition is None or offset is None:
            return  # fetched before its partition was revoked
        value = message.value()
        if value is None and not message.key():
            self._backlog.skip(partition, offset)
            return
        if value is None:
            self._forget(partition, offset, message)
            return
        try:
            presence = decode(Presence, value)
            event = cloud_event(presence, value, message.headers())
        except InvalidRecord as error:
            source = f"{self._topic}/{number}/{offset}"
            log.error("dead letter", source=source, reason=str(error))
            self._dead_letters.send([Unusable(source, value, error.reason, error.field)])
            self._backlog.skip(partition, offset)
            return
        self._backlog.add(PendingState(partition, offset, presence.aor, presence.version, event))

    def _forget(self, partition: Assignment, offset: int, message: Message) -> None:
        """A tombstone: the user center is to delete the user, whose versions begin again."""
        aor = (message.key() or b"").decode("utf-8", "replace")
        at = datetime.fromtimestamp((message.timestamp()[1] or 0) / 1000, UTC)
        event = forgotten_event(aor, at, message.headers())
        self._backlog.add(PendingState(partition, offset, aor, 0, event, forgets=True))

    def _bound(self) -> None:
        """Stop reading while too many users wait; Kafka keeps the rest."""
        waiting = len(self._backlog)
        if not self._paused and waiting >= self._waiting_max:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        elif self._paused and waiting < self._waiting_max * _RESUME_AT:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _delivered(self) -> dict[tuple[str, int], int]:
        return {(self._topic, n): at for n, at in self._backlog.positions().items()}

    # -- offsets and partitions -------------------------------------------------------------------
    def commit(self, positions: dict[int, int]) -> None:
        """Commit the positions that moved. A failure is only logged: the next commit repeats it."""
        moved = {n: at for n, at in positions.items() if self._committed.get(n) != at}
        if not moved:
            return
        offsets = [TopicPartition(self._topic, n, at) for n, at in moved.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._committed |= moved
        except KafkaException as error:
            log.warning("offsets not committed", error=str(error))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        numbers = [p.partition for p in partitions]
        log.info("partitions assigned", partitions=numbers)
        self._backlog.assign(numbers)
        self._paused = False
        self.assigned = True

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        self.commit(self._backlog.positions(self._release(partitions)))
        self._drop_committed(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        self._release(partitions)
        self._drop_committed(partitions)

    def _release(self, partitions: list[TopicPartition]) -> list[Assignment]:
        """Send nothing more of these partitions, and wait for the requests under way: none of them
        may overtake one of the next owner."""
        numbers = [p.partition for p in partitions]
        log.info("partitions revoked", partitions=numbers)
        revoked = self._backlog.revoke(numbers)
        self._await_requests()
        return revoked

    def _drop_committed(self, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._committed.pop(partition.partition, None)


def _membership(instance: str | None) -> dict[str, Any]:
    """librdkafka's options of the group membership."""
    options: dict[str, Any] = {
        # A rebalance revokes only the partitions that move.
        "partition.assignment.strategy": "cooperative-sticky",
        # For so long nobody reads a killed member's partitions; librdkafka's default is 45 s.
        "session.timeout.ms": 10_000,
    }
    if instance:
        options["group.instance.id"] = instance
    return options
