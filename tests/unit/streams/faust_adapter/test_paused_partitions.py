"""The transport where no partition may be read: it goes on as soon as one may."""

import asyncio
from typing import Any

from faust.types import TP

from streams.faust_adapter.consumer import BatchConsumer

ONE = TP("topic", 0)


class _Consumer(BatchConsumer):
    """Without an app or Kafka: what there is to read is there at once."""

    flow_active = True
    client_only = False

    def __init__(self) -> None:
        self._resumed = asyncio.Event()
        self._active_partitions: set[TP] = set()
        self._paused_partitions = {ONE}
        self.not_waiting_next_records = asyncio.Event()
        self.app: Any = self

    async def wait(self, *coros: Any, timeout: Any = None) -> Any:
        async with asyncio.timeout(timeout):
            await coros[0].wait()

    async def _getmany(self, active_partitions: set[TP], timeout: float) -> dict[TP, list[str]]:
        assert timeout == 30
        return {tp: ["record"] for tp in active_partitions}


def test_what_is_resumed_is_read_at_once() -> None:
    """Faust would look again after a second: all that while presence stands still."""

    async def scene() -> tuple[bool, Any]:
        consumer = _Consumer()
        reading = asyncio.ensure_future(consumer._wait_next_records(30))
        for _ in range(10):
            await asyncio.sleep(0)
        waited = not reading.done()
        consumer.resume_partitions({ONE})
        async with asyncio.timeout(0.5):
            return waited, await reading

    assert asyncio.run(scene()) == (True, ({ONE: ["record"]}, {ONE}))


def test_nothing_is_read_while_nothing_may_be() -> None:
    class Impatient(_Consumer):
        async def wait(self, *coros: Any, timeout: Any = None) -> Any:
            assert (coros, timeout) == ((self._resumed,), 30)

    assert asyncio.run(_on(Impatient)) == ({}, set())


async def _on(kind: type[_Consumer]) -> Any:
    return await kind()._wait_next_records(30)
