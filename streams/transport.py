"""Faust transport that hands agents whole fetched batches: aiokafka's driver with one change.

Faust's own path costs two asyncio tasks and a queue entry a message. Here a message *is* the list
of records that one fetch brought for one partition, so those costs are paid once a batch. App,
agents, tables, assignor, rebalancing and commits stay Faust's. Changelog partitions keep the
one-by-one path that Faust's recovery expects.
"""

from collections.abc import AsyncIterator
from typing import Any

from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.fetching import Answers, make_prompt


class FetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread, with prompt fetches."""

    async def on_start(self) -> None:
        await super().on_start()
        is_changelog = self.consumer._is_changelog_tp
        make_prompt(self._consumer._fetcher, is_changelog, self.consumer.answers)


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Yields one message a fetched (topic, partition) list: value the records, offset the last's.

    After faust.transport.consumer.Consumer.getmany.
    """

    # The group generation for which positions were last set, and how often they were set. What is
    # fetched between a rebalance and that, or while it happens, comes from positions that hold no
    # longer: delivered, it would be acknowledged out of order and the gap before it committed away.
    _sought_generation: int | None = None
    _seeks = 0
    # Whether fetched records were dropped: the positions are past them, and must go back.
    _dropped = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.answers = Answers()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        if self._dropped and self._sought_generation == self.app.consumer_generation_id:
            self._dropped = False
            await self.perform_seek()
        seeks = self._seeks
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        sound = self._sought_generation == generation and self._seeks == seeks
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                self._dropped = True
                return
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                self._dropped = True
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            if self._is_changelog_tp(tp):
                for record in batch:
                    yield tp, self._to_message(tp, record)
            elif not sound:
                self._dropped = True
            elif batch:
                message = self._to_message(tp, batch[-1])
                message.value = batch
                # The positions alone say what is delivered; Faust's own memory of the last offset
                # would drop a batch that a seek made begin earlier and end earlier.
                self._read_offset[tp] = None
                yield tp, message

    async def perform_seek(self) -> None:
        """Seek every partition to where consumption must go on after a rebalance.

        aiokafka's seek_to_committed leaves a partition without a committed offset where it is, so
        what was dropped there would never be read: such a partition starts at its beginning.
        """
        generation = self.app.consumer_generation_id
        self._seeks += 1
        await super().perform_seek()
        fresh = [
            tp
            for tp in self.assignment()
            if not self._is_changelog_tp(tp) and not self._committed_offset.get(tp)
        ]
        if fresh:
            await self._thread.seek_to_beginning(*map(driver.ensure_aiokafka_TP, fresh))
        self._seeks += 1
        self._sought_generation = generation

    def resumed_at(self, tp: TP) -> int:
        """The offset from which the partition is read since the last rebalance or commit."""
        return self._committed_offset.get(tp) or 0

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's livelock detector asks aiokafka for a position that it does not have
        right after a seek, and the failed assertion would end the consumer for a warning's sake.
        """

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: a batch's last offset stands for all before it (see _new_offset)."""

    def _new_offset(self, tp: TP) -> int | None:
        """The offset to commit: one past the last acknowledged batch.

        A partition's batches are delivered, processed and acknowledged strictly in order (one
        agent a topic, concurrency 1), so no gap is possible, and holes from compaction or
        transactions need no bookkeeping.
        """
        acked = self._acked[tp]
        if not acked:
            return None
        last: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """The aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer


class BatchSchema(Schema):  # type: ignore[misc]
    """Passes a batch's records to the agent undecoded."""

    def compile(self, app: Any, **options: Any) -> Any:
        del options
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            del propagate
            return create_event(None, message.value, message.headers, message)

        return decode
