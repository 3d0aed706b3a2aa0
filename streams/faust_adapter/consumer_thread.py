"""The consumer's thread: Faust's. Its aiokafka keeps the membership and the offsets, and reads
nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.faust_adapter.ends import EndsUnknown


class GroupThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped
    """Faust's consumer thread; the records are read by streams/faust_adapter/reader.py."""

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Pause them all first: aiokafka would fetch them too."""
        self._consumer.pause(*map(driver.ensure_aiokafka_TP, assigned))
        await super().on_partitions_assigned(assigned, generation_id)

    async def committed(self) -> Mapping[Any, int | None]:
        """The committed offsets of all assigned partitions, by one request: aiokafka makes one for
        each, one after the other, and presence stands still meanwhile. None or -1 where there is
        none. Raises IllegalStateError where one is revoked."""
        found: Mapping[Any, int | None] = await self.call_thread(self._committed)
        return found

    async def _committed(self) -> Mapping[Any, int | None]:
        consumer = self._consumer
        partitions = consumer.assignment()
        if not partitions:
            raise IllegalStateError("no partition is assigned")
        known = await consumer._coordinator.fetch_committed_offsets(list(partitions))
        return {tp: known[tp].offset if tp in known else None for tp in partitions}

    async def ends(self, partitions: list[TP]) -> Mapping[Any, int]:
        """The ends of partitions. Not by the thread's queue of calls, which a broker that does not
        answer would hold up. Raises EndsUnknown, and what ended the group's membership."""
        asked = asyncio.run_coroutine_threadsafe(self._ends(partitions), self.thread_loop)
        return await asyncio.wrap_future(asked)

    async def _ends(self, partitions: list[TP]) -> Mapping[Any, int]:
        try:
            # aiokafka leaves the group if it is not asked for records (max_poll_interval_ms), and
            # raises here what it cannot recover from.
            await self._consumer.getmany(timeout_ms=0)
        except ConsumerStoppedError as error:  # the worker ends
            raise EndsUnknown("the consumer has stopped") from error
        try:
            ends: Mapping[Any, int] = await self._consumer.end_offsets(partitions)
        except KafkaError as error:
            raise EndsUnknown(str(error)) from error
        return ends
