"""A producer of the worker: makes a batch's effects durable, in order."""

import asyncio

from confluent_kafka import KafkaError, Producer

from runtime import metrics
from runtime.kafka import KafkaSettings
from schemas import topics
from streams.effects import Effects, Record

# How often to look whether Kafka has acknowledged: at first, and when it takes longer. Each
# acknowledgement needs Python's lock; a thread that waited in flush() would fight the folds for it.
_FIRST_LOOK_SECONDS = 0.0005
_LATER_LOOK_SECONDS = 0.005
_CLOSE_SECONDS = 10.0
# So few records are sent without lingering and usually acknowledged before anything else could run.
_FEW = 50
_FEW_SECONDS = 0.002


class OutboxFailed(Exception):
    """Kafka refused a record for good. The worker must stop: its memory is ahead of the log."""


class Outbox:
    """Produces effects through librdkafka: idempotent, acks=all, partition given."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._names = {topic.name: kafka.name(topic) for topic in topics.ALL}
        self._producer = Producer(
            kafka.producer(
                **{
                    "queue.buffering.max.messages": 2_000_000,
                    "queue.buffering.max.kbytes": 1_048_576,
                    # Long enough for a batch's records to gather, too short to be noticed.
                    "linger.ms": 1,
                    # A worker that waits for Kafka is right; one that forgets is not.
                    "message.timeout.ms": 0,
                    # An empty queue and no error reported: all is acknowledged.
                    "delivery.report.only.error": True,
                }
            )
        )
        self._turn = asyncio.Lock()  # the queue is empty only if one at a time fills it
        self._failure: KafkaError | None = None

    async def settle(self, effects: Effects) -> None:
        """Send everything, each list after the one before it is acknowledged.

        Returns when Kafka has acknowledged all. Raises OutboxFailed.
        """
        for records in (effects.announcements, effects.state, effects.publications):
            if records:
                async with self._turn:
                    self._produce(records)
                    if len(records) <= _FEW:
                        self._producer.flush(_FEW_SECONDS)
                    await self._acknowledged()
                metrics.PUBLISHED.add(len(records), {"topic": records[0].topic.name})

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
        pause = _FIRST_LOOK_SECONDS
        while len(self._producer):
            await asyncio.sleep(pause)
            self._producer.poll(0)
            pause = min(pause * 1.2, _LATER_LOOK_SECONDS)
        if self._failure is not None:
            raise OutboxFailed(self._failure.str())

    def _delivered(self, error: KafkaError | None, message: object) -> None:
        del message
        self._failure = self._failure or error

    def close(self) -> None:
        """Everything settled is delivered already; what is not will be folded again."""
        self._producer.flush(_CLOSE_SECONDS)
