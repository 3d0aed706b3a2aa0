"""Records read and not stored yet: rows by table, dead letters, the positions after them."""

from dataclasses import dataclass, field

from runtime.dead_letters import Unusable
from schemas.codec import InvalidRecord
from sinks.clickhouse.positions import Partition
from sinks.clickhouse.pseudonyms import Pseudonyms
from sinks.clickhouse.rows import Delivery, Row
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.tables import Table, to_row


@dataclass
class Batch:
    """Bounded by records, bytes and age (`settings`); `now` is a monotonic clock, in seconds."""

    settings: ClickHouseSettings
    rows: dict[str, list[Row]] = field(default_factory=dict)
    letters: list[Unusable] = field(default_factory=list)
    nexts: dict[Partition, int] = field(default_factory=dict)
    records: int = 0
    bytes: int = 0
    since: float | None = None
    pseudonyms: Pseudonyms | None = None

    def add(self, table: Table, read: Delivery, now: float) -> None:
        """Add one delivery: as a row, as a dead letter, or (a tombstone) as neither."""
        try:
            row = to_row(table, read)
        except InvalidRecord as error:
            self.letters.append(Unusable(read.origin, read.value or b"", error.reason, error.field))
        else:
            if row is not None:
                if self.pseudonyms is not None:
                    self.pseudonyms.hide(row)
                self.rows.setdefault(table.raw, []).append(row)
        self.nexts[read.topic, read.partition] = read.offset + 1
        self.records += 1
        self.bytes += len(read.value or b"")
        if self.since is None:
            self.since = now

    def due(self, now: float) -> bool:
        """Whether it must be written now."""
        return self.since is not None and (
            self.records >= self.settings.batch_rows
            or self.bytes >= self.settings.batch_bytes
            or now - self.since >= self.settings.batch_seconds
        )

    def clear(self) -> None:
        """Forget everything: it is stored, or another member of the group owns it now."""
        self.rows.clear()
        self.letters.clear()
        self.nexts.clear()
        self.records = self.bytes = 0
        self.since = None
