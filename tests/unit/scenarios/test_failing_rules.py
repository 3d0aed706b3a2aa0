"""A rule that raises half-way has no effect: not on its user, nor on anybody beside it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas import codec, topics
from schemas.call import CallEvent
from schemas.internal import ConnectionOwner, NodeChange, NodeState
from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.topic import Topic
from schemas.vocabulary import CallKind, Cause, NodeKind
from streams import models
from streams.batches.effects import Effects, Record
from streams.batches.join_batch import CONNECTIONS, JoinBatch
from streams.batches.node_changes import NodeChanges
from streams.batches.partition_state import PartitionState
from streams.batches.records import presence_record
from streams.batches.session_batch import TRY_AGAIN, SessionBatch
from streams.folds.connection import fold_owner
from streams.folds.expiry import fold_expiry
from streams.folds.node import fold_node_lost
from streams.folds.presence import end_grace, fold_presence
from tests.unit.fold_events import (
    AOR,
    call,
    listing_ended,
    moment,
    node_change,
    registered,
    socket_closed,
    unregistered,
)
from tests.unit.pipeline import NOW, Consumed

BATCHES = "streams.batches"
SESSION_BATCH, OPEN_SESSIONS = f"{BATCHES}.session_batch", f"{BATCHES}.open_sessions"
NODE_CHANGES = f"{BATCHES}.node_changes"
OTHER = "sip:1002@example.test"
Events = list[tuple[Topic, Any]]


class Fault(Exception):
    """What a rule raises that has a fault of its own."""


def partition() -> PartitionState:
    return PartitionState(0, {}, {}, timedelta(seconds=35))


def of(event: Any, aor: str | None) -> Any:
    event.aor = aor
    return event


def fold(known: PartitionState, events: Events) -> Effects:
    batch = SessionBatch(known, NOW)
    for topic, event in events:
        key = getattr(event, "aor", None) or event.node
        batch.fold(topic, [Consumed(key.encode(), codec.encode(event))])
    return batch.finish()


def shown(effects: Effects) -> dict[str, list[tuple[str, bytes, bytes | None]]]:
    """What is written, without the dead letters."""
    return {
        name: [
            (r.topic.name, r.key, r.value)
            for r in getattr(effects, name)
            if r.topic is not topics.DEAD_LETTERS
        ]
        for name in ("joins", "state", "presence", "sweep_completions")
    }


def letters(effects: Effects) -> list[Record]:
    return [r for r in effects.state if r.topic is topics.DEAD_LETTERS]


def spoiled(rule: Callable[..., Any], bad: str) -> Callable[..., Any]:
    """The rule, which at one event changes what it is given and more, and then raises."""

    def failing(session: Any, event: Any, *more: Any) -> Any:
        result = rule(session, event, *more)
        if event.id == bad:
            session.bindings.clear()
            session.evidence = ["half-way"]
            session.version += 7
            raise Fault(bad)
        return result

    return failing


def registrations(*events: RegistrationEvent) -> Events:
    return [(topics.REGISTRATIONS, event) for event in events]


BEFORE: Events = [
    *registrations(registered(1), of(registered(2, port=5070), OTHER)),
    (topics.CALLS, call(CallKind.RINGING, 3)),
]
AFTER: Events = [
    (topics.CALLS, call(CallKind.ANSWERED, 6)),
    *registrations(
        registered(7, port=5062, call_id="two@phone"), of(unregistered(8, port=5070), OTHER)
    ),
]


@pytest.mark.parametrize("known", [[], registrations(registered(0))], ids=["new", "stored"])
@pytest.mark.parametrize("bad", [unregistered(5), call(CallKind.ENDED, 5)], ids=["reg", "call"])
def test_an_event_whose_rule_raises_has_no_effect_between_two_of_its_user(
    monkeypatch: pytest.MonkeyPatch, known: Events, bad: RegistrationEvent | CallEvent
) -> None:
    topic = topics.CALLS if isinstance(bad, CallEvent) else topics.REGISTRATIONS
    name = "fold_call" if isinstance(bad, CallEvent) else "fold_registration"
    sound, struck = partition(), partition()
    for one in (sound, struck):
        fold(one, known)
    expected = fold(sound, [*BEFORE, *AFTER])
    rule: Any = getattr(__import__(SESSION_BATCH, fromlist=[name]), name)
    monkeypatch.setattr(f"{SESSION_BATCH}.{name}", spoiled(rule, bad.id))
    found = fold(struck, [*BEFORE, (topic, bad), *AFTER])
    assert shown(found) == shown(expected)
    assert struck.sessions == sound.sessions
    assert struck.clocks.latest == sound.clocks.latest
    (letter,) = letters(found)
    assert b"Fault" in (letter.value or b"")


@pytest.mark.parametrize(
    "place",
    [
        "streams.batches.session_output.presence_record",
        f"{OPEN_SESSIONS}.fold_presence",
    ],
)
def test_nothing_is_half_done_where_what_follows_the_rule_raises(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The rule has an owner announced, and a binding begun and indexed."""
    sound, struck = partition(), partition()
    expected = fold(sound, [*BEFORE, *AFTER])
    real: Any = presence_record if "record" in place else fold_presence

    def failing(*arguments: Any) -> Any:
        made = real(*arguments)
        if "fs1/boot-a/5" in getattr(arguments[1], "evidence", ()):
            raise Fault
        return made

    monkeypatch.setattr(place, failing)
    bad = registered(5, port=5063, call_id="three@phone")
    found = fold(struck, [*BEFORE, *registrations(bad), *AFTER])
    assert shown(found) == shown(expected)
    assert struck.sessions == sound.sessions
    assert len(letters(found)) == 1


def test_a_first_event_whose_rule_raises_leaves_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.folds.registration import fold_registration

    known = partition()
    monkeypatch.setattr(
        f"{SESSION_BATCH}.fold_registration",
        spoiled(fold_registration, "fs1/boot-a/1"),
    )
    effects = fold(known, registrations(registered(1)))
    assert not known.sessions
    assert len(effects.state) == len(letters(effects)) == 1


def test_time_of_a_failed_event_starts_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's clock goes on by events that could be folded."""
    from streams.folds.registration import fold_registration

    known = partition()
    fold(known, registrations(registered(1, expires_at=moment(60))))
    bad = of(registered(2, at=1e9), OTHER)
    monkeypatch.setattr(f"{SESSION_BATCH}.fold_registration", spoiled(fold_registration, bad.id))
    effects = fold(known, registrations(bad))
    assert effects.presence == []
    assert known.clocks.latest == {"fs1": moment(1)}


def test_a_node_event_whose_rule_raises_leaves_node_and_users_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = partition()
    up = node_change(NodeKind.UP, 0)
    fold(known, [(topics.NODE_CHANGES, up), *registrations(registered(1))])
    nodes, sessions = dict(known.nodes), dict(known.sessions)
    encode = models.encode

    def failing(value: Any) -> bytes:
        if getattr(value, "down", False):
            raise Fault
        return encode(value)

    monkeypatch.setattr("streams.models.encode", failing)
    effects = fold(known, [(topics.NODE_CHANGES, node_change(NodeKind.DOWN, 9))])
    assert len(letters(effects)) == 1
    assert (known.nodes, known.sessions, known.sweeps) == (nodes, sessions, [])
    assert known.clocks.latest == {"fs1": moment(1)}
    monkeypatch.undo()
    effects = fold(known, [(topics.NODE_CHANGES, node_change(NodeKind.DOWN, 9))])
    assert len(effects.presence) == 1


def _lost(at: float = 100) -> NodeChange:
    return node_change(NodeKind.LOST, at)


def _crowd() -> PartitionState:
    known = partition()
    fold(
        known,
        [
            (topics.NODE_CHANGES, node_change(NodeKind.UP, 0)),
            *registrations(registered(1), of(registered(2, port=5070), OTHER)),
        ],
    )
    return known


def _failing_for(aor: str, rule: Callable[..., Any]) -> Callable[..., Any]:
    def failing(session: Session, *arguments: Any, **named: Any) -> Any:
        result = rule(session, *arguments, **named)
        if session.aor == aor:
            session.bindings.clear()
            raise Fault(aor)
        return result

    return failing


def test_a_sweep_that_raises_for_one_user_goes_on_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = _crowd()
    before = known.sessions[AOR.encode()]
    monkeypatch.setattr(f"{NODE_CHANGES}.fold_node_lost", _failing_for(AOR, fold_node_lost))
    batch = SessionBatch(known, NOW)
    batch.fold(topics.NODE_CHANGES, [Consumed(b"fs1", codec.encode(_lost()))])
    effects = batch.finish()
    assert [r.key for r in effects.presence] == [OTHER.encode()]
    assert known.sessions[AOR.encode()] == before
    assert known.sweeps == []
    assert [r.topic for r in effects.sweep_completions] == [topics.NODE_STATE]
    assert batch.output.fences["rule-failed"] == 1
    logged: set[str] = set()
    assert len(list(batch.output.failures.new(logged))) == 1
    assert list(batch.output.failures.new(logged)) == []


def test_a_sweep_that_raises_costs_the_user_no_event_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits for a user is done when an event touches it: the event is not to blame."""
    known = _crowd()
    monkeypatch.setattr(f"{NODE_CHANGES}.fold_node_lost", _failing_for(AOR, fold_node_lost))
    effects = fold(known, [(topics.NODE_CHANGES, _lost()), *registrations(unregistered(200))])
    assert letters(effects) == []
    by_user = [
        (r.key, codec.decode(topics.PRESENCE.model, r.value or b"").cause) for r in effects.presence
    ]
    assert sorted(by_user) == [
        (AOR.encode(), Cause.UNREGISTERED),
        (OTHER.encode(), Cause.NODE_LOST),
    ]


def test_a_stored_session_that_cannot_be_read_stops_no_sweep() -> None:
    known = _crowd()
    known.sessions[AOR.encode()] = b"{"
    effects = fold(known, [(topics.NODE_CHANGES, _lost())])
    assert [r.key for r in effects.presence] == [OTHER.encode()]
    assert known.sweeps == []


def test_expiry_that_raises_leaves_the_user_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = partition()
    due = {"expires_at": moment(60)}
    fold(known, registrations(registered(1, **due), of(registered(2, port=5070, **due), OTHER)))
    before = known.sessions[AOR.encode()]
    failing = _failing_for(AOR, fold_expiry)
    monkeypatch.setattr(f"{SESSION_BATCH}.fold_expiry", failing)
    known.clocks.advance("fs1", moment(100))
    effects = fold(known, [])
    assert [r.key for r in effects.presence] == [OTHER.encode()]
    assert known.sessions[AOR.encode()] == before
    monkeypatch.undo()
    known.clocks.advance("fs1", moment(100) + TRY_AGAIN / 2)
    assert fold(known, []).presence == []
    known.clocks.advance("fs1", moment(200) + TRY_AGAIN)
    assert [r.key for r in fold(known, []).presence] == [AOR.encode()]


def test_the_end_of_a_grace_that_raises_leaves_the_user_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = PartitionState(0, {}, {}, timedelta(seconds=35), lambda _: timedelta(seconds=3))
    fold(known, registrations(registered(1), socket_closed(2)))
    before = known.sessions[AOR.encode()]
    failing = _failing_for(AOR, end_grace)
    monkeypatch.setattr(f"{OPEN_SESSIONS}.end_grace", failing)
    batch = SessionBatch(known, NOW + timedelta(seconds=5))
    assert batch.finish().presence == []
    assert batch.output.fences["rule-failed"] == 1
    assert known.sessions[AOR.encode()] == before
    monkeypatch.undo()
    assert not known.is_due(NOW + timedelta(seconds=6))
    ended = SessionBatch(known, NOW + timedelta(seconds=6) + TRY_AGAIN).finish()
    assert len(ended.presence) == 1


def test_end_of_a_listing_that_raises_affects_no_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It speaks of users and of the node's certainty: of both or of neither."""
    known = _crowd()
    known.nodes["fs1"].gap = known.nodes["fs1"].gap_at = moment(3)
    node: NodeState = codec.decode(NodeState, codec.encode(known.nodes["fs1"]))
    monkeypatch.setattr(NodeChanges, "_write", lambda *_: (_ for _ in ()).throw(Fault()))
    effects = fold(known, registrations(of(listing_ended(50, "one"), None)))
    assert len(letters(effects)) == 1
    assert known.sweeps == []
    assert codec.decode(NodeState, codec.encode(known.nodes["fs1"])) == node


def test_a_join_that_raises_has_no_effect_between_two_events_of_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote = registered(1).remote
    assert remote is not None

    def owner(number: int) -> ConnectionOwner:
        return ConnectionOwner(
            id=f"owner-{number}",
            source=registered(1).source,
            node="fs1",
            boot="boot-a",
            seq=number,
            at=moment(number),
            connection="fs1/10.0.0.7:5061",
            aor=f"sip:u{number}@example.test",
            binding=f"binding-{number}",
            remote=remote,
        )

    def folded(*events: ConnectionOwner) -> tuple[dict[bytes, bytes], Effects]:
        table: dict[bytes, bytes] = {}
        batch = JoinBatch(CONNECTIONS, 0, table, NOW)
        for one in events:
            record = Consumed(one.connection.encode(), codec.encode(one))
            batch.fold(topics.CONNECTION_OWNERS, [record])
        return table, batch.finish()

    expected, _ = folded(owner(1), owner(3))
    real = fold_owner

    def failing(known: Any, event: Any) -> Any:
        found = real(known, event)
        if event.id == "owner-2":
            known.owners.clear()
            raise Fault
        return found

    monkeypatch.setattr("streams.batches.join_batch.fold_owner", failing)
    table, effects = folded(owner(2), owner(1), owner(2), owner(3))
    assert table == expected
    assert [r.topic for r in effects.joins] == [topics.DEAD_LETTERS] * 2
