"""One batch → ClickHouse, in the order that makes a crash anywhere in it harmless."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime import metrics
from runtime.dead_letters import DeadLetters
from sinks.clickhouse.batch import Batch
from sinks.clickhouse.database import Database
from sinks.clickhouse.positions import Positions


@dataclass(frozen=True)
class Writer:
    """Rows first, then dead letters, then positions.

    So a position never stands for a row that is not stored. After a crash some rows are written
    again, and the tables' keys make each of them one.
    """

    database: Database
    dead_letters: DeadLetters
    positions: Positions

    def store(self, batch: Batch, topic_ids: Mapping[str, str]) -> None:
        """One attempt: removes from the batch what it has written, all but `nexts`.

        Raises StoreUnavailable, KafkaUnavailable: then try again with the rest of the batch.
        """
        while batch.rows:
            table, rows = next(iter(batch.rows.items()))
            self.database.insert(table, rows)
            del batch.rows[table]
            metrics.ROWS.add(len(rows), {"table": table.removesuffix("_raw")})
        if batch.letters:
            self.dead_letters.send(batch.letters)
            batch.letters.clear()
        if batch.nexts:
            self.positions.write(topic_ids, batch.nexts)
