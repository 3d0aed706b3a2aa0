"""When the worker saves its tables: each partition once in a while, and all before it stops."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, Protocol

from runtime import logs
from runtime.kafka import KafkaUnavailable
from streams.consumed import TopicPartition
from streams.tables.checkpoints import SavedTables
from streams.tables.packed_table import PackedTable

log = logs.get(__name__)

# A stop must not wait for a Kafka that is away.
_SAVE_ALL_SECONDS = 15.0
# What reading a record of a changelog costs the next start, beside what writing an entry of a table
# costs the stop. Both keep presence waiting, so a table of which little is not saved is left so.
_READ_COSTS = 4


class Held(NamedTuple):
    """A table of a partition. Under its lock, all that is in it is durable and published."""

    changelog: TopicPartition
    table: PackedTable
    lock: asyncio.Lock


class Holder(Protocol):
    """Whose tables are saved."""

    def held(self, number: int) -> list[Held]:
        """The tables of a partition; none when they are not this worker's, or it has failed."""

    def last_batch(self, number: int) -> int:
        """The number of the last batch folded into the partition's sessions."""

    async def ends(self, changelogs: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets after the last records. Raises KafkaUnavailable."""


class Saver:
    """Of one worker."""

    def __init__(
        self,
        holder: Holder,
        assigned: Callable[[], list[int]],
        files: SavedTables,
        interval: timedelta,
    ) -> None:
        """`assigned`: the partitions that are recovered, none while the worker is not live.
        `interval`: how often each partition is saved; zero for never."""
        self._holder = holder
        self._assigned = assigned
        self._files = files
        self._interval = interval.total_seconds()
        self._saving = asyncio.Lock()  # two at a time would write one file
        self._is_last = False

    async def run(self) -> None:
        """Save one partition after the other, until all are saved at the end."""
        while self._interval and not self._is_last:
            numbers = self._assigned()
            if not numbers:
                await asyncio.sleep(min(self._interval, 1.0))
            for number in numbers:
                await asyncio.sleep(self._interval / len(numbers))
                if not self._is_last:
                    await self._save(number)

    async def save_all(self) -> None:
        """Save what is quicker saved than read again, as far as there is time, and none after that.

        While everything still runs: a fold that is cancelled leaves more in the table than is
        durable.
        """
        self._is_last = True
        try:
            async with asyncio.timeout(_SAVE_ALL_SECONDS):
                for number in self._assigned() if self._interval else ():
                    await self._save(number, unless_quicker_read=True)
        except TimeoutError:
            log.warning("not all tables saved", seconds=_SAVE_ALL_SECONDS)

    async def _save(self, number: int, *, unless_quicker_read: bool = False) -> None:
        async with self._saving:
            await self._save_tables(number, unless_quicker_read)

    async def _save_tables(self, number: int, unless_quicker_read: bool) -> None:
        # The ends first: what comes into the table afterwards will only be read once more.
        tables = self._holder.held(number)
        try:
            ends = await self._holder.ends([held.changelog for held in tables])
        except KafkaUnavailable as error:
            log.warning("tables not saved", partition=number, reason=str(error))
            return
        for held in tables:
            unsaved = ends[held.changelog] - self._files.saved_up_to(held.changelog)
            is_quicker_read = unsaved * _READ_COSTS < len(held.table)
            if not unsaved or (unless_quicker_read and is_quicker_read):
                continue
            async with held.lock:
                if not any(held.table is now.table for now in self._holder.held(number)):
                    return
                packed, batch = held.table.packed(), self._holder.last_batch(number)
            await self._files.save(held.changelog, packed, ends[held.changelog], batch)
