"""What operators see of a publisher: its metrics, and one log line a cause of trouble."""

from typing import Any, NamedTuple

from confluent_kafka import KafkaError

from producers.delivery_counts import DeliveryNews
from runtime import logs, metrics

log = logs.get(__name__)


class SpoolState(NamedTuple):
    """Records in the spool, whether it is full, whether records go through it."""

    spooled: int
    full: bool
    active: bool


class PublisherLog:
    """Not locked, and to be called while no lock is held: logging may block."""

    def __init__(self, name: str, dead_letters: str, spool_bytes: int) -> None:
        """`name` of the publisher, `dead_letters` is the topic's name, `spool_bytes` the bound."""
        self._name = name
        self._dead_letters = dead_letters
        self._spool_bytes = spool_bytes
        self._logged: set[str] = set()
        self.state = SpoolState(-1, full=False, active=False)

    def report(self, news: DeliveryNews, errors: list[KafkaError], state: SpoolState) -> None:
        """`errors`: of librdkafka, about the cluster."""
        for topic, count in news.published.items():
            metrics.PUBLISHED.add(count, {"topic": topic})
        for (topic, reason), count in news.refusals.items():
            self._refused(topic, reason, count)
        for error in errors:
            self.once(error.name(), detail=error.str())
        for cause in news.causes:
            self.once(cause)
        self._spool(state)
        if news.published and not state.active and not news.causes and not errors:
            self._logged.clear()

    def once(self, cause: str, **details: Any) -> None:
        """Log a cause of trouble, once until records flow again."""
        if cause not in self._logged:
            self._logged.add(cause)
            log.warning("publishing to Kafka fails", cause=cause, **details)

    def _spool(self, state: SpoolState) -> None:
        before, self.state = self.state, state
        if state.spooled != before.spooled:
            metrics.SPOOLED.set(state.spooled)
        if state.full != before.full or before.spooled < 0:
            metrics.SPOOL_FULL.set(int(state.full))
        if state.full and not before.full:
            log.error("queue and spool are full: the source is not read", bytes=self._spool_bytes)
        if before.full and not state.full:
            log.info("queue and spool have room again: the source is read")
        if state.active and not before.active:
            log.warning("records go to the spool", records=state.spooled)
        if before.active and not state.active:
            log.info("the spool is handed over: records go straight to Kafka")

    def _refused(self, topic: str, reason: str, count: int) -> None:
        metrics.PUBLISH_FAILURES.add(count, {"topic": topic, "reason": reason})
        if topic == self._dead_letters:
            log.error("Kafka refused a dead letter: given up", reason=reason, records=count)
            return
        log.error("Kafka refused records", topic=topic, reason=reason, records=count)
        count_dead_letter(self._name, reason, count)


def count_dead_letter(source: str, reason: str, count: int = 1) -> None:
    """`source` as `freeswitch/NODE`.

    What follows a colon in the reason may be a sender's own text: each would be a time series.
    """
    producer, _, node = source.partition("/")
    label = reason.partition(":")[0][:80]
    metrics.DEAD_LETTERS.add(count, {"source": producer, "node": node, "reason": label})
