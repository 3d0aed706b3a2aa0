"""The consumer's thread: Faust's, with prompt fetches, and the positions they have reached."""

import time
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.faust_adapter.fetcher import make_prompt, use_light_records

# A high watermark is valid for records written this long after it was heard, and no later: every
# partition is asked for twice a second (fetcher.IDLE_WAIT_MS), but not while records of it wait to
# be taken.
WATERMARK_HOLDS_MS = 1000
# After a fetch of fewer records the next one is sent on request, not ahead: sent ahead, it would
# return with the first record or two, and later ones would wait for another round of folding.
AHEAD_FROM = 500


class FetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped
    """Faust's consumer thread, with prompt fetches.

    `seeks` counts how often the recovery has set positions. `taken_after` is that count when the
    last fetch's records were taken, which happens in this thread, as the seeks do. A fetch may wait
    while a rebalance passes, so neither its beginning nor its end in the other thread is a sign.
    """

    seeks = 0
    taken_after = 0
    _is_asked = False
    _last_taken = 0  # records

    async def on_start(self) -> None:
        use_light_records()
        await super().on_start()
        consumer = self.consumer
        make_prompt(
            self._consumer._fetcher,
            consumer.is_source,
            consumer.is_pressed,
            self._is_wanted,
            consumer.answers,
        )

    def _is_wanted(self) -> bool:
        """Whether a fetch may be sent now."""
        return self._is_asked or self._last_taken >= AHEAD_FROM

    async def _seek_wait(self, *args: Any) -> None:
        self.seeks += 1
        await super()._seek_wait(*args)

    async def seek_to_committed(self) -> Mapping[Any, int | None]:
        """As aiokafka's, by one request for all partitions: it makes one for each, one after the
        other, and presence stands still meanwhile. Raises IllegalStateError where one is revoked.
        """
        found: Mapping[Any, int | None] = await self.call_thread(self._seek_to_committed)
        return found

    async def _seek_to_committed(self) -> Mapping[Any, int | None]:
        consumer = self._consumer
        partitions = consumer._subscription.assigned_partitions()
        if not partitions:
            raise IllegalStateError("no partition is assigned")
        committed = await consumer._coordinator.fetch_committed_offsets(list(partitions))
        for tp, known in committed.items():
            if known.offset > 0:
                consumer._fetcher.seek_to(tp, known.offset)
        return {tp: committed[tp].offset if tp in committed else None for tp in partitions}

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        self._is_asked = True
        fetcher = self._consumer._fetcher
        fetcher._notify(fetcher._wait_consume_future)  # its turn to send a fetch
        try:
            records = await super()._fetch_records(*args, **kwargs)
        finally:
            self._is_asked = False
        self._last_taken = sum(map(len, records.values()))
        self.taken_after = self.seeks
        return records

    def position(self, tp: TP) -> int | None:
        """The offset after the last record handed over; None after a reset or a revocation."""
        state = self._state(tp)
        return state.position if state is not None and state.has_valid_position else None

    def high_watermark(self, tp: TP, written: int) -> int | None:
        """See BatchConsumer.high_watermark."""
        state = self._state(tp)
        if state is None:
            return 0
        heard = state.timestamp  # aiokafka sets it with the high watermark, by time.time()
        if heard is None or heard + WATERMARK_HOLDS_MS < min(written, time.time() * 1000):
            return None
        end: int = state.highwater
        return end

    def has_unread(self, tp: TP) -> bool:
        """Whether fetched records of the partition wait to be taken."""
        return tp in self._consumer._fetcher._records

    def _state(self, tp: TP) -> Any:
        """What aiokafka knows of the partition; None of one that is not assigned."""
        assignment = self._consumer._subscription.subscription.assignment
        return assignment.state_value(tp) if assignment else None
