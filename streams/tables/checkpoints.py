"""The checkpoint files of a worker: loading tables from them, and saving tables.

A worker that restarts with its files is live as soon as it has read the rest from Kafka.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from runtime import logs, metrics
from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from streams.consumed import TopicPartition
from streams.tables import checkpoint_file
from streams.tables.checkpoint_file import Header, Unusable
from streams.tables.packed_table import PackedTable

log = logs.get(__name__)

# Deletions stay in a changelog for a day (delete.retention.ms); an older file would lack some of
# them. Clocks may differ by seconds.
_MOST_SECONDS = 12 * 3600.0
_LEAST_SECONDS = -60.0
# The file of an unchanged table is written again before it becomes too old.
_ANEW_SECONDS = _MOST_SECONDS / 2
_FAILURES = (OSError, KafkaUnavailable, KafkaMisconfigured)


class Checkpoints:
    """Of one worker. `ids` asks Kafka for the ids of the changelogs' topics by name (raises
    KafkaUnavailable, KafkaMisconfigured), `clock` gives seconds since 1970."""

    def __init__(
        self,
        folder: Path,
        ids: Callable[[], dict[str, str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._ask = ids
        self._clock = clock
        self._ids: dict[str, str] = {}
        self._saved: dict[TopicPartition, tuple[int, float]] = {}  # up to which offset, and when

    async def load(self, tp: TopicPartition, table: PackedTable, end: int) -> int | None:
        """Load a table from its file. Returns the changelog offset to read on from, at most `end`.

        None if there is no usable file; the table is unchanged then.
        """
        path = self._path(tp)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file:
                header, pieces = checkpoint_file.read(file)
                self._check(header, await self._id(tp.topic), end)
                values: dict[bytes, bytes] = {}
                for piece in pieces:
                    values.update(table.repacked(header.dictionary, piece))
                    await asyncio.sleep(0)
        except (Unusable, *_FAILURES) as error:
            log.warning("saved table not used", file=str(path), reason=str(error))
            metrics.SAVED_TABLES.add(1, {"outcome": "not-used"})
            return None
        table.adopt(values, header.batch)
        self._saved[tp] = header.offset, header.saved_at
        metrics.SAVED_TABLES.add(1, {"outcome": "loaded"})
        return header.offset

    def saved_until(self, tp: TopicPartition) -> int:
        """The changelog offset up to which the file is complete; 0 if there is none, or it is
        old."""
        offset, saved_at = self._saved.get(tp, (0, 0.0))
        return offset if self._clock() - saved_at < _ANEW_SECONDS else 0

    async def save(
        self,
        tp: TopicPartition,
        packed: tuple[bytes, Mapping[bytes, bytes]],
        offset: int,
        batch: int,
    ) -> None:
        """Save a table (`PackedTable.packed`) that has all of its changelog before `offset`, and
        nothing that is not in its changelog. `batch` is the last one written and published.

        Errors are logged only: Kafka has the table.
        """
        dictionary, kept = packed
        try:
            identity = await self._id(tp.topic)
            header = Header(identity, offset, self._clock(), batch, len(kept), dictionary)
            await asyncio.to_thread(checkpoint_file.write, self._path(tp), header, kept)
        except _FAILURES as error:
            log.warning("table not saved", file=str(self._path(tp)), reason=str(error))
            metrics.SAVED_TABLES.add(1, {"outcome": "not-saved"})
        else:
            self._saved[tp] = offset, header.saved_at
            metrics.SAVED_TABLES.add(1, {"outcome": "saved"})

    def _check(self, header: Header, topic_id: str, end: int) -> None:
        age = self._clock() - header.saved_at
        if header.topic_id != topic_id:
            raise Unusable("its topic was deleted and made anew since")
        if header.offset > end:
            raise Unusable(f"it goes to offset {header.offset}, the topic only to {end}")
        if not _LEAST_SECONDS <= age <= _MOST_SECONDS:
            raise Unusable(f"it is {age:.0f} s old")

    async def _id(self, topic: str) -> str:
        if topic not in self._ids:
            self._ids = await asyncio.to_thread(self._ask)
        return self._ids[topic]

    def _path(self, tp: TopicPartition) -> Path:
        return self._folder / f"{tp.topic}-{tp.partition}.table"
