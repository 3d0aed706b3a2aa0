"""Every accepted record reaches Kafka, once at least and in order: through memory, or the spool.

Records are numbered as they are accepted. While Kafka acknowledges, they go straight to
librdkafka. When it falls silent, copies of those librdkafka holds are written to the spool, and
later records go to the spool only; from there they are handed to librdkafka, as many at a time as
its queue may hold, in the order of their numbers. librdkafka keeps its own queue and order and
retries for ever, so its records always come before the spool's, and the spool's before new ones:
the order per key is kept in both directions. A row leaves the spool when Kafka has acknowledged it.

When librdkafka fails (fatal error, a record given up) it is replaced, and everything
not acknowledged is handed over again from the oldest on: repeats are possible, with the same ids.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from producers.delivery_counts import DeliveryCounts
from producers.in_flight import InFlight
from producers.kafka_session import (
    KafkaSession,
    Outcome,
    QueueFull,
    RecordRefused,
    Report,
    SessionFailed,
)
from producers.record import Record
from producers.refusals import Refusals
from producers.spool import Spool, SpoolUnwritable
from producers.spool_queue import SpoolQueue

# Seconds between sessions that get nothing acknowledged: doubling from the first to the last.
_BACKOFF_FIRST, _BACKOFF_LAST = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: records handed to librdkafka, bytes in the spool, seconds without an answer."""

    queue_records: int
    spool_bytes: int
    silence: float


class Delivery:
    """Which record goes next. Not locked: Publisher calls every method under its one lock."""

    def __init__(
        self,
        open_session: Callable[[], KafkaSession],
        spool: Spool,
        limits: Limits,
        dead_letter: Callable[[Record, str], Record | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dead_letter` as for Refusals."""
        self._open_session = open_session
        self._limits = limits
        self._clock = clock
        self._spool = SpoolQueue(spool)
        self._in_flight = InFlight(limits.silence)
        self._next = spool.last + 1
        self._restart = False
        self._backoff = _BACKOFF_FIRST
        self._not_before = 0.0
        self.session = open_session()
        self.counts = DeliveryCounts(inherited=spool.count)
        self._refusals = Refusals(dead_letter, self._spool, self.counts)
        self.spooling = spool.count > 0
        self.full = False

    @property
    def spooled(self) -> int:
        """Records in the spool that Kafka has not acknowledged."""
        return self._spool.count

    def accept(self, record: Record, *, force: bool = False) -> bool:
        """Accept one record; False where there is no room: try again later.

        With `force` the spool takes it beyond its bound; raises SpoolUnwritable, then only.
        """
        if not self.spooling and not self._restart:
            room = len(self._in_flight) < self._limits.queue_records
            if room and self._hand_over(self._next, record, spooled=False):
                self._accepted()
                return True
            if self._is_answered() and not self._restart and not force:
                return False  # a full queue before a working Kafka: there will be room soon
        if not force and self._spool.size >= self._limits.spool_bytes:
            self.full = True
            return False
        try:
            self._begin_spooling()
            self._spool.append_all([(self._next, record)])
        except SpoolUnwritable as error:
            if force:
                raise
            self.counts.news.causes.add(str(error))
            self.full = True
            return False
        self._accepted()
        return True

    def take_reports(self, reports: list[Report]) -> None:
        """Act on librdkafka's delivery reports. Never raises."""
        for number, outcome, error in reports:
            if number not in self._in_flight:
                continue
            if error is None:
                self._acknowledged(number)
            elif outcome is Outcome.REFUSED and self._refusals.is_suspect(number):
                self._refused_alone(number, RecordRefused(error))
            else:
                if outcome is Outcome.REFUSED:
                    self._refusals.suspect(number)
                self._restart = True
                self.counts.news.causes.add(f"{error.name()}: {error.str()}")

    def advance(self) -> None:
        """Do what is due: begin to spool, replace librdkafka, hand over, remove. Call it often.

        Raises SpoolUnwritable; nothing is lost then, call it again.
        """
        if self._restart:
            self._replace_session()
        if not self.spooling and not self._is_answered():
            self._begin_spooling()
        if self.spooling and self._clock() >= self._not_before:
            self._drain()
        self._spool.flush()

    def end(self, timeout: float) -> None:
        """Put on disk what Kafka has not acknowledged within so many seconds, and stop.

        Raises SpoolUnwritable: what only memory holds is lost if the process ends now.
        """
        self._begin_spooling()
        self.take_reports(self.session.end(timeout))
        self._spool.close()

    def _accepted(self) -> None:
        self.full = False
        self._next += 1
        self.counts.accepted += 1

    def _is_answered(self) -> bool:
        return self._in_flight.is_answered(self._clock())

    def _begin_spooling(self) -> None:
        if copies := self._in_flight.not_spooled():
            self._spool.append_all(copies)
            self._in_flight.spooled()
        if not self.spooling:
            self.spooling = True
            self._spool.handed_through = self._next - 1

    def _drain(self) -> None:
        """Hand over rows of the spool, as far as the queue has room."""
        while self._spool.waits:
            room = self._limits.queue_records - len(self._in_flight)
            if room <= 0 or self._refusals.any_suspect(self._in_flight):
                return
            rows = self._spool.waiting(room)
            if not rows:
                break
            for number, record in rows:
                alone = self._refusals.is_suspect(number)
                if alone and len(self._in_flight):
                    return
                if not self._hand_over(number, record, spooled=True):
                    return
                self._spool.handed_through = number
                if alone:
                    return
        if self._is_answered():
            self.spooling = False

    def _hand_over(self, number: int, record: Record, *, spooled: bool) -> bool:
        """To librdkafka, or its dead letter if it is refused; False when it cannot go now."""
        try:
            self.session.produce(number, record)
        except RecordRefused as error:
            return self._refuse(number, record, error, spooled=spooled)
        except QueueFull:
            return False
        except SessionFailed as error:
            self.counts.news.causes.add(str(error))
            self._restart = True
            return False
        self._in_flight.add(number, record, self._clock(), spooled=spooled)
        return True

    def _refuse(self, number: int, record: Record, error: RecordRefused, *, spooled: bool) -> bool:
        """Hand over the dead letter under the record's own number; False when it cannot go now."""
        letter = self._refusals.replace(number, record, error, spooled=spooled)
        return letter is None or self._hand_over(number, letter, spooled=spooled)

    def _refused_alone(self, number: int, error: RecordRefused) -> None:
        record, _, spooled = self._in_flight[number]
        try:
            if not self._refuse(number, record, error, spooled=spooled):
                self._restart = True  # the letter is in the spool, and is read from there
        except SpoolUnwritable as unwritable:
            self.counts.news.causes.add(str(unwritable))
            self._restart = True  # still in the spool: tried again, alone
            return
        self._refusals.clear(number)
        if self._in_flight[number].record is record:
            self._in_flight.remove(number)

    def _acknowledged(self, number: int) -> None:
        record, _, spooled = self._in_flight.acknowledge(number, self._clock())
        if spooled:
            self._spool.acknowledge(number, record)
        self._refusals.clear(number)
        self.counts.acknowledge(record.topic)
        self._backoff = _BACKOFF_FIRST

    def _replace_session(self) -> None:
        self._begin_spooling()
        self._restart = False
        self.take_reports(self.session.end(timeout=1.0))
        self._in_flight.clear()
        self._spool.handed_through = 0
        self.session = self._open_session()
        self._not_before = self._clock() + self._backoff
        self._backoff = min(self._backoff * 2, _BACKOFF_LAST)
