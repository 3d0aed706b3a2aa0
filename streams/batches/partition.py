"""A recovered partition: the state of its sessions, and its tables with their locks."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from schemas.topic import Topic
from streams.batches.partition_state import PartitionState
from streams.tables.packed_table import PackedTable


@dataclass(frozen=True, slots=True)
class LockedTable:
    """A partition's table. Under its lock, all that is in it is durable and published."""

    topic: Topic
    table: PackedTable
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Partition:
    """The co-partitioned tables of one partition number. `state` belongs to `sessions`."""

    number: int
    state: PartitionState
    sessions: LockedTable
    connections: LockedTable
    media: LockedTable

    @property
    def tables(self) -> tuple[LockedTable, ...]:
        """The tables that may become large."""
        return self.sessions, self.connections, self.media


class PartitionAccess(Protocol):
    """The partitions of a worker."""

    def assigned(self) -> list[int]:
        """The partitions that are this worker's and recovered; none while it is not live."""

    async def get(self, number: int) -> Partition:
        """The partition as of its last recovery; made ready at the first call."""

    def current(self, number: int) -> Partition | None:
        """The partition, if `get` has made it ready since its last recovery and nothing has
        failed."""
