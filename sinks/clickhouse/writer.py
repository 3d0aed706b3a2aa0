"""One batch → ClickHouse, in the order that makes a crash anywhere in it harmless."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime import metrics
from sinks.clickhouse.batch import Batch
from sinks.clickhouse.database import Database
from sinks.clickhouse.dead_letters import DeadLetters
from sinks.clickhouse.positions import Positions


@dataclass(frozen=True)
class Writer:
    """Rows first, then dead letters, then positions.

    So a position never stands for a row that is not stored; a crash only makes the next start
    write some rows again, which the tables' keys make one.
    """

    database: Database
    dead_letters: DeadLetters
    positions: Positions

    def store(self, batch: Batch, topic_ids: Mapping[str, str]) -> None:
        """One attempt; what it did it takes off the batch, all but `nexts`.

        Raises StoreUnavailable, KafkaUnavailable: then try again with what is left.
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
