"""Two signals: `reachable` follows the facts, `status` may wait; suspect connections show."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.connection import ConnectionEvent, connection_id
from schemas.origin import Address
from schemas.vocabulary import ConnectionKind, Source, Status, Transport
from streams.batches.partition_state import PartitionState
from streams.settings import StreamsSettings
from tests.unit.fold_events import AOR, moment, refreshed, registered, unregistered
from tests.unit.pipeline import Pipeline

REMOTE = Address(ip="10.0.0.7", port=5061)


def _socket(kind: ConnectionKind, at: float, **more: Any) -> ConnectionEvent:
    return ConnectionEvent(
        id=f"fs1/kernel/{kind}-{at}",
        source=Source.SOCKETS,
        node="fs1",
        boot="kernel",
        seq=round(at * 1e6),
        at=moment(at),
        kind=kind,
        connection=connection_id("fs1", REMOTE),
        transport=Transport.TCP,
        remote=REMOTE,
        **{"cookie": 7, **more},
    )


def _feed(pipeline: Pipeline, *events: Any) -> None:
    for event in events:
        is_socket = isinstance(event, ConnectionEvent)
        topic = topics.CONNECTIONS if is_socket else topics.REGISTRATIONS
        key = event.connection if isinstance(event, ConnectionEvent) else AOR
        pipeline.feed(topic, [(key, event)])


def _pipeline(grace: float = 0) -> Pipeline:
    settings = StreamsSettings(grace={"example.test": timedelta(seconds=grace)})
    state = PartitionState(0, {}, {}, timedelta(seconds=35), settings.grace_of)
    return Pipeline(state=state)


def test_a_suspect_is_reachable_but_shown_until_it_recovers() -> None:
    pipeline = _pipeline()
    _feed(pipeline, registered(1, cookie=7), _socket(ConnectionKind.SUSPECT, 2))
    _feed(pipeline, _socket(ConnectionKind.RECOVERED, 3), _socket(ConnectionKind.RECOVERED, 4))
    assert pipeline.changes("1001") == [
        "online registered",
        "online connection-suspect",
        "online connection-recovered",
    ]
    assert [p.bindings[0].suspect for p in pipeline.published] == [False, True, False]
    assert all(p.reachable for p in pipeline.published)


def test_suspect_that_registers_again_is_no_longer_suspect() -> None:
    pipeline = _pipeline()
    _feed(pipeline, registered(1, cookie=7), _socket(ConnectionKind.SUSPECT, 2))
    _feed(pipeline, refreshed(3, cookie=7))
    assert pipeline.changes("1001")[2:] == ["online registered"]
    assert not pipeline.published[-1].bindings[0].suspect


def test_a_suspect_that_times_out_is_offline() -> None:
    pipeline = _pipeline()
    _feed(pipeline, registered(1, cookie=7), _socket(ConnectionKind.SUSPECT, 2))
    _feed(pipeline, _socket(ConnectionKind.TIMED_OUT, 20))
    assert pipeline.changes("1001")[2:] == ["offline connection-timed-out"]


def test_suspicion_is_of_one_incarnation_and_waits_for_its_owner() -> None:
    pipeline = _pipeline()
    _feed(pipeline, _socket(ConnectionKind.SUSPECT, 2, cookie=6), registered(3, cookie=7))
    assert pipeline.changes("1001") == ["online registered"]
    other = _pipeline()
    _feed(other, _socket(ConnectionKind.SUSPECT, 2), registered(1, cookie=7))
    assert other.changes("1001") == ["online registered", "online connection-suspect"]


def test_a_second_incarnation_without_cookies_ends_too() -> None:
    """Registered, ended, registered again from the same port, ended: the kernel was not asked."""
    pipeline = _pipeline()
    _feed(pipeline, registered(1), refreshed(3))
    _feed(pipeline, _socket(ConnectionKind.CLOSED, 2))  # read after the second REGISTER
    assert pipeline.changes("1001") == ["online registered"]
    _feed(pipeline, _socket(ConnectionKind.CLOSED, 4, cookie=8))
    assert pipeline.changes("1001")[1:] == ["offline connection-closed"]


def test_a_servers_own_end_is_the_nodes() -> None:
    pipeline = _pipeline()
    _feed(pipeline, registered(1, cookie=7))
    _feed(pipeline, _socket(ConnectionKind.CLOSED, 2, reason="listener gone"))
    assert pipeline.changes("1001")[1:] == ["offline node-lost"]


def test_status_outlives_a_loss_by_the_domains_grace() -> None:
    pipeline = _pipeline(grace=3)
    _feed(pipeline, registered(1, cookie=7), _socket(ConnectionKind.CLOSED, 2))
    assert [(p.status, p.reachable) for p in pipeline.published][1:] == [(Status.ONLINE, False)]
    pipeline.wait(timedelta(seconds=2))
    assert len(pipeline.published) == 2
    pipeline.wait(timedelta(seconds=2))
    last = pipeline.published[-1]
    assert (last.status, last.reachable, last.cause) == ("offline", False, "connection-closed")
    pipeline.wait(timedelta(seconds=60))
    assert [p.version for p in pipeline.published] == [1, 2, 3]


def test_user_back_within_the_grace_was_never_offline() -> None:
    pipeline = _pipeline(grace=3)
    _feed(pipeline, registered(1, cookie=7), _socket(ConnectionKind.CLOSED, 2))
    _feed(pipeline, registered(3, port=5062))
    pipeline.wait(timedelta(seconds=60))
    assert {p.status for p in pipeline.published} == {Status.ONLINE}
    assert [p.reachable for p in pipeline.published] == [True, False, True]


def test_unregister_gets_no_grace() -> None:
    pipeline = _pipeline(grace=3)
    _feed(pipeline, registered(1), unregistered(2))
    assert pipeline.changes("1001")[1:] == ["offline unregistered"]


def test_grace_goes_on_after_a_restart() -> None:
    before = _pipeline(grace=3)
    _feed(before, registered(1, cookie=7), _socket(ConnectionKind.CLOSED, 2))
    state = PartitionState(0, before.state.sessions, {}, timedelta(seconds=35))
    state.index.begin()
    assert state.index.index_piece()
    after = Pipeline(state=state)
    after.wait(timedelta(seconds=4))
    assert after.changes("1001") == ["offline connection-closed"]


@pytest.mark.parametrize(
    ("grace", "seconds"),
    [({}, 0), ({"*": 2}, 2), ({"example.test": 5, "*": 2}, 5), ({"other.test": 5}, 0)],
)
def test_grace_is_by_domain(grace: dict[str, timedelta], seconds: float) -> None:
    assert StreamsSettings(grace=grace).grace_of(AOR) == timedelta(seconds=seconds)
