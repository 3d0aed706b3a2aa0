"""Every accepted record reaches Kafka, once at least and in order: through memory, or the spool.

Records are numbered as they are accepted. While Kafka acknowledges, they go straight to
librdkafka. When it falls silent, copies of those librdkafka holds are written to the spool, and
later records go to the spool only; from there they are handed to librdkafka, as many at a time as
its queue may hold, in the order of their numbers. librdkafka keeps its own queue and order and
retries for ever, so its records always come before the spool's, and the spool's before new ones:
the order per key is kept in both directions. A row leaves the spool when Kafka has acknowledged it.

When librdkafka loses its thread (fatal error, a record given up) it is replaced, and everything
not acknowledged is handed over again from the oldest on: repeats are possible, with the same ids.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from producers.kafka_session import (
    KafkaSession,
    QueueFull,
    RecordRefused,
    Report,
    SessionFailed,
    Verdict,
)
from producers.record import Record
from producers.spool import Spool, SpoolUnwritable

# Rows read from the spool at a time.
_CHUNK = 500
# A record this many times older than `silence` means a part of the cluster is away.
_STUCK = 10
# Seconds between sessions that get nothing acknowledged: doubling from the first to the last.
_BACKOFF_FIRST, _BACKOFF_LAST = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: records handed to librdkafka, bytes in the spool, seconds without an answer."""

    queue_records: int
    spool_bytes: int
    silence: float


class Delivery:
    """Who goes next. Not locked: Publisher calls every method under its one lock."""

    def __init__(
        self,
        open_session: Callable[[], KafkaSession],
        spool: Spool,
        limits: Limits,
        dead_letter: Callable[[Record, str], Record | None],
    ) -> None:
        """`dead_letter` makes what stands in for a refused record; None: it is given up."""
        self._open_session = open_session
        self._spool = spool
        self._limits = limits
        self._dead_letter = dead_letter
        self.session = open_session()
        # Handed to librdkafka, not reported: the record, when it was handed, whether in the spool.
        self._handed: OrderedDict[int, tuple[Record, float, bool]] = OrderedDict()
        self._copied = True  # whether all of them are in the spool
        self._next = spool.last + 1
        self._handed_through = 0  # rows of the spool above this number wait
        self._acknowledged_rows: list[tuple[int, Record]] = []  # to be removed from the spool
        self._suspects: set[int] = set()  # refused in a batch; each is tried alone
        self._restart = False
        self._backoff = _BACKOFF_FIRST
        self._not_before = 0.0
        self._progress = time.monotonic()
        self._inherited = spool.count
        self.spooling = spool.count > 0
        self.full = False
        self.accepted = self.acknowledged = self.refused = 0
        self._given_up = 0  # dead letters Kafka refused in their turn
        # News for metrics and the log, until the publisher takes it.
        self.published: Counter[str] = Counter()  # by topic
        self.refusals: Counter[tuple[str, str]] = Counter()  # by topic and reason
        self.causes: set[str] = set()

    @property
    def undelivered(self) -> int:
        """Records accepted, in this run or an earlier one, that Kafka has not acknowledged."""
        return self._inherited + self.accepted - self.acknowledged - self._given_up

    @property
    def spooled(self) -> int:
        """Records in the spool that Kafka has not acknowledged."""
        return self._spool.count - len(self._acknowledged_rows)

    def take(self, record: Record, *, force: bool = False) -> bool:
        """Accept one record, or say False: there is no room, try again later.

        With `force` the spool takes it beyond its bound; raises SpoolUnwritable, then only.
        """
        if not self.spooling and not self._restart:
            room = len(self._handed) < self._limits.queue_records
            if room and self._hand(self._next, record, spooled=False):
                self._accept()
                return True
            if self._answers() and not self._restart and not force:
                return False  # a full queue in front of a working Kafka: gone in a moment
        if not force and self._spool.size >= self._limits.spool_bytes:
            self.full = True
            return False
        try:
            self._begin_spooling()
            self._spool.append(self._next, record)
        except SpoolUnwritable as error:
            if force:
                raise
            self.causes.add(str(error))
            self.full = True
            return False
        self._accept()
        return True

    def settle(self, reports: list[Report]) -> None:
        """Take note of what librdkafka reported. Never raises."""
        for number, verdict, error in reports:
            if number not in self._handed:
                continue
            if error is None:
                self._acknowledge(number)
            elif verdict is Verdict.REFUSED and number in self._suspects:
                self._refuse_suspect(number, RecordRefused(error))
            else:
                if verdict is Verdict.REFUSED:
                    self._suspects.add(number)
                self._restart = True
                self.causes.add(f"{error.name()}: {error.str()}")

    def advance(self) -> None:
        """Do what is due: begin to spool, replace librdkafka, hand over, forget. Call it often.

        Raises SpoolUnwritable; nothing is lost then, call it again.
        """
        if self._restart:
            self._replace_session()
        if not self.spooling and not self._answers():
            self._begin_spooling()
        if self.spooling and time.monotonic() >= self._not_before:
            self._drain()
        if self._acknowledged_rows:
            self._spool.remove_all(self._acknowledged_rows)
            self._acknowledged_rows = []
        elif not self._spool.count:
            self._spool.trim()

    def end(self, patience: float) -> None:
        """Put on disk what Kafka has not acknowledged, and stop.

        Raises SpoolUnwritable: what only memory holds is lost if the process ends now.
        """
        self._begin_spooling()
        self.settle(self.session.end(patience))
        if self._acknowledged_rows:
            self._spool.remove_all(self._acknowledged_rows)
        self._spool.close()

    def _accept(self) -> None:
        self.full = False
        self._next += 1
        self.accepted += 1

    def _answers(self) -> bool:
        if not self._handed:
            return True
        now, silence = time.monotonic(), self._limits.silence
        _, oldest, _ = next(iter(self._handed.values()))
        return now - self._progress < silence and now - oldest < _STUCK * silence

    def _begin_spooling(self) -> None:
        if not self._copied:  # asked first: the queue is long, and this is called for each record
            handed = self._handed
            copies = [(n, record) for n, (record, _, spooled) in handed.items() if not spooled]
            self._spool.append_all(copies)
            for number, record in copies:
                handed[number] = (record, handed[number][1], True)
            self._copied = True
        if not self.spooling:
            self.spooling = True
            self._handed_through = self._next - 1

    def _drain(self) -> None:
        while self._handed_through < self._spool.last:
            room = self._limits.queue_records - len(self._handed)
            if room <= 0 or not self._suspects.isdisjoint(self._handed):
                return
            rows = self._spool.after(self._handed_through, min(room, _CHUNK))
            if not rows:
                break
            for number, record in rows:
                alone = number in self._suspects
                if alone and self._handed:
                    return
                if not self._hand(number, record, spooled=True):
                    return
                self._handed_through = number
                if alone:
                    return
        if self._answers():
            self.spooling = False

    def _hand(self, number: int, record: Record, *, spooled: bool) -> bool:
        """To librdkafka, or its dead letter if it is refused; False when it cannot go now."""
        try:
            self.session.hand(number, record)
        except RecordRefused as error:
            return self._refuse(number, record, error, spooled=spooled)
        except QueueFull:
            return False
        except SessionFailed as error:
            self.causes.add(str(error))
            self._restart = True
            return False
        now = time.monotonic()
        if not self._handed:
            self._progress = now
        self._handed[number] = (record, now, spooled)
        self._copied = self._copied and spooled
        return True

    def _refuse(self, number: int, record: Record, error: RecordRefused, *, spooled: bool) -> bool:
        """Hand over the dead letter under the record's own number; False when it cannot go now."""
        letter = self._dead_letter(record, f"Kafka refused it: {error.reason}: {error}")
        if letter is None:
            self._given_up += 1
            if spooled:
                self._acknowledged_rows.append((number, record))
        elif spooled:
            self._spool.replace(number, record, letter)
        self._count_refusal(record, error)
        return letter is None or self._hand(number, letter, spooled=spooled)

    def _count_refusal(self, record: Record, error: RecordRefused) -> None:
        self.refused += 1
        self.refusals[record.topic, error.reason] += 1

    def _refuse_suspect(self, number: int, error: RecordRefused) -> None:
        record, _, spooled = self._handed[number]
        try:
            if not self._refuse(number, record, error, spooled=spooled):
                self._restart = True  # the letter is in the spool, and is read from there
        except SpoolUnwritable as unwritable:
            self.causes.add(str(unwritable))
            self._restart = True  # still in the spool: tried again, alone
            return
        self._suspects.discard(number)
        if self._handed[number][0] is record:
            del self._handed[number]

    def _acknowledge(self, number: int) -> None:
        record, _, spooled = self._handed.pop(number)
        if spooled:
            self._acknowledged_rows.append((number, record))
        self._suspects.discard(number)
        self.acknowledged += 1
        self.published[record.topic] += 1
        self._progress = time.monotonic()
        self._backoff = _BACKOFF_FIRST

    def _replace_session(self) -> None:
        self._begin_spooling()
        self._restart = False
        self.settle(self.session.end(patience=1.0))
        self._handed.clear()
        self._handed_through = 0
        self.session = self._open_session()
        self._not_before = time.monotonic() + self._backoff
        self._backoff = min(self._backoff * 2, _BACKOFF_LAST)
