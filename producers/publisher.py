"""The way from every producer into Kafka: encoded, addressed, in order, and never dropped.

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
from producers.envelope import dead_letter_record, event_record
from producers.kafka_session import KafkaSession
from producers.native_threads import allocate_lock, start_new_thread
from producers.publisher_settings import PublisherSettings, librdkafka_options
from producers.record import Record
from producers.spool import Spool, SpoolUnwritable
from runtime import logs, metrics
from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable, translate
from runtime.partition_counts import PartitionCounts
from schemas.topics import DEAD_LETTERS, Topic

__all__ = ["Publisher", "PublisherClosed", "PublisherSettings"]

log = logs.get(__name__)

# Seconds between two looks: a caller that waits for room or for the end; the delivery thread.
_WAIT = 0.005
_IDLE, _DRAINING = 0.1, 0.01
_METADATA_PATIENCE = 1.0


class PublisherClosed(Exception):
    """The publisher takes nothing any more: the stage is ending. The event was not accepted."""


class Publisher:
    """One a producer process. Thread-safe; usable from gevent greenlets, patched or not.

    A thread of its own (a real one) serves librdkafka and the spool. What an earlier run left in
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
        self._spool_bound = settings.spool_max_bytes
        spool = Spool(settings.spool_folder, name)
        options = librdkafka_options(kafka, settings)
        limits = Limits(
            settings.queue_max_records, settings.spool_max_bytes, settings.silence_seconds
        )
        try:
            self._delivery = Delivery(lambda: KafkaSession(options), spool, limits, self._stand_in)
        except KafkaException as error:
            spool.close()
            raise translate(error, kafka) from error
        self._partitions: dict[str, int] = {}
        self._counts = PartitionCounts(kafka, self._list_topics)
        self._check_seconds = kafka.partition_check_interval.total_seconds()
        self._next_check = time.monotonic()
        self._lock = allocate_lock()
        self._waiting = 0  # callers in publish() that wait for room
        self._never_wait = False
        self._closed = self._stopped = self._thread_ended = False
        self._told: set[str] = set()
        self._gauges: tuple[int, bool, bool] = (-1, False, False)
        if spool.count:
            log.info("spool holds records of an earlier run", records=spool.count)
        start_new_thread(self._serve, ())

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
        for partition in range(self._partition_count(topic)):
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
        _count_dead_letter(source, reason)

    def hindrance(self) -> str | None:
        """Why what is published may not be joined with the rest, if so (Stage.hindrances)."""
        return self._counts.trouble

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
            self._closed = True
        deadline = time.monotonic() + timeout
        while self._waiting:
            time.sleep(_WAIT)
        self.flush(deadline - time.monotonic())
        self._stopped = True
        while not self._thread_ended:
            time.sleep(_WAIT)
        with self._lock:
            self._delivery.end(patience=1.0)
        self._tell()
        left = self._delivery.undelivered
        if left:
            log.warning("closed before Kafka had everything: the spool keeps it", records=left)

    def status(self) -> dict[str, Any]:
        """Counts of records: this run's, and what is still to be delivered, earlier runs' too."""
        with self._lock:
            delivery = self._delivery
            return {
                "accepted": delivery.accepted,
                "acknowledged": delivery.acknowledged,
                "undelivered": delivery.undelivered,
                "spooled": delivery.spooled,
                "spool_full": delivery.full,
                "refused": delivery.refused,
            }

    def _accept(self, record: Record) -> None:
        with self._lock:
            if self._closed:
                raise PublisherClosed(f"publisher {self._name} is closed")
            if self._delivery.take(record, force=self._never_wait):
                return
            self._waiting += 1
        with self._counted_as_waiting():
            while True:
                time.sleep(_WAIT)  # under gevent's patches other greenlets run meanwhile
                with self._lock:
                    if self._delivery.take(record, force=self._never_wait or self._closed):
                        return

    @contextmanager
    def _counted_as_waiting(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _partition_count(self, topic: Topic) -> int:
        name = self._kafka.name(topic)
        if name not in self._partitions and not self._delivery.spooling:
            found = self._delivery.session.partitions(name, _METADATA_PATIENCE)
            if found is not None:
                self._partitions[name] = found
        return self._partitions.get(name, self._kafka.partitions)

    def _stand_in(self, record: Record, reason: str) -> Record | None:
        """The dead letter of a record Kafka refused; None when that was a dead letter itself."""
        if record.topic == self._kafka.name(DEAD_LETTERS):
            return None
        return dead_letter_record(
            self._kafka, self._name, record.value, f"{record.topic}: {reason}"
        )

    def _serve(self) -> None:
        """The delivery thread: it must outlive whatever goes wrong in a round."""
        while not self._stopped:
            try:
                session = self._delivery.session
                reports = session.reports(_DRAINING if self._delivery.spooling else _IDLE)
                with self._lock:
                    self._delivery.settle(reports)
                    try:
                        self._delivery.advance()
                    except SpoolUnwritable as error:
                        self._delivery.causes.add(str(error))
                self._tell()
                self._check_counts()
            except Exception as error:
                self._tell_once(f"delivery: {error!r}", exc_info=True)
                time.sleep(_IDLE)
        self._thread_ended = True

    def _check_counts(self) -> None:
        """Now and then, while Kafka answers."""
        now = time.monotonic()
        if now < self._next_check or self._delivery.spooling:
            return
        self._next_check = now + self._check_seconds
        try:
            self._counts.look(_METADATA_PATIENCE)
        except (KafkaUnavailable, KafkaMisconfigured) as error:
            self._tell_once(f"topics: {error}")

    def _list_topics(self, timeout: float) -> Any:
        return self._delivery.session.list_topics(timeout)

    def _tell(self) -> None:
        """News since the last time, to metrics and the log; outside the lock."""
        with self._lock:
            delivery = self._delivery
            published, refusals, causes = delivery.published, delivery.refusals, delivery.causes
            delivery.published, delivery.refusals, delivery.causes = (
                type(published)(),
                type(refusals)(),
                set(),
            )
            spooling = self._gauges[2] if self._closed else delivery.spooling  # the end is no news
            gauges = delivery.spooled, delivery.full, spooling
            errors, delivery.session.errors[:] = list(delivery.session.errors), []
        for topic, count in published.items():
            metrics.PUBLISHED.add(count, {"topic": topic})
        for (topic, reason), count in refusals.items():
            self._tell_refusal(topic, reason, count)
        for error in errors:
            self._tell_once(error.name(), detail=error.str())
        for cause in causes:
            self._tell_once(cause)
        self._tell_gauges(*gauges)
        if published and not gauges[2] and not causes and not errors:
            self._told.clear()

    def _tell_gauges(self, spooled: int, full: bool, spooling: bool) -> None:
        before_spooled, before_full, before_spooling = self._gauges
        self._gauges = spooled, full, spooling
        if spooled != before_spooled:
            metrics.SPOOLED.set(spooled)
        if full != before_full or before_spooled < 0:
            metrics.SPOOL_FULL.set(int(full))
        if full and not before_full:
            log.error("queue and spool are full: the source is not read", bytes=self._spool_bound)
        if before_full and not full:
            log.info("there is room again: the source is read")
        if spooling and not before_spooling:
            log.warning("records go through the spool", records=spooled)
        if before_spooling and not spooling:
            log.info("the spool is handed over: records go straight to Kafka")

    def _tell_refusal(self, topic: str, reason: str, count: int) -> None:
        metrics.PUBLISH_FAILURES.add(count, {"topic": topic, "reason": reason})
        if topic == self._kafka.name(DEAD_LETTERS):
            log.error("Kafka refused a dead letter: given up", reason=reason, records=count)
            return
        log.error("Kafka refused records", topic=topic, reason=reason, records=count)
        _count_dead_letter(self._name, reason, count)

    def _tell_once(self, cause: str, **details: Any) -> None:
        if cause not in self._told:
            self._told.add(cause)
            log.warning("trouble on the way to Kafka", cause=cause, **details)


def _count_dead_letter(source: str, reason: str, count: int = 1) -> None:
    """What follows a colon may be a sender's own words: each would make a time series for ever."""
    producer, _, node = source.partition("/")
    label = reason.partition(":")[0][:80]
    metrics.DEAD_LETTERS.add(count, {"source": producer, "node": node, "reason": label})
