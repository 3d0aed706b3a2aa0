"""Recovery of the tables: each fetched batch of a changelog is applied to its table at once.

Faust's own recovery costs a message, an event, a queue entry and an asyncio task for each record,
and in a rebalance it reads the partitions again that the worker keeps. When to recover, up to which
offset, and what follows remain Faust's.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from faust.tables import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from runtime import logs
from streams.consumed import FetchedRecord
from streams.tables.packed_table import PackedTable

log = logs.get(__name__)

Load = Callable[[TP, PackedTable, int], Awaitable[int | None]]
CheckAssignment = Callable[[set[TP]], Awaitable[None]]


class BatchRecovery(Recovery):  # type: ignore[misc]  # Faust is untyped
    """Recovers from batches that the consumer passes on. There are no standbys (see make_app)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Changelog partitions recovered to their ends, and owned by this worker since.
        self.whole: set[TP] = set()
        # Loads an empty table from its checkpoint file; returns the offset to read on from, at most
        # the given end, or None.
        self.load: Load | None = None

    def restore(self, tp: TP, batch: list[FetchedRecord]) -> None:
        """Apply records of a changelog partition, in order, to its table.

        Records of a partition that is not being recovered, or that it has already, are skipped.
        """
        seen = self.active_offsets.get(tp)
        if not self.in_recovery or tp not in self.active_tps or seen is None:
            return
        if batch[0].offset <= seen:
            batch = [record for record in batch if record.offset > seen]
        if batch:
            self.tp_to_table[tp].partition(tp.partition).restore(batch)
            self.active_offsets[tp] = batch[-1].offset

    def reached(self, positions: dict[TP, int]) -> None:
        """Note from where partitions are read next, and end the recovery when all are read.

        All before a position must have been restored. The last offsets of a partition may have no
        records any more (compaction), so the records alone do not show its end.
        """
        for tp, position in positions.items():
            seen = self.active_offsets.get(tp)
            if tp in self.active_tps and seen is not None:
                self.active_offsets[tp] = max(seen, position - 1)
        if positions and not self.need_recovery():
            took = time.monotonic() - (self._recovery_started_at or 0.0)
            log.info("tables restored", partitions=len(self.active_tps), seconds=round(took, 3))
            self._set_recovery_ended()
            self.signal_recovery_end.set()

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        if generation_id == self.app.consumer_generation_id:
            self.whole |= self.active_tps
        await super().on_recovery_completed(generation_id)

    async def _build_offsets(
        self, consumer: Any, tps: set[TP], destination: Counter[TP], title: str
    ) -> None:
        """Skip partitions in `whole`: this worker wrote everything after their recovery.

        New partitions are read from the end of their checkpoint file.
        """
        fresh = [tp for tp in tps - self.whole if destination.get(tp) is None]
        loaded = await self._load(fresh)
        for tp, offset in loaded.items():
            destination[tp] = offset
        await super()._build_offsets(consumer, tps, destination, title)
        for tp, offset in loaded.items():
            if destination[tp] != offset:  # the records between are no longer in Kafka
                self.tp_to_table[tp].partition(tp.partition).adopt({}, 0)
        for tp in tps & self.whole:
            destination[tp] = max(destination[tp], self.active_highwaters[tp])

    async def _load(self, fresh: list[TP]) -> dict[TP, int]:
        """The last offset in the file of each partition whose file is usable."""
        loaded: dict[TP, int] = {}
        if self.load is None:
            return loaded
        for tp in fresh:
            table = self.tp_to_table[tp].partition(tp.partition)
            offset = await self.load(tp, table, self.active_highwaters[tp] + 1)
            if offset is not None:
                loaded[tp] = offset - 1
        if loaded:
            log.info("tables loaded", tables=len(loaded))
        return loaded

    def _set_recovery_started(self) -> None:
        self.signal_recovery_end.clear()
        super()._set_recovery_started()

    @Service.task  # type: ignore[untyped-decorator]  # Faust is untyped
    async def _slurp_changelogs(self) -> None:
        """Disabled: no changelog record arrives through the queue."""

    @Service.task  # type: ignore[untyped-decorator]  # Faust is untyped
    async def _publish_stats(self) -> None:
        async for _ in self.itertimer(self.stats_interval, name="Recovery.stats"):
            if self.in_recovery:
                log.info("restoring tables", remaining=self.active_remaining_total())


class BatchTables(TableManager):  # type: ignore[misc]  # Faust is untyped
    """Faust's table manager with the batch recovery."""

    _recovery: Any = None
    # Called with each assignment, before anything of it is recovered or read.
    check_assignment: CheckAssignment | None = None
    # The consumer's name in its group, and the group's generation, as of the last rebalance.
    _membership: tuple[str, int] = ("", 0)

    @property
    def recovery(self) -> Any:
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """As Faust's, but a partition is kept only if no other worker can have owned it meanwhile.

        Faust compares the assignments. A worker that was removed from the group, or missed a
        generation, may get a partition again that another worker wrote to: it is recovered anew.
        """
        if self.check_assignment is not None:
            await self.check_assignment(assigned)
        member = self.app.consumer.member_id
        kept = bool(member) and self._membership == (member, generation_id - 1)
        self._membership = (member, generation_id)
        fresh = newly_assigned if kept else assigned
        self.recovery.whole -= revoked | fresh
        # Faust drops the old offset of a partition only when it is revoked, and not even then if
        # two rebalances follow each other quickly.
        for tp in fresh:
            self.recovery.revoke(tp)
        await super().on_rebalance(assigned, revoked, fresh, generation_id)

    async def on_start(self) -> None:
        """As Faust's, without its sleep of a second for tables that are added late: none are."""
        await self._update_channels()
        await self.recovery.start()
