"""The next offset of each partition: stored in ClickHouse, written after the rows before it.

Kafka's own commits follow it, and only show the lag. A position belongs to one incarnation of a
topic (Kafka's topic id): a topic that was deleted and made again is read from its beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sinks.clickhouse.database import Database

# (topic, partition)
Partition = tuple[str, int]


class PositionRow(msgspec.Struct, kw_only=True, gc=False):
    """`next` is the first offset that is not in the tables."""

    topic: str
    log: str
    partition: int
    next: int


@dataclass(frozen=True)
class Positions:
    """Reads and writes positions. `logs`: the id of each topic, by name."""

    database: Database

    def read(self, logs: Mapping[str, str]) -> dict[Partition, int]:
        """The next offset of each partition that has a position. Raises as Database.query."""
        rows = self.database.query("SELECT topic, log, partition, next FROM positions FINAL")
        return {
            (topic, partition): next_offset
            for topic, log, partition, next_offset in rows
            if logs.get(topic) == log
        }

    def write(self, logs: Mapping[str, str], nexts: Mapping[Partition, int]) -> None:
        """Store positions; of two of one partition the higher one counts. Raises as `read`."""
        self.database.insert(
            "positions",
            [
                PositionRow(topic=topic, log=logs[topic], partition=partition, next=offset)
                for (topic, partition), offset in nexts.items()
            ],
        )
