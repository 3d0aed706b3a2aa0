"""The worker's producer: makes the effects of batches durable, in order.

Effects of all partitions are sent in rounds: what waits when a round has been acknowledged is sent
in the next one. So many small batches cost few requests and few waits.
"""

import asyncio
from collections import Counter
from typing import Any

from confluent_kafka import KafkaError, Producer

from runtime import metrics
from runtime.kafka import KafkaSettings
from schemas import topics
from streams.batches.effects import Effects, Record

# Poll interval for acknowledgements: at first, and when it takes longer. Each acknowledgement needs
# the GIL, and a thread that waited in flush() would compete with the folds for it.
_FIRST_POLL_SECONDS = 0.0005
_LATER_POLL_SECONDS = 0.005
_CLOSE_SECONDS = 10.0
# Up to so many records are sent without linger, and usually acknowledged before other tasks run.
_FEW = 200
_FEW_SECONDS = 0.005


class DeliveryFailed(Exception):
    """Kafka refused a record permanently. The worker must stop: its tables are ahead of Kafka."""


class OrderedProducer:
    """Produces effects by librdkafka: idempotent, acks=all, partitions given."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._names = {topic.name: kafka.name(topic) for topic in topics.ALL}
        self._producer = Producer(
            kafka.producer(
                **{
                    "queue.buffering.max.messages": 2_000_000,
                    "queue.buffering.max.kbytes": 1_048_576,
                    # Long enough to gather a batch's records, too short to be noticed.
                    "linger.ms": 1,
                    # Never drop a record: a worker waits for Kafka as long as it takes.
                    "message.timeout.ms": 0,
                    # All is acknowledged when the queue is empty and no error was reported.
                    "delivery.report.only.error": True,
                }
            )
        )
        self._waiting: list[tuple[list[Record], asyncio.Future[None]]] = []
        self._rounds: asyncio.Task[None] | None = None
        self._failure: KafkaError | None = None

    def list_topics(self, timeout: float) -> Any:
        """The cluster's topics. Blocks; for any thread. Raises KafkaException."""
        return self._producer.list_topics(timeout=timeout)

    async def deliver(self, effects: Effects) -> None:
        """Send everything, each list after the one before it is acknowledged.

        Returns when Kafka has acknowledged all. Raises DeliveryFailed; KafkaException and
        BufferError of librdkafka, which all who wait in the same round get.
        """
        lists = (effects.joins, effects.state, effects.presence, effects.sweep_completions)
        for records in lists:
            if records:
                await self._acknowledgement(records)
                for topic, count in Counter(record.topic.name for record in records).items():
                    metrics.PUBLISHED.add(count, {"topic": topic})

    def _acknowledgement(self, records: list[Record]) -> "asyncio.Future[None]":
        acknowledged = asyncio.get_running_loop().create_future()
        self._waiting.append((records, acknowledged))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._send())
        return acknowledged

    async def _send(self) -> None:
        """Send rounds as long as something waits."""
        while self._waiting:
            await asyncio.sleep(0)  # deliveries that waited for the last round join this one
            sent, self._waiting = self._waiting, []
            error = await self._round([records for records, _ in sent])
            for _, acknowledged in sent:
                if acknowledged.cancelled():
                    continue
                if error is None:
                    acknowledged.set_result(None)
                else:
                    acknowledged.set_exception(error)

    async def _round(self, lists: list[list[Record]]) -> Exception | None:
        """Send and wait for acknowledgements. Returns the error, if any."""
        try:
            for records in lists:
                self._produce(records)
            if len(self._producer) <= _FEW:
                self._producer.flush(_FEW_SECONDS)
            await self._acknowledged()
        except Exception as error:  # raised in each waiting delivery
            return error
        return DeliveryFailed(self._failure.str()) if self._failure is not None else None

    def _produce(self, records: list[Record]) -> None:
        produce, delivered, names = self._producer.produce, self._delivered, self._names
        for record in records:
            name = names[record.topic.name]
            partition = -1 if record.partition is None else record.partition
            if record.headers is None:
                produce(name, record.value, record.key, partition, delivered)
            else:
                produce(
                    name, record.value, record.key, partition, delivered, headers=record.headers
                )

    async def _acknowledged(self) -> None:
        pause = _FIRST_POLL_SECONDS
        while len(self._producer):
            await asyncio.sleep(pause)
            self._producer.poll(0)
            pause = min(pause * 1.2, _LATER_POLL_SECONDS)

    def _delivered(self, error: KafkaError | None, message: object) -> None:
        del message
        self._failure = self._failure or error

    def close(self) -> None:
        """Wait for what was sent. What is not acknowledged will be folded again."""
        self._producer.flush(_CLOSE_SECONDS)
