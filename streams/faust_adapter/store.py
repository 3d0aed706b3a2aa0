"""Table store: bytes by key, one table a partition, written by the fold and by recovery."""

import faust
from faust.stores.memory import Store
from faust.types import TP

from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer


class PartitionedStore(Store):  # type: ignore[misc]  # Faust is untyped
    """In-memory store whose values are the changelog's bytes, compressed and undecoded.

    Bytes take less memory than objects, and recovery need not decode.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._packer = Packer()
        self._partitions: dict[int, PackedTable] = {}

    def partition(self, number: int) -> PackedTable:
        """The live table of one partition."""
        known = self._partitions.get(number)
        if known is None:
            known = self._partitions[number] = PackedTable(self._packer)
        return known

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Drop revoked and new partitions: recovery reads them, deletions included."""
        del assigned, generation_id
        changelog = self.table.changelog_topic_name
        for tp in revoked | newly_assigned:
            if tp.topic == changelog:
                self._partitions.pop(tp.partition, None)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        del active_tps, standby_tps


class PartitionedTable(faust.Table):  # type: ignore[misc]  # Faust is untyped
    """A Faust table on that store; batches write the store and its changelog themselves."""

    def _new_store(self) -> PartitionedStore:
        return PartitionedStore(
            "memory://",
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            value_type=bytes,
            loop=self.loop,
        )

    def partition(self, number: int) -> PackedTable:
        """The live table of one partition."""
        store: PartitionedStore = self.data
        return store.partition(number)
