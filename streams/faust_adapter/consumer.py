"""Faust transport that hands agents whole fetched batches: aiokafka's driver with one change.

Faust's own path costs two asyncio tasks and a queue entry a message. Here a message *is* the list
of records that one fetch brought for one partition, so those costs are paid once a batch. App,
agents, tables, assignor, rebalancing and commits stay Faust's. Batches of changelog partitions go
straight to the recovery.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import notify

from runtime import logs
from streams.faust_adapter.consumer_thread import FetchThread
from streams.faust_adapter.fetcher import Answers

log = logs.get(__name__)

# How long one round of fetching waits for a first record.
ROUND_SECONDS = 0.5


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped
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
    # Set where a worker gives up what it has in hand.
    commits_nothing = False
    # How often all that was fetched has been handed over, or nothing had come for a while.
    rounds = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.answers = Answers()
        self._resumed = asyncio.Event()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        if self._dropped and self._sought_generation == self.app.consumer_generation_id:
            await self._seek_back()
        seeks = self._seeks
        records, active = await self._wait_next_records(min(timeout, ROUND_SECONDS))
        generation = self.app.consumer_generation_id
        if self.should_stop:
            return
        sound = self._sought_generation == generation and self._seeks == seeks
        for tp, batch in (records or {}).items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                self._dropped = True
                return
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                self._dropped = True
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            if self._is_changelog_tp(tp):
                if self._thread.taken_after == self._thread.seeks:
                    self.app.tables.recovery.restore(tp, batch)
            elif not sound:
                self._dropped = True
            elif batch:
                message = self._to_message(tp, batch[-1])
                message.value = batch
                # The positions alone say what is delivered; Faust's own memory of the last offset
                # would drop a batch that a seek made begin earlier and end earlier.
                self._read_offset[tp] = None
                if self._has_room(tp):
                    await self.callback(message)
                else:
                    yield tp, message
        self.rounds += 1
        if (
            self.app.tables.recovery.in_recovery
            and self.flow_active
            and self._thread.taken_after == self._thread.seeks
        ):
            self._tell_recovery(active or set())

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:
        """As Faust's, which sleeps for a second where all partitions are paused.

        Just after a recovery they are, for a moment.
        """
        if self.flow_active and not self._get_active_partitions():
            self._resumed.clear()
            await self.wait(self._resumed, timeout=timeout)
            if not self._get_active_partitions():
                return {}, set()
        records, active = await super()._wait_next_records(timeout)
        return records, active

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Read them again, at once."""
        super().resume_partitions(tps)
        self._resumed.set()

    def _has_room(self, tp: TP) -> bool:
        """Whether agents take a message now, so that nothing need end the waiting for them.

        What is yielded to Faust passes through two tasks and several turns of the loop, in each of
        which other partitions' batches may be folded: with all of a fetch so, the next one would
        wait for most of them.
        """
        channels = self.app.topics._tp_index.get(tp)
        return (
            self.app.flow_control.is_active()
            and bool(channels)
            and not any(channel.queue.full() for channel in channels)
        )

    def is_pressed(self) -> bool:
        """Whether presence stands still until this worker has fetched what it waits for."""
        return bool(self.app.rebalancing)

    def _tell_recovery(self, active: set[TP]) -> None:
        """How far the changelogs are read.

        They are active only from the recovery's seek on; what was taken since then and dropped,
        was dropped because another rebalance began, which ends in another seek.
        """
        positions = {tp: self._thread.position(tp) for tp in active if self._is_changelog_tp(tp)}
        self.app.tables.recovery.reached(
            {tp: position for tp, position in positions.items() if position is not None}
        )

    async def _seek_back(self) -> None:
        """Read again what was dropped, unless a rebalance revokes partitions meanwhile.

        Then nothing is sound until the rebalance's own seek (aiokafka raises IllegalStateError, or
        AssertionError when no partition is left).
        """
        generation = self._sought_generation
        try:
            await self.perform_seek()
        except (IllegalStateError, AssertionError) as error:
            log.info("not sought back, partitions are revoked", reason=str(error))
            if self._sought_generation == generation:
                self._sought_generation = None
        else:
            self._dropped = False

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

    @property
    def member_id(self) -> str:
        """This worker's name in the group, from the broker; empty once the group has removed it."""
        return str(self._thread._consumer._coordinator.member_id)

    def end(self, tp: TP, written: int = 0) -> int | None:
        """The partition's end as last heard of; 0 of one that is not this worker's.

        None where nothing was heard of it, or only so long before `written` (ms since the epoch)
        that an older record may lie beyond it.
        """
        thread: FetchThread = self._thread
        return thread.end(tp, written)

    def is_in_hand(self, tp: TP) -> bool:
        """Whether records of the partition are fetched, or may be among those of its topic that
        wait for their agent."""
        channels = self.app.topics._tp_index.get(tp) or ()
        return self._thread.has_unread(tp) or any(not one.queue.empty() for one in channels)

    def forget(self, message: Any) -> None:
        """Wait no longer for a message that is neither done nor going to be, before a rebalance."""
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)

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
        if not acked or self.commits_nothing:
            return None
        last: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped
    """The aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer


class BatchSchema(Schema):  # type: ignore[misc]  # Faust is untyped
    """Passes a batch's records to the agent undecoded."""

    def compile(self, app: Any, **options: Any) -> Any:
        del options
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            del propagate
            return create_event(None, message.value, message.headers, message)

        return decode
