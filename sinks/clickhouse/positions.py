"""Where each partition is read on from: kept in ClickHouse, written after the rows it stands for.

Kafka's own commits follow it and are only for watching the lag. A position is of one incarnation
of a topic (Kafka's topic id): a topic that was deleted and made anew is read from its beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
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
    """Reads and writes resume positions."""

    database: Database
    kafka: KafkaSettings
    admin: AdminClient

    def logs(self, topics: set[str], timeout: float = 10.0) -> dict[str, str]:
        """The id Kafka gave to each topic. Raises KafkaUnavailable, KafkaMisconfigured."""
        if not topics:
            return {}
        found = self.admin.describe_topics(TopicCollection(sorted(topics)), request_timeout=timeout)
        try:
            return {topic: str(future.result(timeout).topic_id) for topic, future in found.items()}
        except KafkaException as error:
            raise translate(error, self.kafka) from error
        except TimeoutError as error:
            raise KafkaUnavailable(
                f"Kafka at {self.kafka.bootstrap_servers}: no description of the topics"
            ) from error

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
