"""Saves the worker's tables to files: each partition periodically, and all before a stop."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from runtime import logs
from runtime.kafka import KafkaSettings, KafkaUnavailable
from streams.batches.partition import PartitionAccess
from streams.consumed import TopicPartition
from streams.tables.checkpoints import Checkpoints

log = logs.get(__name__)

# A stop must not wait for Kafka while it is unavailable.
_SAVE_ALL_SECONDS = 15.0
# The cost of reading a changelog record at the next start, relative to that of writing a table
# entry at the stop. Both delay presence, so a table with few unsaved records is not saved.
_READ_COSTS = 4


class Checkpointer:
    """Saves the tables of a worker's partitions."""

    def __init__(
        self,
        partitions: PartitionAccess,
        changelog_ends: Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, int]]],
        files: Checkpoints,
        kafka: KafkaSettings,
        interval: timedelta,
    ) -> None:
        """`changelog_ends` returns the offsets after the last records; it raises KafkaUnavailable.
        `interval`: how often each partition is saved; zero for never."""
        self._partitions = partitions
        self._changelog_ends = changelog_ends
        self._files = files
        self._kafka = kafka
        self._interval = interval.total_seconds()
        self._saving = asyncio.Lock()  # two at once would write the same file
        self._is_last = False

    async def run(self) -> None:
        """Save one partition after another, until `save_all`."""
        while self._interval and not self._is_last:
            numbers = self._partitions.assigned()
            if not numbers:
                await asyncio.sleep(min(self._interval, 1.0))
            for number in numbers:
                await asyncio.sleep(self._interval / len(numbers))
                if not self._is_last:
                    await self._save(number)

    async def save_all(self) -> None:
        """Save the tables that are saved faster than read again, as far as there is time.

        To be called while everything still runs: a cancelled fold leaves more in the table than is
        durable. `run` saves nothing after it.
        """
        self._is_last = True
        try:
            async with asyncio.timeout(_SAVE_ALL_SECONDS):
                for number in self._partitions.assigned() if self._interval else ():
                    await self._save(number, unless_quicker_read=True)
        except TimeoutError:
            log.warning("not all tables saved", seconds=_SAVE_ALL_SECONDS)

    async def _save(self, number: int, *, unless_quicker_read: bool = False) -> None:
        async with self._saving:
            await self._save_tables(number, unless_quicker_read)

    async def _save_tables(self, number: int, unless_quicker_read: bool) -> None:
        partition = self._partitions.current(number)
        if partition is None:
            return
        # The ends first: records that are added to the table afterwards are only read once more.
        tables = {
            TopicPartition(self._kafka.name(one.topic), number): one for one in partition.tables
        }
        try:
            ends = await self._changelog_ends(list(tables))
        except KafkaUnavailable as error:
            log.warning("tables not saved", partition=number, reason=str(error))
            return
        for changelog, one in tables.items():
            unsaved = ends[changelog] - self._files.saved_until(changelog)
            is_quicker_read = unsaved * _READ_COSTS < len(one.table)
            if not unsaved or (unless_quicker_read and is_quicker_read):
                continue
            async with one.lock:
                if self._partitions.current(number) is not partition:
                    return
                packed, batch = one.table.packed(), partition.state.batch
            await self._files.save(changelog, packed, ends[changelog], batch)
