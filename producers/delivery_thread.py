"""The thread beside a publisher that serves librdkafka and the spool, until it is ended."""

import time
from typing import Any

from producers.delivery import Delivery
from producers.native_threads import start_new_thread
from producers.publisher_log import PublisherLog, SpoolState
from producers.spool import SpoolUnwritable
from producers.topic_partitions import TopicPartitions

# Poll intervals in seconds: of this thread, of it while the spool drains, of who waits for its end.
_IDLE, _DRAINING = 0.1, 0.01
_WAIT = 0.005


class DeliveryThread:
    """A real thread, also under gevent. `lock` is the one under which Delivery is used."""

    def __init__(
        self,
        delivery: Delivery,
        lock: Any,
        partitions: TopicPartitions,
        publisher_log: PublisherLog,
    ) -> None:
        self._delivery = delivery
        self._lock = lock
        self._partitions = partitions
        self._log = publisher_log
        self._stopped = self._ended = False
        self.closing = False  # nothing more is accepted

    def start(self) -> None:
        """Start the thread."""
        start_new_thread(self._serve, ())

    def end(self) -> None:
        """Stop the thread, and wait for it."""
        self._stopped = True
        while not self._ended:
            time.sleep(_WAIT)

    def report(self) -> None:
        """Give what is new to metrics and the log; outside the lock."""
        with self._lock:
            delivery = self._delivery
            news = delivery.counts.take_news()
            state = SpoolState(delivery.spooled, delivery.full, delivery.spooling)
            errors, delivery.session.errors[:] = list(delivery.session.errors), []
        if self.closing:
            state = state._replace(active=self._log.state.active)  # that it ends is no news
        self._log.report(news, errors, state)

    def _serve(self) -> None:
        """The thread: it must outlive whatever goes wrong in a round."""
        while not self._stopped:
            try:
                session = self._delivery.session
                reports = session.reports(_DRAINING if self._delivery.spooling else _IDLE)
                with self._lock:
                    self._delivery.take_reports(reports)
                    try:
                        self._delivery.advance()
                    except SpoolUnwritable as error:
                        self._delivery.counts.news.causes.add(str(error))
                self.report()
                self._partitions.check(self._log.once)
            except Exception as error:
                self._log.once(f"delivery: {error!r}", exc_info=True)
                time.sleep(_IDLE)
        self._ended = True
