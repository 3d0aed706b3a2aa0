"""A producer of the worker: makes a batch's effects durable, in order."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaError, Producer

from runtime import metrics
from runtime.kafka import KafkaSettings
from streams.effects import Effects, Record


class OutboxFailed(Exception):
    """Kafka refused a record for good. The worker must stop: its memory is ahead of the log."""


class Outbox:
    """Produces effects through librdkafka: idempotent, acks=all, partition given."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer = Producer(
            kafka.producer(
                **{
                    "queue.buffering.max.messages": 2_000_000,
                    "queue.buffering.max.kbytes": 1_048_576,
                    # flush() sends at once; until then a batch gathers.
                    "linger.ms": 5,
                    # A worker that waits for Kafka is right; one that forgets is not.
                    "message.timeout.ms": 0,
                    # An empty queue and no error reported: all is acknowledged.
                    "delivery.report.only.error": True,
                }
            )
        )
        self._flusher = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._failure: KafkaError | None = None
        self._lock = threading.Lock()

    async def settle(self, effects: Effects) -> None:
        """Send everything, each list after the one before it is acknowledged.

        Returns when Kafka has acknowledged all. Raises OutboxFailed.
        """
        for records in (effects.announcements, effects.state, effects.publications):
            if records:
                await self._send(records)

    async def _send(self, records: list[Record]) -> None:
        produce = self._producer.produce
        for record in records:
            options: dict[str, Any] = {}
            if record.partition is not None:
                options["partition"] = record.partition
            produce(
                self._kafka.name(record.topic),
                record.value,
                record.key,
                headers=record.headers,
                on_delivery=self._delivered,
                **options,
            )
        await asyncio.get_running_loop().run_in_executor(self._flusher, self._producer.flush)
        if self._failure is not None:
            raise OutboxFailed(self._failure.str())
        metrics.PUBLISHED.add(len(records), {"topic": records[0].topic.name})

    def _delivered(self, error: KafkaError | None, message: object) -> None:
        del message
        if error is not None:
            with self._lock:
                self._failure = self._failure or error

    def close(self) -> None:
        """Stop the flusher; everything settled is delivered already."""
        self._flusher.shutdown()
