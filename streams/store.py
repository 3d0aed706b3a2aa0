"""Table store: bytes by key, one dictionary a partition, written by the fold and by recovery."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import faust
from faust.stores.memory import Store
from faust.types import TP


class PartitionedStore(Store):  # type: ignore[misc]
    """In-memory store whose values are the changelog's bytes, undecoded.

    Bytes take less memory than objects (DESIGN §4), and recovery need not decode.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.partitions: dict[int, dict[bytes, bytes]] = defaultdict(dict)

    def apply_changelog_batch(
        self,
        batch: Iterable[Any],
        to_key: Callable[[Any], Any],
        to_value: Callable[[Any], Any],
    ) -> None:
        del to_key, to_value
        for event in batch:
            message = event.message
            if message.value is None:
                self.partitions[message.partition].pop(message.key, None)
            else:
                self.partitions[message.partition][message.key] = message.value

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Forget what is not ours: recovery reads it anew, deletions included."""
        del assigned, generation_id
        changelog = self.table.changelog_topic_name
        for tp in revoked | newly_assigned:
            if tp.topic == changelog:
                self.partitions.pop(tp.partition, None)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        del active_tps, standby_tps


class PartitionedTable(faust.Table):  # type: ignore[misc]
    """A Faust table on that store; agents write the store and its changelog themselves."""

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

    def partition(self, number: int) -> dict[bytes, bytes]:
        """The live dictionary of one partition."""
        store: PartitionedStore = self.data
        return store.partitions[number]
