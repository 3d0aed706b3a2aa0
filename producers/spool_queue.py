"""The spool as a queue: its rows are handed over in order, and removed once Kafka has them."""

from producers.record import Record
from producers.spool import Spool

# Rows read from the spool at a time.
_CHUNK = 500


class SpoolQueue:
    """Rows above `handed_through` wait. Raises SpoolUnwritable from methods that use the disk."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._acknowledged: list[tuple[int, Record]] = []  # to be removed
        self.handed_through = 0

    @property
    def count(self) -> int:
        """Records in the spool that Kafka has not acknowledged."""
        return self._spool.count - len(self._acknowledged)

    @property
    def size(self) -> int:
        """Bytes in the spool."""
        return self._spool.size

    @property
    def waits(self) -> bool:
        """Whether rows are still to be handed over."""
        return self.handed_through < self._spool.last

    def append_all(self, numbered: list[tuple[int, Record]]) -> None:
        """Keep all of them, or none."""
        self._spool.append_all(numbered)

    def waiting(self, limit: int) -> list[tuple[int, Record]]:
        """The next rows to hand over."""
        return self._spool.after(self.handed_through, min(limit, _CHUNK))

    def replace(self, number: int, old: Record, new: Record) -> None:
        """Put a dead letter in the place of a refused record."""
        self._spool.replace(number, old, new)

    def acknowledge(self, number: int, record: Record) -> None:
        """A row is done with: `flush` removes it."""
        self._acknowledged.append((number, record))

    def flush(self) -> None:
        """Remove what is done with; give space back to the file system when nothing is left."""
        if self._acknowledged:
            self._spool.remove_all(self._acknowledged)
            self._acknowledged = []
        elif not self._spool.count:
            self._spool.trim()

    def close(self) -> None:
        """Remove what is done with, and close the file."""
        if self._acknowledged:
            self._spool.remove_all(self._acknowledged)
        self._spool.close()
