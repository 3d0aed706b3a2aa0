"""Explanations of one user, for short stories of events: their content and their text."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from operate.explain.events import What
from operate.explain.explanation import Explanation
from operate.explain.narrative import MAX_EVENTS, MAX_STEPS
from operate.explain.rendering import render
from schemas import codec, topics
from schemas.call_record import CallRecord
from schemas.node import NodeEvent
from schemas.vocabulary import (
    CallKind,
    CallState,
    Cause,
    HungUpBy,
    NodeKind,
    RegistrationKind,
    Source,
    Status,
)
from tests.unit.fold_events import (
    AOR,
    call,
    expired,
    listed,
    listing_ended,
    loss,
    moment,
    refreshed,
    registered,
    registration,
    socket_closed,
    unregistered,
)
from tests.unit.operate.explain.logging_pipeline import LoggingPipeline


def node(kind: NodeKind, at: float, boot: str = "boot-a") -> NodeEvent:
    return NodeEvent(
        id=f"fs1/{boot}/{kind}/{at}",
        source=Source.FREESWITCH,
        node="fs1",
        boot=boot,
        seq=0,
        at=moment(at),
        kind=kind,
    )


TOPICS = {
    "RegistrationEvent": topics.REGISTRATIONS,
    "CallEvent": topics.CALLS,
    "ConnectionLoss": topics.CONNECTION_LOSSES,
    "NodeEvent": topics.NODES,
}


def story(*events: Any) -> LoggingPipeline:
    """Each event reaches Kafka when it happens; a (seconds, event) reaches it at those seconds."""
    pipeline = LoggingPipeline(now=moment(0))
    for one in events:
        at, event = one if isinstance(one, tuple) else (None, one)
        reach(pipeline, (event.at - moment(0)).total_seconds() if at is None else at)
        key = getattr(event, "aor", None) or event.node
        pipeline.feed(TOPICS[type(event).__name__], [(key, event)])
    return pipeline


def reach(pipeline: LoggingPipeline, seconds: float) -> None:
    pipeline.wait(moment(seconds) - pipeline.now)


def printed(explanation: Explanation) -> str:
    """The whole text on one line."""
    return re.sub(r"\s+", " ", " ".join(render(explanation)))


def changes(explanation: Explanation) -> list[str]:
    return [
        f"{shown.status} {shown.cause}" for step in explanation.timeline for shown in step.shown
    ]


def test_late_close_after_new_registration_is_ignored_with_its_reason() -> None:
    first, anew = registered(1, cookie=11), registered(3, port=5062, cookie=12)
    found = story(first, anew, (4, loss(2, cookie=11)), (5, socket_closed(4))).explain(AOR)
    text = printed(found)
    assert text.startswith(f"{AOR} is reachable: 1 binding. Last change")
    # The end of the first connection does not end the second.
    assert changes(found) == ["online registered", "online registered", "online connection-closed"]
    (ignored,) = found.ignored
    assert (ignored.reason, ignored.count) == ("kernel-tells", 1)
    assert ignored.examples[0].id == "fs1/boot-a/4"
    assert "1 × the registrar reports a closed connection The registrar does not report" in text
    assert "fs1 sip:1001@10.0.0.7:5062;transport=tcp tcp from 10.0.0.7:5062; kernel" in text
    assert "opened by fs1/boot-a/3 (freeswitch: the client registered)" in text


def test_lost_connection_takes_user_offline_with_evidence() -> None:
    found = story(registered(1, cookie=11), loss(5, source=Source.SOCKETS, cookie=11)).explain(AOR)
    assert found.answer.status is Status.OFFLINE
    text = printed(found)
    assert text.startswith(
        f"{AOR} is offline since 00:00:05.000Z, because its connection was closed "
        "(connection-closed). Evidence: fs1/sockets/5, fs1/boot-a/1"
    )
    assert "The published record (version 2) and the log agree." in text
    (end,) = found.ended
    assert end.event is not None
    assert (end.end.cause, end.event.source) == (Cause.CONNECTION_CLOSED, "sockets")
    assert not found.bindings


def test_earlier_time_has_its_own_answer() -> None:
    pipeline = story(registered(1), unregistered(60), registered(120, port=5062))
    answers = [printed(pipeline.explain(AOR, moment(at))).partition(",")[0] for at in (30, 90, 150)]
    assert answers == [
        f"{AOR} was reachable: 1 binding. Last change 00:00:01.000Z",
        f"{AOR} was offline since 00:01:00.000Z",
        f"{AOR} was reachable: 1 binding. Last change 00:02:00.000Z",
    ]
    assert pipeline.explain(AOR, moment(0.5)).records == 0


def test_call_has_peer_and_state_changes() -> None:
    pipeline = story(
        registered(1),
        call(CallKind.RINGING, 10, peer="1002"),
        call(CallKind.ANSWERED, 12),
        call(CallKind.DTMF, 13),
        (15, call(CallKind.RINGING, 11)),
        call(CallKind.ENDED, 20),
    )
    talking = pipeline.explain(AOR, moment(16))
    text = printed(talking)
    assert f"{AOR} was reachable: 1 binding, shown on-the-phone." in text
    assert "Calls fs1 answered since 00:00:12.000Z, called, peer 1002 leg leg-1" in text
    assert {one.reason for one in talking.ignored} == {
        "kind-has-no-effect",
        "call-went-no-further",
    }
    after = pipeline.explain(AOR)
    assert not after.calls
    assert changes(after)[-1] == "online call-ended"


def test_bindings_of_lost_node_expire_by_the_workers_clock() -> None:
    pipeline = story(
        node(NodeKind.UP, 0), registered(1, expires_at=moment(60)), node(NodeKind.HEARTBEAT, 2)
    )
    reach(pipeline, 200)
    lost = pipeline.explain(AOR, moment(20))
    text = printed(lost)
    assert f"{AOR} was offline since 00:00:02.000Z, because its node stopped" in text
    assert "is not reachable (its node was lost)" in text
    assert "Nodes fs1 lost: no event of it came within its lease; latest time of its clock" in text
    assert lost.timeline[-1].by is not None
    assert lost.timeline[-1].by.kind == NodeKind.LOST
    # Expiry 60 s and slack 35 s, by the node's clock, which the worker's continues since the loss.
    assert pipeline.explain(AOR, moment(90)).bindings
    gone = pipeline.explain(AOR)
    assert not gone.bindings
    last = gone.timeline[-1]
    assert last.by is None
    assert moment(95) < last.at < moment(105)
    assert "by Rollcall's own timer: the registrar had not reported it" in printed(gone)


def test_another_users_registration_moves_the_clock_that_expires_a_binding() -> None:
    other = registered(500, port=5063)
    other.aor = "sip:1002@example.test"
    pipeline = story(registered(1, expires_at=moment(60)), other)
    found = pipeline.explain(AOR)
    assert changes(found) == ["online registered", "offline expired"]
    assert found.records == 1


def test_grace_shows_unreachable_user_online() -> None:
    pipeline = story(registered(1, cookie=11))
    pipeline.settings.grace = {"*": timedelta(seconds=20)}
    pipeline.state.grace = pipeline.settings.grace_of
    reach(pipeline, 5)
    pipeline.feed(topics.CONNECTION_LOSSES, [(AOR, loss(5, source=Source.SOCKETS, cookie=11))])
    reach(pipeline, 60)
    text = printed(pipeline.explain(AOR, moment(10)))
    assert f"{AOR} was not reachable since 00:00:05.000Z" in text
    assert "It was shown online until its grace ends." in text
    found = pipeline.explain(AOR)
    assert f"{AOR} is offline since 00:00:05.000Z" in printed(found)
    assert moment(25) <= found.timeline[-1].at < moment(26)


def test_refreshes_are_counted_and_long_history_is_bounded() -> None:
    events: list[Any] = []
    for turn in range(600):
        seq = 10 * turn + 1
        events += [
            registered(seq),
            *(refreshed(seq + n) for n in range(1, 5)),
            unregistered(seq + 5),
        ]
    events.append(registered(7000))
    found = story(*events).explain(AOR)
    (confirmed,) = found.confirmed
    assert (confirmed.kind, confirmed.count) == (RegistrationKind.REFRESHED, 2400)
    assert "2400 × the client renewed its registration; the last" in printed(found)
    assert len(found.timeline) == MAX_STEPS
    assert found.omitted == 1201 - MAX_STEPS
    assert "(after 1189 other events)" in printed(found)
    assert found.bindings[0].opened is not None
    refolding, _ = story(*events).refold(AOR)
    assert len(refolding.narrative.events) <= MAX_EVENTS


def test_records_deleted_by_retention_are_stated() -> None:
    pipeline = story(registered(1), refreshed(50), refreshed(100))
    text = printed(pipeline.explain(AOR, moment(60), kept=moment(40)))
    assert text.startswith(f"{AOR} was reachable: 1 binding.")
    assert "The log is incomplete. It has, of registrations: records from 2026-01-01" in text
    assert "as far as the log goes back; first reported by fs1/boot-a/50" in text

    # The session record has the beginning, which the log cannot have: no contradiction.
    found = pipeline.explain(AOR, kept=moment(40))
    text = printed(found)
    assert "since 00:00:01.000Z, opened by fs1/boot-a/1, which is no longer in the log" in text
    assert "last confirmed 00:01:40.000Z by fs1/boot-a/100 (freeswitch: the client renewed" in text
    assert found.published is not None
    assert found.published.differences == []

    gone = pipeline.explain(AOR, kept=moment(101))
    assert gone.answer.reachable
    assert gone.published is not None
    assert gone.published.differences[0] == "the record has status online, the log offline"
    text = printed(gone)
    assert "does not reach back far enough" in text
    assert "It has, of registrations: no records of that time." in text


def test_node_with_event_gap_is_uncertain_until_it_is_listed() -> None:
    pipeline = story(node(NodeKind.UP, 0), registered(1))
    # Its heartbeats continue: a node without any event would be lost.
    for at in (4, 8, 10, 12, 16, 20, 24):
        reach(pipeline, at)
        kind = NodeKind.GAP if at == 10 else NodeKind.HEARTBEAT
        pipeline.feed(topics.NODES, [("fs1", node(kind, at))])
    assert "uncertain" not in printed(pipeline.explain(AOR, moment(9)))
    text = printed(pipeline.explain(AOR, moment(15)))
    assert "Nodes fs1 uncertain (events up to 00:00:10.000Z may be missing);" in text
    found = pipeline.explain(AOR)
    stale = found.timeline[-1]
    assert stale.by is None
    assert moment(20) < stale.at < moment(20.1)
    text = printed(found)
    assert "is uncertain (events of its node may be missing, and no listing has come since)" in text
    assert "→ shown online, 1 binding (node-uncertain)" in text

    row = listed(25, "snap")
    end = listing_ended(25, "snap")
    end.aor = None
    reach(pipeline, 26)
    pipeline.feed(topics.REGISTRATIONS, [(AOR, row), ("fs1", end)])
    assert "uncertain" not in printed(pipeline.explain(AOR)).partition("What happened")[0]
    assert "uncertain" in printed(pipeline.explain(AOR, moment(24)))


def test_difference_between_record_and_log_is_stated() -> None:
    pipeline = story(registered(1), unregistered(5))
    pipeline.published.pop()  # the streams have not processed it yet
    found = pipeline.explain(AOR)
    assert found.answer.reachable
    text = printed(found)
    assert "and the log do not agree: the record has status online, the log offline;" in text
    assert "the user is reachable in the record, not reachable in the log;" in text
    assert "only the record has a binding on fs1" in text
    assert "have not read the whole log" in text


def test_refused_client_was_never_reachable() -> None:
    found = story(registration(RegistrationKind.REFUSED, 1)).explain(AOR)
    text = printed(found)
    assert f"{AOR} is offline: it has never been reachable, as far as the log goes back." in text
    assert "1 × a REGISTER was refused: wrong or missing credentials" in text


def test_unreadable_record_is_ignored_with_its_fault() -> None:
    pipeline = story(registered(1))
    pipeline.feed(topics.REGISTRATIONS, [(AOR, {"kind": "registered"})])
    found = pipeline.explain(AOR)
    (ignored,) = found.ignored
    assert ignored.reason == "dead-letter"
    assert ignored.why is not None
    assert "missing required field" in ignored.why


def test_listing_ends_binding_it_does_not_contain() -> None:
    end = listing_ended(20, "snap")
    end.aor = None
    found = story(registered(1), end).explain(AOR)
    assert changes(found) == ["online registered", "offline missing-from-snapshot"]
    assert found.timeline[-1].effects[0].what is What.ENDED


CLOSED, DROPPED = 5, 600
CLOSE = "fs1/sockets/5"


def closed_and_dropped() -> LoggingPipeline:
    """The connection is closed; ten minutes later the registrar drops the row."""
    close = loss(CLOSED, source=Source.SOCKETS, cookie=11)
    return story(registered(1, cookie=11), close, expired(DROPPED))


@pytest.mark.parametrize("since", [None, 0, 3, 60, 599, 700])
def test_ended_binding_has_the_event_that_ended_it(since: int | None) -> None:
    pipeline = closed_and_dropped()
    reach(pipeline, 720)
    found = pipeline.explain(AOR, since=None if since is None else moment(since))
    (end,) = found.ended
    assert end.event is not None
    assert (end.event.id, end.end.cause) == (CLOSE, Cause.CONNECTION_CLOSED)
    assert (end.at, end.end.at, end.end.event) == (moment(CLOSED), moment(CLOSED), CLOSE)
    text = printed(found)
    assert "ended 00:00:05.000Z, because its connection was closed (connection-closed)" in text
    assert "no longer in the log" not in text
    ignored = {one.reason: one for one in found.ignored}
    if since is None or since < DROPPED:  # the later report is listed, but is not an end of its own
        assert ignored["ended-earlier"].kind == RegistrationKind.EXPIRED
        assert "The binding had ended before this arrived" in text
    else:
        assert not ignored
    assert not any(
        effect.what is What.REMEMBERED for step in found.timeline for effect in step.effects
    )


def test_ended_binding_at_earlier_time_has_the_same_event() -> None:
    pipeline = closed_and_dropped()
    reach(pipeline, 720)
    (end,) = pipeline.explain(AOR, moment(700), since=moment(30)).ended
    assert (end.at, end.event and end.event.id) == (moment(CLOSED), CLOSE)


def test_first_end_counts_although_it_was_inferred() -> None:
    """The session itself has the later report in its tombstone then."""
    end = listing_ended(20, "snap")
    end.aor = None
    found = story(registered(1), end, expired(600)).explain(AOR)
    (ended,) = found.ended
    assert (ended.end.cause, ended.at) == (Cause.MISSING_FROM_SNAPSHOT, moment(20))
    assert {one.reason for one in found.ignored} == {"ended-earlier"}


def test_kernel_event_makes_inferred_end_certain() -> None:
    first = socket_closed(5)
    found = story(registered(1), first, (6, loss(5, source=Source.SOCKETS))).explain(AOR)
    (end,) = found.ended
    assert end.event is not None
    assert end.event.source == Source.SOCKETS


def test_reopened_binding_ends_by_its_own_event() -> None:
    pipeline = story(
        registered(1, cookie=11),
        loss(5, source=Source.SOCKETS, cookie=11),
        registered(10, cookie=12),
        unregistered(20),
        expired(600),
    )
    (end,) = pipeline.explain(AOR).ended
    assert (end.end.cause, end.at) == (Cause.UNREGISTERED, moment(20))


def test_unreachable_binding_has_time_and_event_of_the_loss() -> None:
    pipeline = story(
        registered(1),
        registration(RegistrationKind.PING_LOST, 30),
        expired(600),
    )
    found = pipeline.explain(AOR)
    (end,) = found.ended
    assert end.lost is not None
    assert (end.lost.mark, end.lost.at) == ("ping-lost", moment(30))
    assert "not reachable since 00:00:30.000Z (ping-lost) by fs1/boot-a/30" in printed(found)


@pytest.mark.parametrize("since", [None, 300])
def test_registrar_end_behind_edge_has_the_close_at_the_edge(since: int | None) -> None:
    at_edge = registered(1, node="os1", cookie=11, registrar="edge")
    at_edge.source = Source.OPENSIPS
    behind = registered(2, port=5080, path="<sip:10.0.0.1;lr>")
    close = loss(5, node="os1", source=Source.SOCKETS, cookie=11)
    found = story(at_edge, behind, close, expired(600, port=5080)).explain(
        AOR, since=None if since is None else moment(since)
    )
    ends = {one.key.partition("|")[0]: one for one in found.ended}
    assert (ends["os1"].at, ends["os1"].end.cause) == (moment(5), Cause.CONNECTION_CLOSED)
    assert ends["fs1"].lost is not None
    assert ends["fs1"].lost.event is not None
    assert (ends["fs1"].lost.mark, ends["fs1"].lost.event.id) == ("edge-lost", "os1/sockets/5")
    assert "not reachable since 00:00:05.000Z (edge-lost) by os1/sockets/5" in printed(found)


def test_skipped_records_are_not_reported_as_deleted() -> None:
    pipeline = story(registered(1), refreshed(50), refreshed(100))
    text = printed(pipeline.explain(AOR, since=moment(101)))
    assert "no longer in the log" not in text
    assert "The log is incomplete" not in text
    assert "opened by fs1/boot-a/1, which is older than what was read (--since)" in text
    assert "The log holds older records, of before --since" in text

    gone = printed(pipeline.explain(AOR, kept=moment(101)))
    assert "which is no longer in the log" in gone
    assert "--since" not in gone


def test_deleted_event_of_an_end_is_reported_as_deleted() -> None:
    pipeline = closed_and_dropped()
    found = pipeline.explain(AOR, kept=moment(60))
    (end,) = found.ended
    assert (end.end.cause, end.event) == (Cause.CONNECTION_CLOSED, None)
    assert end.at == moment(CLOSED)  # as published
    assert f"by {CLOSE}, which is no longer in the log" in printed(found)


def test_json_has_the_same_content_and_lines_are_at_most_100_columns() -> None:
    found = story(registered(1, cookie=11), loss(5, source=Source.SOCKETS, cookie=11)).explain(AOR)
    document = json.loads(codec.encode(found))
    assert document["answer"]["cause"] == "connection-closed"
    assert document["timeline"][0]["by"]["id"] == "fs1/boot-a/1"
    assert document["ended"][0]["end"]["cause"] == "connection-closed"
    assert all(len(line) <= 100 for line in render(found))


@pytest.mark.parametrize("name", ["\x1b[2J", "line\nbreak\u2028"])
def test_client_name_cannot_contain_control_characters(name: str) -> None:
    text = "\n".join(render(story(registered(1, user_agent=name)).explain(AOR)))
    assert "\x1b" not in text
    assert "\u2028" not in text


def call_record(number: int, at: float, **fields: Any) -> CallRecord:
    """A call of the user to bob, begun at these seconds."""
    given: dict[str, Any] = {
        "id": f"call-{number}",
        "version": 1,
        "call": "a",
        "node": "fs1",
        "nodes": ["fs1", "edge"],
        "users": [AOR, "sip:bob@example.test"],
        "caller": AOR,
        "callee": "sip:bob@example.test",
        "state": CallState.ANSWERED,
        "started": moment(at),
    }
    return CallRecord(**(given | fields))


def test_calls_are_shown_from_their_records() -> None:
    pipeline = story(registered(1), (100, refreshed(100)))
    pipeline.calls = [
        call_record(
            1,
            10,
            answered=moment(15),
            ended=moment(80),
            state=CallState.ENDED,
            hung_up_by=HungUpBy.CALLEE,
            cause="NORMAL_CLEARING",
        ),
        call_record(2, 90, at_risk=True),
    ]
    found = pipeline.explain(AOR)
    assert [one.id for one in found.call_records] == ["call-2", "call-1"]
    text = printed(found)
    assert (
        "Call records 00:01:30.000Z calls bob@example.test: answered, at risk at risk: a connection"
        " or the media is lost, and nobody has hung up nodes fs1, edge; call call-2"
    ) in text
    assert (
        "00:00:10.000Z calls bob@example.test: ended, talked 1:05 "
        "ended 00:01:20.000Z by callee, NORMAL_CLEARING nodes fs1, edge; call call-1"
    ) in text


def test_of_an_earlier_time_only_calls_that_had_begun_are_shown() -> None:
    pipeline = story(registered(1), (100, refreshed(100)))
    pipeline.calls = [call_record(number, 10 * number) for number in range(1, 9)]
    found = pipeline.explain(AOR, moment(25))
    assert [one.id for one in found.call_records] == ["call-2", "call-1"]
    assert "Call records, as they are known now" in printed(found)
    text = printed(pipeline.explain(AOR))
    assert "Call records (the last 5)" in text
    assert "call-4" in text
    assert "call-3" not in text
