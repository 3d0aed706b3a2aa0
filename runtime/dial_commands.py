"""Writes commands of rollcall.dial-commands: for the command line and the gateway alike."""

from functools import cached_property

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.kafka import KafkaSettings, no_answer, translate
from schemas.cloudevents import headers
from schemas.codec import encode
from schemas.dialling import DialCommand
from schemas.topics import DIAL_COMMANDS

_TIMEOUT_SECONDS = 10.0


class DialCommands:
    """One producer. Thread-safe."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._topic = kafka.name(DIAL_COMMANDS)

    @cached_property
    def _producer(self) -> Producer:
        """Made by the first command: most processes that could ask for calls never do."""
        timeout = int(_TIMEOUT_SECONDS * 1000)
        return Producer(self._kafka.producer(**{"linger.ms": 0, "message.timeout.ms": timeout}))

    def send(self, command: DialCommand) -> None:
        """Return when Kafka has it. Raises KafkaUnavailable, KafkaMisconfigured: send it again
        with the same key."""
        producer = self._producer
        outcomes: list[KafkaError | None] = []

        def acknowledged(error: KafkaError | None, message: Message) -> None:
            del message
            outcomes.append(error)

        about = headers(
            DIAL_COMMANDS,
            id=f"{command.key}/{command.at.timestamp():.6f}",
            source="rollcall/dialling",
            subject=command.key,
            time=command.at,
        )
        try:
            producer.produce(
                self._topic,
                encode(command),
                command.key.encode(),
                headers=about,
                on_delivery=acknowledged,
            )
        except (KafkaException, BufferError) as error:
            raise no_answer(self._kafka, str(error)) from error
        producer.flush(_TIMEOUT_SECONDS + 2)
        if not outcomes:
            raise no_answer(self._kafka, "the command was not acknowledged")
        if outcomes[0] is not None:
            raise translate(KafkaException(outcomes[0]), self._kafka)
