"""A worker that catches up reads its topics at different paces.

No timer may fire early, and the last registration of an ended process has ended too.
"""

from typing import Any

from schemas import codec, topics
from schemas.topic import Topic
from schemas.vocabulary import CallKind, NodeKind, Transport
from streams.batches.session_batch import SessionBatch
from tests.unit.fold_events import AOR, call, moment, node_change, refreshed, registered
from tests.unit.pipeline import NOW, Consumed, Pipeline


def _fold(pipeline: Pipeline, topic: Topic, events: list[Any], *, caught_up: bool) -> int:
    """Fold as one batch; how many changes it published."""
    batch = SessionBatch(pipeline.state, NOW, caught_up=caught_up)
    batch.fold(topic, [Consumed(AOR.encode(), codec.encode(event)) for event in events])
    return len(batch.finish().presence)


def test_binding_with_an_unread_refresh_does_not_expire() -> None:
    pipeline = Pipeline()
    first = registered(1, expires_at=moment(60))
    assert _fold(pipeline, topics.REGISTRATIONS, [first], caught_up=True) == 1
    ended = call(CallKind.ENDED, 500)
    assert _fold(pipeline, topics.CALLS, [ended], caught_up=False) == 0
    tick = node_change(NodeKind.HEARTBEAT, 500)
    assert _fold(pipeline, topics.NODE_CHANGES, [tick], caught_up=False) == 0
    late = refreshed(50, expires_at=moment(600))
    assert _fold(pipeline, topics.REGISTRATIONS, [late], caught_up=True) == 0


def test_binding_without_a_refresh_expires_by_the_clock() -> None:
    pipeline = Pipeline()
    first = registered(1, expires_at=moment(60))
    _fold(pipeline, topics.REGISTRATIONS, [first], caught_up=True)
    tick = node_change(NodeKind.HEARTBEAT, 500)
    assert _fold(pipeline, topics.NODE_CHANGES, [tick], caught_up=True) == 1


def test_last_registration_of_the_previous_process_ends_with_it() -> None:
    """Over UDP a binding outlives a restart; over TCP, to which the client had changed, it does
    not."""
    pipeline = Pipeline()
    over_udp, over_tcp = registered(1, transport=Transport.UDP), refreshed(2)
    for event in (over_udp, over_tcp):
        event.contact = event.binding = "sip:1001@10.0.0.7:5061"
    restart = node_change(NodeKind.UP, 9, boot="boot-b")
    pipeline.feed(topics.REGISTRATIONS, [(AOR, over_udp)])
    pipeline.feed(topics.NODE_CHANGES, [("fs1", restart)])
    assert pipeline.changes("1001") == ["online registered"]
    pipeline.feed(topics.REGISTRATIONS, [(AOR, over_tcp)])
    assert pipeline.changes("1001") == ["online registered", "offline node-restarted"]
    assert pipeline.published[-1].evidence == [over_tcp.id]


def test_call_of_an_ended_process_read_late_does_not_begin() -> None:
    """Its end event never comes: the call would stay."""
    pipeline = Pipeline()
    elsewhere = registered(1, node="fs2")
    assert _fold(pipeline, topics.REGISTRATIONS, [elsewhere], caught_up=True) == 1
    end = node_change(NodeKind.DOWN, 9)
    assert _fold(pipeline, topics.NODE_CHANGES, [end], caught_up=True) == 0
    late = [call(CallKind.RINGING, 7), call(CallKind.ANSWERED, 8)]
    assert _fold(pipeline, topics.CALLS, late, caught_up=True) == 0
    of_the_next = call(CallKind.ANSWERED, 12)
    of_the_next.boot = "boot-b"
    assert _fold(pipeline, topics.CALLS, [of_the_next], caught_up=True) == 1
