"""Results to and from Kafka: durable before anything is done by them, and read back at a start."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import gevent
from confluent_kafka import KafkaException, Message, Producer

from dialling.memory import Memory
from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from runtime.log_reader import read_to_end
from runtime.topic_parts import Part
from schemas.cloudevents import Headers, headers
from schemas.codec import InvalidRecord, decode, encode
from schemas.dialling import DialResult
from schemas.topics import DIAL_RESULTS

_POLL_SECONDS = 0.002


class Results:
    """Writes from greenlets: waiting for Kafka stops no other call."""

    def __init__(self, kafka: KafkaSettings, memory: Memory) -> None:
        self._kafka = kafka
        self._topic = kafka.name(DIAL_RESULTS)
        self._memory = memory
        self._producer = Producer(kafka.producer(**{"linger.ms": 0}))

    def put(self, partition: int, result: DialResult) -> None:
        """Write one and remember it; returns when Kafka has acknowledged it.

        Raises KafkaUnavailable, KafkaMisconfigured: then nothing may be done by it.
        """
        about = headers(
            DIAL_RESULTS,
            id=f"{result.key}/{result.state}/{len(result.timeline)}",
            source="rollcall/dialling",
            subject=result.key,
            time=result.at,
            kind=result.state,
        )
        # The key's partition is that of its command.
        self._write(result.key, encode(result), about)
        self._memory.put(partition, result)

    def drop_old(self, now: datetime) -> None:
        """Forget what is older than a day, here and in Kafka. Raises as `put`."""
        for key in list(self._memory.drop_old(now)):
            self._write(key, None, [])

    def read(self, partitions: Iterable[int]) -> None:
        """Fill the memory from these partitions. Raises KafkaUnavailable, KafkaMisconfigured."""
        part = Part(DIAL_RESULTS, tuple(partitions))
        for message in read_to_end(self._kafka, part, "dialling-results"):
            number, value = message.partition(), message.value()
            if value is None:
                continue
            try:
                self._memory.put(number, decode(DialResult, value))
            except InvalidRecord:
                continue  # of another version: as if it were not there

    def close(self) -> None:
        """Wait up to 5 seconds for what was written."""
        self._producer.flush(5)

    def _write(self, key: str, value: bytes | None, about: Headers) -> None:
        outcomes: list[Any] = []

        def acknowledged(error: Any, message: Message) -> None:
            del message
            outcomes.append(error)

        try:
            self._producer.produce(
                self._topic, value, key.encode(), headers=about, on_delivery=acknowledged
            )
        except (KafkaException, BufferError) as error:
            raise KafkaUnavailable(f"{self._topic}: {error}") from error
        while not outcomes:
            self._producer.poll(0)
            gevent.sleep(_POLL_SECONDS)
        if outcomes[0] is not None:
            raise translate(KafkaException(outcomes[0]), self._kafka)
