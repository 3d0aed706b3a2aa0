"""Refreshes written in short, through everything that a worker does to its tables.

Killed between any two records, started again from the log, a compacted log or a file, it must come
to the sessions and the presence of a worker that writes whole sessions and is never killed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec, topics
from schemas.presence import Presence
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind
from streams import models
from streams.batches.last_batch import last_batch
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.consumed import FetchedRecord
from streams.folds.presence import current
from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer
from tests.unit.fold_events import (
    AOR,
    call,
    listing_ended,
    node_change,
    refreshed,
    registered,
    registration,
)
from tests.unit.pipeline import NOW, Consumed, Pipeline
from tests.unit.twins import is_short, session_and_timers

SLACK = timedelta(seconds=35)


@dataclass
class Worker:
    """A worker of one partition, whose log outlives it."""

    log: list[FetchedRecord] = field(default_factory=list)
    published: dict[tuple[str, int], Presence] = field(default_factory=dict)
    saved: tuple[int, bytes, dict[bytes, bytes], int] | None = None  # a file, and its offset
    short: int = 0
    state: PartitionState = field(init=False)
    table: PackedTable = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, *, compacted: bool = False, from_file: bool = False) -> None:
        """Recover the table, publish the last batch again, and index."""
        table = self.table = PackedTable(Packer())
        offset = 0
        if from_file and self.saved is not None:
            offset, dictionary, kept, batch = self.saved
            table.adopt(dict(table.repacked(dictionary, kept)), batch)
        log = self.log[offset:]
        if compacted:
            last = {record.key: record.offset for record in log}
            log = [record for record in log if last[record.key] == record.offset]
        for record in log:
            table.restore([record])
        state = self.state = PartitionState(
            0, table, {}, SLACK, refreshes=table.overlays, short_refreshes=True
        )
        state.batch, again = last_batch(
            table, reversed(table.recent), whole=True, published=table.batch
        )
        table.recent.clear()
        for session in again:
            for presence in (*session.earlier, current(session)):
                if presence is not None:
                    self._publish(models.encode(presence))
        state.index.begin()
        while state.index.index_piece():
            pass

    def save(self) -> None:
        self.saved = (len(self.log), *self.table.packed(), self.state.batch)

    def fold(self, events: list[Any], durable: float | None = None) -> bool:
        """One batch; killed when the given share of its records is durable. Whether it was."""
        batch = SessionBatch(self.state, NOW)
        for one in events:
            _fold(batch, one)
        effects = batch.finish()
        self.short += sum(map(is_short, effects.state))
        written = [one for one in effects.state if one.topic is topics.SESSIONS]
        count = len(written) if durable is None else int(durable * (len(written) + 1))
        for one in written[:count]:
            self.log.append(FetchedRecord(0, len(self.log), 0, one.key, one.value))
        if durable is not None:
            return True
        for one in effects.presence:
            self._publish(one.value or b"")
        return False

    def _publish(self, value: bytes) -> None:
        presence = codec.validate(Presence, value)
        known = self.published.setdefault((presence.aor, presence.version), presence)
        assert known == presence


def _fold(batch: SessionBatch, event: Any) -> None:
    topic = topics.CALLS if hasattr(event, "leg") else topics.REGISTRATIONS
    if not hasattr(event, "aor"):
        topic = topics.NODE_CHANGES
    batch.fold(topic, [Consumed(AOR.encode(), codec.encode(event))])


def _of(number: int, event: Any) -> Any:
    """The event, of another user."""
    if hasattr(event, "aor"):
        event.aor = f"sip:{number}@example.test"
    return event


KINDS = st.sampled_from(
    [
        *[RegistrationKind.REFRESHED] * 8,
        RegistrationKind.REGISTERED,
        RegistrationKind.UNREGISTERED,
        RegistrationKind.PING_LOST,
    ]
)
MORE = st.sampled_from([{}] * 6 + [{"user_agent": "another"}, {"cookie": 7}, {"port": 5062}])


@st.composite
def stories(draw: Callable[..., Any]) -> list[list[Any]]:
    """Batches of events of two users: mostly refreshes, some of them repeated later."""
    seq, batches, earlier = 0, [], list[Any]()
    for _ in range(draw(st.integers(1, 8))):
        batch: list[Any] = []
        for _ in range(draw(st.integers(1, 5))):
            seq += 1
            what = draw(st.integers(0, 9))
            if what == 0:
                batch.append(node_change(NodeKind.HEARTBEAT, at=seq))
                continue
            user = draw(st.sampled_from([1001, 1001, 1002]))
            if what == 1:
                batch.append(_of(user, call(CallKind.RINGING, seq)))
                continue
            if what == 2 and earlier:
                batch.append(draw(st.sampled_from(earlier)))
                continue
            expires = draw(st.sampled_from([3600, 3600, 60]))
            event = registration(draw(KINDS), seq, **draw(MORE))
            event.expires_at = event.at + timedelta(seconds=expires)
            batch.append(_of(user, event))
            earlier.append(event)
        batches.append(batch)
    return batches


@given(stories(), st.data())
def test_killed_anywhere_it_comes_to_what_a_worker_does_that_writes_whole_sessions(
    story: list[list[Any]], data: st.DataObject
) -> None:
    worker, whole = Worker(), Pipeline()
    for batch in story:
        while data.draw(st.integers(0, 3)) == 3:
            worker.fold(batch, durable=data.draw(st.sampled_from([0.0, 0.4, 0.7, 1.0])))
            worker.start(compacted=data.draw(st.booleans()), from_file=data.draw(st.booleans()))
        worker.fold(batch)
        if data.draw(st.integers(0, 3)) == 3:
            worker.save()
        folded = SessionBatch(whole.state, NOW)
        for one in batch:
            _fold(folded, one)
        whole._deliver(folded.finish())
    worker.start(compacted=True, from_file=data.draw(st.booleans()))
    seen("written in short" if worker.short else "none in short")
    assert worker.published == {(one.aor, one.version): one for one in whole.published}
    again = PartitionState(0, whole.state.sessions, {}, SLACK)  # its timers are set anew as well
    again.index.begin()
    again.index.members_of("fs1")
    for key in again.sessions:
        found, expected = session_and_timers(worker.state, key), session_and_timers(again, key)
        assert found == expected


def test_a_user_whom_a_sweep_has_not_reached_is_swept_before_the_refresh() -> None:
    """A listing without the binding ends it, and the client has registered again since."""
    published = []
    for short in (False, True):
        pipeline = Pipeline()
        pipeline.state.short_refreshes = short
        pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(1))])
        batch = SessionBatch(pipeline.state, NOW)
        end = listing_ended(10, "s1")
        end.aor = None
        _fold(batch, end)
        assert pipeline.state.sweeps
        _fold(batch, refreshed(20))
        published.append([one.value for one in batch.finish().presence])
    assert published[0] == published[1]
    assert len(published[0]) == 2
