"""Faust's consumer, which passes on each fetched batch of records as a whole.

Faust's own path costs two asyncio tasks and a queue entry a message. Here the records that one
fetch brought for one partition go on as one list: those of changelogs to the recovery, those of
source topics to the partition queues. App, tables, assignor, rebalancing and commits stay Faust's.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from runtime import logs
from schemas.topics import Topic
from streams.consumed import FetchedRecord
from streams.faust_adapter.consumer_thread import GroupThread
from streams.faust_adapter.ends import ASK_SECONDS, Ends
from streams.faust_adapter.reader import BEGINNING, Reader

log = logs.get(__name__)

# How long one round of reading waits for a first record; and how long if records are not passed on
# because the receiver has no room for them.
ROUND_SECONDS = 0.5
FULL_ROUND_SECONDS = 0.02
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

    reader: Reader

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.ends = Ends()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> GroupThread:
        return GroupThread(self, loop=self.loop, beacon=self.beacon)

    async def on_start(self) -> None:
        self.reader = Reader(self.app.kafka, self.app.conf.broker_max_poll_records)
        await super().on_start()

    async def on_stop(self) -> None:
        await super().on_stop()
        await self.reader.close()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """As Faust's. Nothing is read before the positions are set."""
        self.reader.forget()
        self.ends.begin(tp for tp in assigned if not self._is_changelog_tp(tp))
        await super().on_partitions_assigned(assigned, generation_id)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Read for ever. Faust passes on a message at a time here."""
        while not (self.should_stop or fetcher.should_stop):
            await self._round()
            await asyncio.sleep(0)

    async def _round(self) -> None:
        """Read once, and pass the records on."""
        if self._dropped and self._sought_generation == self.app.consumer_generation_id:
            await self._seek_back()
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = set(self._get_active_partitions())
        if not active:
            await asyncio.sleep(PAUSED_SECONDS)
            return
        seeks = self._seeks
        is_full = any(map(self.reader.has_unread, active))
        timeout = FULL_ROUND_SECONDS if is_full else ROUND_SECONDS
        records = await self.reader.fetch(active, self._has_room, timeout)
        if self.should_stop:
            return
        is_sought = self._sought_generation == self.app.consumer_generation_id
        self._pass_on(records, is_sound=is_sought and self._seeks == seeks)
        recovery = self.app.tables.recovery
        if recovery.in_recovery and self.flow_active:
            self._report_positions()

    def _pass_on(self, records: dict[TP, list[FetchedRecord]], *, is_sound: bool) -> None:
        """Pass on what was read, unless a rebalance began meanwhile."""
        active = self._get_active_partitions()
        for tp, batch in records.items():
            if self._is_changelog_tp(tp):
                if self.flow_active and tp in active:
                    self.app.tables.recovery.restore(tp, batch)
            elif is_sound and self.flow_active and tp in active:
                self.app.receiver.add(self.app.sources[tp.topic], tp.partition, batch)
            else:
                self._dropped = True
        self.rounds += 1

    def _has_room(self, tp: TP) -> bool:
        if self._is_changelog_tp(tp):
            return True
        return bool(self.app.receiver.has_room(self.app.sources[tp.topic], tp.partition))

    def _report_positions(self) -> None:
        """Report the positions in the changelogs to the recovery.

        Changelogs are active from the recovery's seek on. Records that were dropped since then were
        dropped because another rebalance began, which ends with another seek.
        """
        changelogs = filter(self._is_changelog_tp, self._get_active_partitions())
        positions = {tp: self.reader.position(tp) for tp in changelogs}
        self.app.tables.recovery.reached(
            {tp: position for tp, position in positions.items() if position is not None}
        )

    @Service.task  # type: ignore[untyped-decorator]  # Faust is untyped
    async def _keep_ends(self) -> None:
        while not self.should_stop:
            await self.ends.ask(self._thread.ends)
            await asyncio.sleep(ASK_SECONDS)

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
        """Set all positions after a rebalance."""
        generation = self.app.consumer_generation_id
        self._seeks += 1
        await super().perform_seek()
        self._seeks += 1
        self._sought_generation = generation
        await self.ends.ask(self._thread.ends)

    async def seek_to_committed(self) -> Mapping[Any, int | None]:
        """Read source partitions on from the committed offsets; those without one from their
        beginning. Raises IllegalStateError."""
        committed: Mapping[Any, int | None] = await self._thread.committed()
        positions = {TP(*tp): offset for tp, offset in committed.items()}
        self.reader.seek(
            {
                tp: offset if offset is not None and offset > 0 else BEGINNING
                for tp, offset in positions.items()
                if not self._is_changelog_tp(tp)
            }
        )
        return committed

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Read partitions on from these offsets: the recovery's."""
        self.reader.seek(partitions)

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

    def resumed_at(self, tp: TP) -> int:
        """The offset from which the partition is read since the last rebalance or commit."""
        return self._committed_offset.get(tp) or 0


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped
    """The aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer
