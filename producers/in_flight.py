"""Records handed to librdkafka whose delivery report has not come yet, oldest first. Pure."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from producers.record import Record

# Kafka counts as silent when the oldest record is so many times older than `silence`, though others
# are acknowledged: a part of the cluster is away.
_STUCK = 10


class Handed(NamedTuple):
    """A record, when it was handed over, and whether the spool holds it, too."""

    record: Record
    at: float
    spooled: bool


class InFlight:
    """Keyed by the records' numbers. Times are seconds of one monotonic clock."""

    def __init__(self, silence: float) -> None:
        """`silence`: seconds without an acknowledgement after which Kafka counts as away."""
        self._silence = silence
        self._records: OrderedDict[int, Handed] = OrderedDict()
        self._all_spooled = True
        self._progress = 0.0

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, number: object) -> bool:
        return number in self._records

    def __getitem__(self, number: int) -> Handed:
        return self._records[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._records)

    def add(self, number: int, record: Record, now: float, *, spooled: bool) -> None:
        if not self._records:
            self._progress = now
        self._records[number] = Handed(record, now, spooled)
        self._all_spooled = self._all_spooled and spooled

    def acknowledge(self, number: int, now: float) -> Handed:
        """Kafka has the record."""
        self._progress = now
        return self._records.pop(number)

    def remove(self, number: int) -> None:
        del self._records[number]

    def clear(self) -> None:
        self._records.clear()

    def is_answered(self, now: float) -> bool:
        """Whether Kafka acknowledges, as far as can be seen: also where it has nothing to."""
        if not self._records:
            return True
        oldest = next(iter(self._records.values())).at
        return now - self._progress < self._silence and now - oldest < _STUCK * self._silence

    def not_spooled(self) -> list[tuple[int, Record]]:
        """The records that only memory holds."""
        if self._all_spooled:  # first, for this is asked for each record and the queue is long
            return []
        return [(number, one.record) for number, one in self._records.items() if not one.spooled]

    def spooled(self) -> None:
        """The spool holds all of them now."""
        if self._all_spooled:
            return
        for number, one in self._records.items():
            self._records[number] = one._replace(spooled=True)
        self._all_spooled = True
