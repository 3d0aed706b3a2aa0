"""What becomes of a record that Kafka refuses: its dead letter takes its place and its number.

Kafka refuses a whole batch for one record. So each record of the batch is suspected, and handed
over again alone: only one that is refused then is at fault.
"""

from collections.abc import Callable, Collection

from producers.delivery_counts import DeliveryCounts
from producers.kafka_session import RecordRefused
from producers.record import Record
from producers.spool_queue import SpoolQueue


class Refusals:
    """`dead_letter` makes what stands in for a refused record; None: it is given up."""

    def __init__(
        self,
        dead_letter: Callable[[Record, str], Record | None],
        spool: SpoolQueue,
        counts: DeliveryCounts,
    ) -> None:
        self._dead_letter = dead_letter
        self._spool = spool
        self._counts = counts
        self._suspects: set[int] = set()

    def suspect(self, number: int) -> None:
        """The record was refused in a batch: hand it over alone."""
        self._suspects.add(number)

    def is_suspect(self, number: int) -> bool:
        return number in self._suspects

    def clear(self, number: int) -> None:
        """The record is acknowledged, or replaced."""
        self._suspects.discard(number)

    def any_suspect(self, numbers: Collection[int]) -> bool:
        """Whether one of these records is suspected."""
        return not self._suspects.isdisjoint(numbers)

    def replace(
        self, number: int, record: Record, error: RecordRefused, *, spooled: bool
    ) -> Record | None:
        """The dead letter to hand over instead; None where there is none. Raises SpoolUnwritable.

        In the spool it takes the record's place.
        """
        letter = self._dead_letter(record, f"Kafka refused it: {error.reason}: {error}")
        if letter is None:
            self._counts.given_up += 1
            if spooled:
                self._spool.acknowledge(number, record)
        elif spooled:
            self._spool.replace(number, record, letter)
        self._counts.refuse(record.topic, error.reason)
        return letter
