"""Publishes the events of a producer to Kafka: encoded, in order, and never dropped.

What can be lost: nothing by `close` (SIGTERM); by SIGKILL or a power failure at most what Kafka
had not acknowledged and the spool did not hold yet: the last second (`silence_seconds`) of a
Kafka that has just fallen silent, or the unacknowledged tail of one that works.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException

from producers.delivery import Delivery, Limits
from producers.delivery_thread import DeliveryThread
from producers.envelope import dead_letter_record, event_record
from producers.kafka_session import KafkaSession
from producers.native_threads import allocate_lock
from producers.publisher_log import PublisherLog, count_dead_letter
from producers.publisher_settings import PublisherSettings, librdkafka_options
from producers.record import Record
from producers.spool import Spool
from producers.topic_partitions import TopicPartitions
from runtime import logs
from runtime.kafka import KafkaSettings, translate
from schemas.topic import Topic
from schemas.topics import DEAD_LETTERS

__all__ = ["Publisher", "PublisherClosed", "PublisherSettings"]

log = logs.get(__name__)

# Poll interval of a caller that waits for room or for the end, seconds.
_WAIT = 0.005


class PublisherClosed(Exception):
    """The publisher accepts nothing more: the stage is ending. This event was not accepted."""


class Publisher:
    """One a producer process. Thread-safe; usable from gevent greenlets, patched or not.

    A thread of its own serves librdkafka and the spool. What an earlier run left in
    the spool is published before anything new.
    """

    def __init__(self, kafka: KafkaSettings, settings: PublisherSettings, name: str) -> None:
        """`name` is the spool's file and the source of its dead letters: `freeswitch/NODE`.

        Raises spool.SpoolInUse, spool.SpoolUnwritable, and runtime.kafka.KafkaMisconfigured for
        settings librdkafka does not know. Kafka need not be reachable.
        """
        self._kafka = kafka
        self._settings = settings
        self._name = name
        spool = Spool(settings.spool_folder, name)
        options = librdkafka_options(kafka, settings)
        limits = Limits(
            settings.queue_max_records, settings.spool_max_bytes, settings.silence_seconds
        )
        try:
            self._delivery = Delivery(
                lambda: KafkaSession(options), spool, limits, self._dead_letter_of
            )
        except KafkaException as error:
            spool.close()
            raise translate(error, kafka) from error
        self._partitions = TopicPartitions(kafka, self._delivery)
        self._lock = allocate_lock()
        self._waiting = 0  # callers in publish() that wait for room
        self._never_wait = False
        self._closed = False
        publisher_log = PublisherLog(name, kafka.name(DEAD_LETTERS), settings.spool_max_bytes)
        self._thread = DeliveryThread(self._delivery, self._lock, self._partitions, publisher_log)
        if spool.count:
            log.info("the spool holds records of an earlier run", records=spool.count)
        self._thread.start()

    def publish(self, topic: Topic, key: str, event: Any, *, partition: int | None = None) -> None:
        """Accept one event for `topic`; returns at once, or when there is room for it again.

        Blocks the calling thread while queue and spool are full: the caller stops reading its
        source. Kafka acknowledges later (`flush`, `status`). Raises PublisherClosed.
        """
        ratio = self._settings.trace_ratio
        self._accept(
            event_record(self._kafka, topic, key, event, partition=partition, trace_ratio=ratio)
        )

    def publish_everywhere(self, topic: Topic, key: str, event: Any) -> None:
        """One copy to every partition, each in order with what was published before it."""
        for partition in range(self._partitions.count(topic)):
            self.publish(topic, key, event, partition=partition)

    def dead_letter(
        self, source: str, payload: bytes, reason: str, field: str | None = None
    ) -> None:
        """Keep input that could not be used; `source` is its key, as `freeswitch/NODE`.

        Never raises on what the arguments hold: payload and texts are cut to the contract.
        """
        ratio = self._settings.trace_ratio
        self._accept(
            dead_letter_record(self._kafka, source, payload, reason, field, trace_ratio=ratio)
        )
        count_dead_letter(source, reason)

    def hindrance(self) -> str | None:
        """Why published events may not be joined with the rest, if so (Stage.hindrances)."""
        return self._partitions.trouble

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; whether Kafka has acknowledged everything accepted."""
        deadline = time.monotonic() + timeout
        while self.status()["undelivered"]:
            if time.monotonic() > deadline:
                return False
            time.sleep(_WAIT)
        return True

    def stop_waiting(self) -> None:
        """From now on `publish` never waits: the spool takes the rest beyond its bound.

        For the stop signal (`Stage.on_stop`): a caller that waits for room in the main thread could
        not come to `close` otherwise. Takes no lock, so safe in a signal handler.
        """
        self._never_wait = True

    def close(self, timeout: float) -> None:
        """Accept no more, wait up to `timeout` seconds for Kafka, keep the rest on disk.

        Callers waiting in `publish` get their record in. The next start publishes the spool first.
        Raises spool.SpoolUnwritable if the disk refuses what Kafka did not take.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = self._thread.closing = True
        deadline = time.monotonic() + timeout
        while self._waiting:
            time.sleep(_WAIT)
        self.flush(deadline - time.monotonic())
        self._thread.end()
        with self._lock:
            self._delivery.end(timeout=1.0)
        self._thread.report()
        left = self._delivery.counts.undelivered
        if left:
            log.warning("closed before Kafka had all: the spool keeps the rest", records=left)

    def status(self) -> dict[str, Any]:
        """Counts of records: this run's, and what is still to be delivered, earlier runs' too."""
        with self._lock:
            delivery, counts = self._delivery, self._delivery.counts
            return {
                "accepted": counts.accepted,
                "acknowledged": counts.acknowledged,
                "undelivered": counts.undelivered,
                "spooled": delivery.spooled,
                "spool_full": delivery.full,
                "refused": counts.refused,
            }

    def _accept(self, record: Record) -> None:
        with self._lock:
            if self._closed:
                raise PublisherClosed(f"publisher {self._name} is closed")
            if self._delivery.accept(record, force=self._never_wait):
                return
            self._waiting += 1
        with self._counted_as_waiting():
            while True:
                time.sleep(_WAIT)  # under gevent's patches other greenlets run meanwhile
                with self._lock:
                    if self._delivery.accept(record, force=self._never_wait or self._closed):
                        return

    @contextmanager
    def _counted_as_waiting(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _dead_letter_of(self, record: Record, reason: str) -> Record | None:
        """The dead letter of a record Kafka refused; None when that was a dead letter itself."""
        if record.topic == self._kafka.name(DEAD_LETTERS):
            return None
        return dead_letter_record(
            self._kafka, self._name, record.value, f"{record.topic}: {reason}"
        )
