"""From rollcall.dial-commands to the dialler; commits the offsets of commands that are over."""

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from dialling.dialler import Dialler
from dialling.results import Results
from producers.private_input import MASKED_INPUT
from runtime import logs
from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaMisconfigured, KafkaSettings
from schemas.codec import InvalidRecord, validate
from schemas.dialling import DialCommand
from schemas.topics import DIAL_COMMANDS
from sinks.user_center.assignment import Assignment

log = logs.get(__name__)

GROUP = "dialling"


class Commands:
    """The consumer of one process; belongs to the thread of the greenlets."""

    def __init__(
        self, kafka: KafkaSettings, dialler: Dialler, results: Results, dead_letters: DeadLetters
    ) -> None:
        self._topic = kafka.name(DIAL_COMMANDS)
        self._dialler, self._results = dialler, results
        self._dead_letters = dead_letters
        self._assigned: dict[int, Assignment] = {}
        self._committed: dict[int, int] = {}
        self._consumer = Consumer(
            kafka.consumer(GROUP, **{"session.timeout.ms": 10_000, "heartbeat.interval.ms": 1_000})
        )
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    @property
    def assigned(self) -> bool:
        """Whether this process has partitions."""
        return bool(self._assigned)

    def step(self) -> bool:
        """Read what is there without waiting; whether there was anything.

        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        message = self._consumer.poll(0)
        if message is not None:
            self._accept(message)
        return message is not None

    def commit(self) -> None:
        """Commit what is over. A failure is only logged: the next commit repeats it."""
        moved = {
            number: at
            for number, one in self._assigned.items()
            if (at := one.position) is not None and self._committed.get(number) != at
        }
        if not moved:
            return
        try:
            self._consumer.commit(
                offsets=[TopicPartition(self._topic, n, at) for n, at in moved.items()],
                asynchronous=False,
            )
            self._committed |= moved
        except KafkaException as error:
            log.warning("offsets not committed", error=str(error))

    def close(self) -> None:
        """Commit, and leave the group."""
        self.commit()
        self._consumer.close()

    def _accept(self, message: Message) -> None:
        if (failure := message.error()) is not None:
            if failure.fatal():
                raise KafkaMisconfigured(f"reading commands: {failure.str()}")
            if failure.code() != KafkaError._PARTITION_EOF:
                log.warning("error while reading commands", error=failure.str())
            return
        number, offset, value = message.partition(), message.offset(), message.value()
        assignment = None if number is None else self._assigned.get(number)
        if assignment is None or number is None or offset is None:
            return
        if value is None:
            assignment.skip(offset)
            return
        try:
            command = validate(DialCommand, value)
        except InvalidRecord as error:
            place = f"{self._topic}/{number}/{offset}"
            log.error("dead letter", source=place, field=error.field)
            # Neither the bytes nor the reason, which may quote them: they may hold the extension.
            reason = "does not fit the contract"
            self._dead_letters.send([Unusable(place, MASKED_INPUT, reason, error.field)])
            assignment.skip(offset)
            return
        assignment.read(offset)
        self._dialler.accept(command, number, lambda: assignment.complete(offset))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        numbers = [one.partition for one in partitions]
        log.info("partitions assigned", partitions=numbers)
        self._results.read(numbers)
        self._assigned |= {number: Assignment(number) for number in numbers}

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        self.commit()
        self._drop(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        self._drop(partitions)

    def _drop(self, partitions: list[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        log.info("partitions revoked", partitions=numbers)
        for number in numbers:
            self._dialler.revoke(number)
            self._assigned.pop(number, None)
            self._committed.pop(number, None)
