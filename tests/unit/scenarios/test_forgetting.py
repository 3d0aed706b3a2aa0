"""A user who is forgotten: nothing of them is left in the tables, and they begin anew."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from schemas import codec, topics
from schemas.forgetting import ForgetCommand
from schemas.vocabulary import NodeKind
from streams.batches.last_batch import last_batch
from streams.batches.session_batch import SessionBatch
from streams.tables.overlays import overlay_key
from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer
from tests.unit.fold_events import AOR, node_change, registered
from tests.unit.pipeline import NOW, Consumed, Pipeline

FORGET = ForgetCommand(id="receipt-1", aor=AOR, at=NOW)


def records(events: Iterable[Any]) -> list[Consumed]:
    return [Consumed(AOR.encode(), codec.encode(one)) for one in events]


def test_a_forgotten_user_has_no_session_and_begins_at_version_one() -> None:
    pipeline = Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(1))])
    pipeline.feed(topics.FORGET_COMMANDS, [(AOR, FORGET)])
    assert pipeline.forgotten == [AOR]
    assert dict(pipeline.state.sessions) == {}
    assert not pipeline.dead_letters
    pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(50))])
    assert [one.version for one in pipeline.published] == [1, 1]


def test_nothing_due_is_left_of_a_forgotten_user() -> None:
    pipeline = Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(1))])
    pipeline.feed(topics.FORGET_COMMANDS, [(AOR, FORGET)])
    assert list(pipeline.state.index.members_of("fs1")) == []
    pipeline.feed(topics.NODE_CHANGES, [("fs1", node_change(NodeKind.DOWN, 9_000))])
    pipeline.wait(timedelta(days=1))
    assert len(pipeline.published) == 1


def test_a_user_may_be_forgotten_and_come_back_within_one_batch() -> None:
    pipeline = Pipeline()
    batch = SessionBatch(pipeline.state, NOW)
    batch.fold(topics.REGISTRATIONS, records([registered(1)]))
    batch.fold(topics.FORGET_COMMANDS, records([FORGET]))
    batch.fold(topics.REGISTRATIONS, records([registered(50)]))
    effects = batch.finish()
    assert [one.value is None for one in effects.presence] == [False, True, False]
    of_sessions = [one for one in effects.state if one.topic is topics.SESSIONS]
    assert [(one.key, one.value is None) for one in of_sessions] == [
        (AOR.encode(), True),
        (overlay_key(AOR.encode()), True),
        (AOR.encode(), False),
    ]
    (session,) = pipeline.state.sessions.values()
    assert b'boot-a/50"' in session
    assert b'boot/1"' not in session


def test_who_is_not_known_is_forgotten_again() -> None:
    """A batch that is read again after a crash may have written the session's tombstone only."""
    pipeline = Pipeline()
    pipeline.feed(topics.FORGET_COMMANDS, [(AOR, FORGET), (AOR, FORGET)])
    assert pipeline.forgotten == [AOR, AOR]


def test_the_last_batch_is_found_behind_a_deleted_user() -> None:
    table, pipeline = PackedTable(Packer()), Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(1))])
    (value,) = pipeline.state.sessions.values()
    table[AOR.encode()] = value
    keys = [b"sip:gone@example.test", AOR.encode()]
    _, last = last_batch(table, keys, whole=True, published=0)
    assert [session.aor for session in last] == [AOR]
