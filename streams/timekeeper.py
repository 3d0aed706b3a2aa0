"""Work that is due without a new event: sweeps, ends of grace, expired leases."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from streams.batches.partition import PartitionAccess

# How often it checks what is due.
TICK_SECONDS = 0.25


class Timekeeper:
    """Folds what is due in a worker's partitions. `clock` is the worker's clock."""

    def __init__(
        self,
        partitions: PartitionAccess,
        fold_due: Callable[[int], Awaitable[object]],
        check_leases: Callable[[], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._partitions = partitions
        self._fold_due = fold_due
        self._check_leases = check_leases
        self._clock = clock

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.tick()

    async def tick(self) -> None:
        """Do everything that is due."""
        for number in self._partitions.assigned():
            if (await self._partitions.get(number)).state.is_due(self._clock()):
                await self._fold_due(number)
        await self._check_leases()
