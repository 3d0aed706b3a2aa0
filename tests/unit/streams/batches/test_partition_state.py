"""A partition after recovery: what may not have been published, and the index beside the folds."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import NODE_CHANGES, REGISTRATIONS
from schemas.vocabulary import Cause, NodeKind
from streams.batches.last_batch import last_batch
from streams.batches.node_index import INDEX_PIECE
from streams.batches.partition_state import PartitionState
from streams.consumed import FetchedRecord, TopicPartition
from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer
from tests.unit.fold_events import node_change, registered
from tests.unit.pipeline import Pipeline

SLACK = timedelta(seconds=35)
CHANGELOG = TopicPartition("rollcall.sessions", 0)


def _record(offset: int, key: bytes, value: bytes | None) -> FetchedRecord:
    return FetchedRecord(0, offset, 0, key, value)


def _session(user: int, batch: int, version: int = 1) -> bytes:
    return f'{{"aor":"sip:{user}@example.test","batch":{batch},"version":{version}}}'.encode()


batches = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True), max_size=8)


@given(batches, st.integers(0, 8), st.integers(1, 50), st.booleans())
def test_of_the_last_batch_all_may_be_unpublished_and_of_the_others_nobody(
    users: list[list[int]], saved: int, remembered: int, shown: bool
) -> None:
    """However much of the log was in a file, and however little is remembered of the rest."""
    table = PackedTable(Packer())
    written = [
        [
            (f"sip:{user}@example.test".encode(), _session(user, number, int(shown)))
            for user in batch
        ]
        for number, batch in enumerate(users, 1)
    ]
    saved = min(saved, len(written))
    table.adopt({key: value for batch in written[:saved] for key, value in batch}, saved)
    log = [entry for batch in written[saved:] for entry in batch]
    table.restore(_record(offset, *entry) for offset, entry in enumerate(log))
    recent = list(table.recent)[-remembered:]
    number, last = last_batch(
        table, reversed(recent), whole=len(recent) == len(table.recent), published=table.batch
    )
    expected = users[-1] if shown and len(written) > saved else []
    assert sorted(s.aor for s in last) == sorted(f"sip:{user}@example.test" for user in expected)
    assert number == len(users)


def test_loss_before_all_is_indexed_reaches_every_user() -> None:
    users = INDEX_PIECE * 2 + 1
    before = Pipeline()
    events = [replace(registered(n), aor=f"sip:{n}@example.test") for n in range(1, users + 1)]
    before.feed(REGISTRATIONS, [(event.aor or "", event) for event in events])
    state = PartitionState(0, before.state.sessions, {}, SLACK)
    state.index.begin()
    assert state.index.index_piece()
    after = Pipeline(state=state)
    after.feed(NODE_CHANGES, [("fs1", node_change(NodeKind.DOWN, users + 5))])
    assert {p.cause for p in after.published} == {Cause.NODE_LOST}
    assert len({p.aor for p in after.published}) == users
    assert not state.index.index_piece()
