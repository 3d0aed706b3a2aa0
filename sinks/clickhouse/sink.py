"""Kafka → ClickHouse: reads every topic, writes batches of rows, and stores its positions."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from runtime import logs
from runtime.dead_letters import DeadLetters
from runtime.kafka import KafkaSettings, topic_ids
from runtime.lag import LagMeter
from runtime.stage import StageStopped
from sinks.clickhouse.batch import Batch
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StoreUnavailable
from sinks.clickhouse.positions import Partition, Positions
from sinks.clickhouse.pseudonyms import pseudonyms
from sinks.clickhouse.reader import Reader
from sinks.clickhouse.retry import retry
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.tables import TABLES, VIEWS
from sinks.clickhouse.writer import Writer

T = TypeVar("T")
NAME = "clickhouse"
_COUNTS = " UNION ALL ".join(f"SELECT '{view}', count() FROM {view}" for view in VIEWS)
_READ_SECONDS = 0.1
# While a write is retried: so soon a stop is noticed.
_RETRY_READ_SECONDS = 0.5
_LETTER_SECONDS = 30.0
_log = logs.get(__name__)


class Sink:
    """One member of the group. `run` in one thread; `status` from any."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: ClickHouseSettings,
        database: Database,
        stop: threading.Event,
        on_assigned: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is monotonic, in seconds."""
        self._kafka = kafka
        self._settings = settings
        self._database = database
        self._stop = stop
        self._clock = clock
        self._tables = {kafka.name(table.topic): table for table in TABLES}
        self._positions = Positions(database)
        letters = DeadLetters(NAME, kafka, counted_as="undecodable", timeout=_LETTER_SECONDS)
        self._writer = Writer(database, letters, self._positions)
        self._batch = Batch(settings, pseudonyms=pseudonyms(settings))
        self._topic_ids: dict[str, str] = {}
        self._nexts: dict[Partition, int] = {}
        self._failure: str | None = None
        self._lag = LagMeter(NAME, clock=clock)
        # What is not written when partitions are revoked is read again by their next owner, from
        # the positions in ClickHouse.
        self._reader = Reader(kafka, self._tables, on_assigned, on_revoked=self._batch.clear)

    def run(self) -> None:
        """Work until `stop` is set, then write what is read and leave the group.

        Raises KafkaMisconfigured, StoreMisconfigured.
        """
        try:
            while not self._stop.is_set():
                self._read(_READ_SECONDS)
                if self._reader.unplaced:
                    self._place()
                if self._batch.due(self._clock()):
                    self._write()
            self._write()
        except StageStopped as error:
            _log.warning("stopped before the last batch was written", error=str(error))
        finally:
            self._batch.clear()
            self._reader.close()

    def status(self) -> dict[str, Any]:
        """Rows each view shows (null: not answered in time), and next offsets by topic."""
        nexts: dict[str, dict[str, int]] = {}
        for (topic, partition), offset in sorted(self._nexts.copy().items()):
            nexts.setdefault(topic, {})[str(partition)] = offset
        return {
            "store": self._settings.place,
            "database": self._settings.database,
            "rows": self._counts(),
            "next_offsets": nexts,
            "waiting_records": self._batch.records,
            "failure": self._failure,
        }

    def _counts(self) -> dict[str, int | None]:
        try:
            return {str(view): int(rows) for view, rows in self._database.query(_COUNTS, seconds=5)}
        except StoreUnavailable:
            return dict.fromkeys(VIEWS)

    def _read(self, seconds: float) -> None:
        now = self._clock()
        for read in self._reader.read(seconds):
            self._batch.add(self._tables[read.topic], read, now)
        self._lag.measure(self._stored, self._reader.end_of)

    def _stored(self) -> dict[Partition, int]:
        return {key: at for key, at in self._nexts.items() if key in self._reader.placed}

    def _place(self) -> None:
        """Start each partition where ClickHouse's tables end."""
        positions = self._retry(self._lookup)
        placed = self._reader.place(positions)
        self._nexts = {key: positions[key] for key in placed if key in positions}

    def _lookup(self) -> dict[Partition, int]:
        names = {partition.topic for partition in self._reader.unplaced}
        self._topic_ids = topic_ids(self._kafka, names) if names else {}
        return self._positions.read(self._topic_ids)

    def _write(self) -> None:
        """Store the batch, however long ClickHouse is unavailable; nothing is read meanwhile."""
        self._retry(self._store)

    def _store(self) -> None:
        """One attempt; a revocation between two may have emptied the batch."""
        self._writer.store(self._batch, self._topic_ids)
        if self._batch.nexts:
            self._nexts |= self._batch.nexts
            self._reader.commit(self._batch.nexts, wait=self._stop.is_set())
        self._batch.clear()

    def _retry(self, do: Callable[[], T]) -> T:
        """`do()` until it works. Raises StageStopped, and what waiting cannot mend."""
        done = retry(do, self._stop, self._settings.retry_seconds, self._pause, self._failed)
        self._reader.resume()
        self._failure = None
        return done

    def _pause(self, seconds: float) -> None:
        """Spend a pause between two attempts in the group, with its partitions paused."""
        self._reader.pause()
        until = self._clock() + seconds
        while not self._stop.is_set() and (left := until - self._clock()) > 0:
            self._read(min(left, _RETRY_READ_SECONDS))

    def _failed(self, error: Exception) -> None:
        self._failure = str(error)
