"""Faust's consumer, which passes on each fetched batch of records as a whole.

Faust's own path costs two asyncio tasks and a queue entry a message. Here the records that one
fetch brought for one partition go on as one list: those of changelogs to the recovery, those of
source topics to the partition queues. App, tables, assignor, rebalancing and commits stay Faust's.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from runtime import logs
from schemas.topic import Topic
from streams.faust_adapter.consumer_thread import FetchThread
from streams.faust_adapter.fetcher import BUSY_WAIT_MS, Answers

log = logs.get(__name__)

# How long one round of fetching waits for a first record; and how long if partitions are not read
# because the receiver has no room for them.
ROUND_SECONDS = 0.5
FULL_ROUND_SECONDS = BUSY_WAIT_MS / 1000
# Poll interval while no partition may be read, as for a moment after a recovery. Faust would sleep
# for a second.
PAUSED_SECONDS = 0.01


class Receiver(Protocol):
    """Takes the records of the source topics."""

    def has_room(self, topic: Topic, number: int) -> bool:
        """Whether more records of a partition may be added."""

    def add(self, topic: Topic, number: int, records: list[Any]) -> None:
        """Add one fetched batch of a partition; never waits."""

    async def drain(self) -> None:
        """Drop the waiting records, and return when none are being folded."""


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped
    """The consumer of a StreamsApp, whose `sources` and `receiver` it feeds."""

    # The group generation for which positions were last set, and how often they were set. Records
    # fetched between a rebalance and that seek, or during it, come from invalid positions: passed
    # on, they would be folded out of order, and a commit would skip the gap before them.
    _sought_generation: int | None = None
    _seeks = 0
    # Whether fetched records were dropped: the positions are beyond them, and must be set back.
    _dropped = False
    # Set when a worker stops without committing.
    commits_nothing = False
    # Rounds of fetching in which all fetched records were passed on, or none arrived.
    rounds = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.answers = Answers()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """Fetch once. The iterator is empty: the records are passed on already."""
        await self._round(min(timeout, ROUND_SECONDS))
        return
        yield  # Faust iterates over it

    async def _round(self, timeout: float) -> None:
        """Fetch once, and pass the records on."""
        if self._dropped and self._sought_generation == self.app.consumer_generation_id:
            await self._seek_back()
        seeks = self._seeks
        records, active = await self._fetch(timeout)
        generation = self.app.consumer_generation_id
        if self.should_stop:
            return
        sound = self._sought_generation == generation and self._seeks == seeks
        recovery = self.app.tables.recovery
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                self._dropped = True
                return
            if tp not in active:
                self._dropped = True
            elif self._is_changelog_tp(tp):
                if self._thread.taken_after == self._thread.seeks:
                    recovery.restore(tp, batch)
            elif not sound:
                self._dropped = True
            elif batch:
                self.app.receiver.add(self.app.sources[tp.topic], tp.partition, batch)
        self.rounds += 1
        if (
            recovery.in_recovery
            and self.flow_active
            and self._thread.taken_after == self._thread.seeks
        ):
            self._report_positions(active)

    async def _fetch(self, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:
        """The fetched records, and the partitions that may be read now."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = self._get_active_partitions()
        with_room = {tp for tp in active if self._has_room(tp)}
        if not with_room:
            await asyncio.sleep(PAUSED_SECONDS)
            return {}, active
        if len(with_room) < len(active):
            timeout = FULL_ROUND_SECONDS
        return await self._getmany(active_partitions=with_room, timeout=timeout), active

    def _has_room(self, tp: TP) -> bool:
        topic = self.app.sources.get(tp.topic)
        return topic is None or bool(self.app.receiver.has_room(topic, tp.partition))

    def is_source(self, tp: TP) -> bool:
        """Whether it is a partition of a source topic, not of a changelog."""
        return tp.topic in self.app.sources

    def is_pressed(self) -> bool:
        """Whether presence is delayed until this worker has fetched what it waits for."""
        return bool(self.app.rebalancing)

    def _report_positions(self, active: set[TP]) -> None:
        """Report the positions in the changelogs to the recovery.

        Changelogs are active from the recovery's seek on. Records that were dropped since then were
        dropped because another rebalance began, which ends with another seek.
        """
        positions = {tp: self._thread.position(tp) for tp in active if self._is_changelog_tp(tp)}
        self.app.tables.recovery.reached(
            {tp: position for tp, position in positions.items() if position is not None}
        )

    async def _seek_back(self) -> None:
        """Read dropped records again, unless a rebalance revokes partitions meanwhile.

        Positions are invalid then until the rebalance's own seek (aiokafka raises
        IllegalStateError, or AssertionError if no partition is left).
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
        """Seek every partition to the position after a rebalance.

        aiokafka's seek_to_committed does not move a partition without a committed offset, so
        records dropped there would never be read: such a partition is read from its beginning.
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

    async def wait_empty(self) -> None:
        """Before a revocation: wait until the current folds are durable, and commit."""
        await self.app.receiver.drain()
        await self.commit_and_end_transactions()

    def acknowledge(self, tp: TP, offset: int) -> None:
        """All records of the partition before `offset` are done: the next commit includes it.

        A partition's offsets only grow, so gaps from compaction or transactions need no
        bookkeeping.
        """
        self._acked[tp] = [offset]

    def _new_offset(self, tp: TP) -> int | None:
        """The offset to commit."""
        offsets: list[int] = self._acked.pop(tp, [])
        return offsets[-1] if offsets and not self.commits_nothing else None

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Disabled: Faust's livelock detector asks aiokafka for a position that it does not have
        right after a seek, and the failed assertion would stop the consumer.
        """

    @property
    def member_id(self) -> str:
        """This worker's member id in the group; empty if the group has removed it."""
        return str(self._thread._consumer._coordinator.member_id)

    def high_watermark(self, tp: TP, written: int = 0) -> int | None:
        """See streams.flow.merge.Progress; 0 of a partition that is not this worker's."""
        thread: FetchThread = self._thread
        return thread.high_watermark(tp, written)

    def is_in_flight(self, tp: TP) -> bool:
        """Whether records of the partition are fetched and not passed on yet."""
        thread: FetchThread = self._thread
        return thread.has_unread(tp)

    def resumed_at(self, tp: TP) -> int:
        """The offset from which the partition is read since the last rebalance or commit."""
        return self._committed_offset.get(tp) or 0


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped
    """The aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer
