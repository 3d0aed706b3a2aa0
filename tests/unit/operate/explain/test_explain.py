"""Stories of one user: what is told of them, in words, from the log."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from operate.explain.explanation import Explanation
from operate.explain.narrative import MAX_STEPS, MAX_TOLD, What
from operate.explain.rendering import tell
from schemas import codec, topics
from schemas.node import NodeEvent
from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind, Source, Status
from tests.unit.operate.explain.logging_pipeline import LoggingPipeline
from tests.unit.stories import (
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
    """Each event comes to Kafka when it happens; of a (seconds, event) at those seconds."""
    pipeline = LoggingPipeline(now=moment(0))
    for one in events:
        at, event = one if isinstance(one, tuple) else (None, one)
        reach(pipeline, (event.at - moment(0)).total_seconds() if at is None else at)
        key = getattr(event, "aor", None) or event.node
        pipeline.feed(TOPICS[type(event).__name__], [(key, event)])
    return pipeline


def reach(pipeline: LoggingPipeline, seconds: float) -> None:
    pipeline.wait(moment(seconds) - pipeline.now)


def words(explanation: Explanation) -> str:
    """What is told, on one line."""
    return re.sub(r"\s+", " ", " ".join(tell(explanation)))


def changes(explanation: Explanation) -> list[str]:
    return [
        f"{shown.status} {shown.cause}" for step in explanation.timeline for shown in step.shown
    ]


def test_a_late_close_after_a_new_registration_is_ignored_and_said_why() -> None:
    first, anew = registered(1, cookie=11), registered(3, port=5062, cookie=12)
    found = story(first, anew, (4, loss(2, cookie=11)), (5, socket_closed(4))).explain(AOR)
    told = words(found)
    assert told.startswith(f"{AOR} is reachable: 1 binding. The last change came")
    # The end of the first connection is no end of the second.
    assert changes(found) == ["online registered", "online registered", "online connection-closed"]
    (ignored,) = found.ignored
    assert (ignored.reason, ignored.count) == ("kernel-tells", 1)
    assert ignored.examples[0].id == "fs1/boot-a/4"
    assert "1 × the registrar says that a connection closed The registrar does not say" in told
    assert "fs1 sip:1001@10.0.0.7:5062;transport=tcp tcp from 10.0.0.7:5062; kernel" in told
    assert "opened by fs1/boot-a/3 (freeswitch: the client registered)" in told


def test_a_lost_connection_takes_the_user_offline_with_its_proof() -> None:
    found = story(registered(1, cookie=11), loss(5, source=Source.SOCKETS, cookie=11)).explain(AOR)
    assert found.answer.status is Status.OFFLINE
    told = words(found)
    assert told.startswith(
        f"{AOR} is offline since 00:00:05.000Z, because its connection was closed "
        "(connection-closed). Proof: fs1/sockets/5, fs1/boot-a/1"
    )
    assert "The published record (version 2) and the log agree." in told
    (end,) = found.ended
    assert end.told is not None
    assert (end.end.cause, end.told.source) == (Cause.CONNECTION_CLOSED, "sockets")
    assert not found.bindings


def test_an_earlier_time_has_its_own_answer() -> None:
    pipeline = story(registered(1), unregistered(60), registered(120, port=5062))
    answers = [words(pipeline.explain(AOR, moment(at))).partition(",")[0] for at in (30, 90, 150)]
    assert answers == [
        f"{AOR} was reachable: 1 binding. The last change came 00:00:01.000Z",
        f"{AOR} was offline since 00:01:00.000Z",
        f"{AOR} was reachable: 1 binding. The last change came 00:02:00.000Z",
    ]
    assert pipeline.explain(AOR, moment(0.5)).records == 0


def test_a_call_is_told_with_its_peer_and_its_turns() -> None:
    pipeline = story(
        registered(1),
        call(CallKind.RINGING, 10, peer="1002"),
        call(CallKind.ANSWERED, 12),
        call(CallKind.DTMF, 13),
        (15, call(CallKind.RINGING, 11)),
        call(CallKind.ENDED, 20),
    )
    talking = pipeline.explain(AOR, moment(16))
    told = words(talking)
    assert f"{AOR} was reachable: 1 binding, shown on-the-phone." in told
    assert "Calls fs1 answered since 00:00:12.000Z, called, peer 1002 leg leg-1" in told
    assert {one.reason for one in talking.ignored} == {
        "kind-has-no-effect",
        "call-went-no-further",
    }
    after = pipeline.explain(AOR)
    assert not after.calls
    assert changes(after)[-1] == "online call-ended"


def test_a_lost_node_hides_its_bindings_and_their_expiry_comes_by_the_workers_clock() -> None:
    pipeline = story(
        node(NodeKind.UP, 0), registered(1, expires_at=moment(60)), node(NodeKind.HEARTBEAT, 2)
    )
    reach(pipeline, 200)
    lost = pipeline.explain(AOR, moment(20))
    told = words(lost)
    assert f"{AOR} was offline since 00:00:02.000Z, because its node stopped" in told
    assert "is not reachable (its node was lost)" in told
    assert "Nodes fs1 lost: nothing was heard of it for its lease; its clock last told" in told
    assert lost.timeline[-1].by is not None
    assert lost.timeline[-1].by.kind == NodeKind.LOST
    # Expiry 60 s and slack 35 s, by the node's clock as the worker's goes on since it was lost.
    assert pipeline.explain(AOR, moment(90)).bindings
    gone = pipeline.explain(AOR)
    assert not gone.bindings
    last = gone.timeline[-1]
    assert last.by is None
    assert moment(95) < last.at < moment(105)
    assert "by Rollcall's own timer: the registrar had not said so" in words(gone)


def test_another_users_registration_tells_the_time_that_expires_a_binding() -> None:
    other = registered(500, port=5063)
    other.aor = "sip:1002@example.test"
    pipeline = story(registered(1, expires_at=moment(60)), other)
    found = pipeline.explain(AOR)
    assert changes(found) == ["online registered", "offline expired"]
    assert found.records == 1


def test_grace_shows_a_user_who_is_out_of_reach() -> None:
    pipeline = story(registered(1, cookie=11))
    pipeline.settings.grace = {"*": timedelta(seconds=20)}
    pipeline.state.grace = pipeline.settings.grace_of
    reach(pipeline, 5)
    pipeline.feed(topics.CONNECTION_LOSSES, [(AOR, loss(5, source=Source.SOCKETS, cookie=11))])
    reach(pipeline, 60)
    told = words(pipeline.explain(AOR, moment(10)))
    assert f"{AOR} was out of reach since 00:00:05.000Z" in told
    assert "It was shown online until its grace is over." in told
    found = pipeline.explain(AOR)
    assert f"{AOR} is offline since 00:00:05.000Z" in words(found)
    assert moment(25) <= found.timeline[-1].at < moment(26)


def test_refreshes_are_counted_and_a_long_history_stays_small() -> None:
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
    assert "2400 × the client renewed its registration; the last" in words(found)
    assert len(found.timeline) == MAX_STEPS
    assert found.omitted == 1201 - MAX_STEPS
    assert "(after 1189 other events)" in words(found)
    assert found.bindings[0].opened is not None
    retelling, _ = story(*events).retell(AOR)
    assert len(retelling.account.told) <= MAX_TOLD


def test_what_retention_has_taken_is_said() -> None:
    pipeline = story(registered(1), refreshed(50), refreshed(100))
    told = words(pipeline.explain(AOR, moment(60), kept=moment(40)))
    assert told.startswith(f"{AOR} was reachable: 1 binding.")
    assert "The log is not whole. It has of registrations what came from 2026-01-01" in told
    assert "as far as the log goes back; first told by fs1/boot-a/50" in told

    # The session record knows when it began; that the log cannot is no contradiction.
    found = pipeline.explain(AOR, kept=moment(40))
    told = words(found)
    assert "since 00:00:01.000Z, opened by fs1/boot-a/1, which is not in the log any more" in told
    assert "last confirmed 00:01:40.000Z by fs1/boot-a/100 (freeswitch: the client renewed" in told
    assert found.published is not None
    assert found.published.differences == []

    gone = pipeline.explain(AOR, kept=moment(101))
    assert gone.answer.reachable
    assert gone.published is not None
    assert gone.published.differences[0] == "it says online, the log offline"
    told = words(gone)
    assert "does not reach back far enough" in told
    assert "It has of registrations nothing of that time." in told


def test_a_node_whose_events_may_be_missing_is_in_doubt_until_it_is_listed() -> None:
    pipeline = story(node(NodeKind.UP, 0), registered(1))
    # Its heartbeats go on: a node that says nothing at all is lost.
    for at in (4, 8, 10, 12, 16, 20, 24):
        reach(pipeline, at)
        kind = NodeKind.GAP if at == 10 else NodeKind.HEARTBEAT
        pipeline.feed(topics.NODES, [("fs1", node(kind, at))])
    assert "in doubt" not in words(pipeline.explain(AOR, moment(9)))
    told = words(pipeline.explain(AOR, moment(15)))
    assert "Nodes fs1 in doubt (events up to 00:00:10.000Z may be missing);" in told
    found = pipeline.explain(AOR)
    stale = found.timeline[-1]
    assert stale.by is None
    assert moment(20) < stale.at < moment(20.1)
    told = words(found)
    assert "is in doubt (events of its node may be missing, and no listing has come since)" in told
    assert "→ shown online, 1 binding (node-uncertain)" in told

    row = listed(25, "snap")
    end = listing_ended(25, "snap")
    end.aor = None
    reach(pipeline, 26)
    pipeline.feed(topics.REGISTRATIONS, [(AOR, row), ("fs1", end)])
    assert "in doubt" not in words(pipeline.explain(AOR)).partition("What happened")[0]
    assert "in doubt" in words(pipeline.explain(AOR, moment(24)))


def test_what_is_published_otherwise_is_said() -> None:
    pipeline = story(registered(1), unregistered(5))
    pipeline.published.pop()  # the streams have not come so far
    found = pipeline.explain(AOR)
    assert found.answer.reachable
    told = words(found)
    assert "and the log do not agree: it says online, the log offline; it says reachable" in told
    assert "a binding on fs1 that the log does not tell of" in told
    assert "have not read all of the log" in told


def test_a_refused_client_was_never_reachable() -> None:
    found = story(registration(RegistrationKind.REFUSED, 1)).explain(AOR)
    told = words(found)
    assert f"{AOR} is offline: it has never been reachable, as far as the log tells." in told
    assert "1 × a REGISTER was refused: wrong or missing credentials" in told


def test_what_cannot_be_read_is_said_with_its_fault() -> None:
    pipeline = story(registered(1))
    pipeline.feed(topics.REGISTRATIONS, [(AOR, {"kind": "registered"})])
    found = pipeline.explain(AOR)
    (ignored,) = found.ignored
    assert ignored.reason == "dead-letter"
    assert ignored.why is not None
    assert "missing required field" in ignored.why


def test_a_listing_ends_what_it_does_not_show() -> None:
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
def test_an_ended_binding_is_told_with_the_event_that_ended_it(since: int | None) -> None:
    pipeline = closed_and_dropped()
    reach(pipeline, 720)
    found = pipeline.explain(AOR, since=None if since is None else moment(since))
    (end,) = found.ended
    assert end.told is not None
    assert (end.told.id, end.end.cause) == (CLOSE, Cause.CONNECTION_CLOSED)
    assert (end.at, end.end.at, end.end.event) == (moment(CLOSED), moment(CLOSED), CLOSE)
    told = words(found)
    assert "ended 00:00:05.000Z, because its connection was closed (connection-closed)" in told
    assert "not in the log" not in told
    ignored = {one.reason: one for one in found.ignored}
    if since is None or since < DROPPED:  # what came later is told of, and no end of its own
        assert ignored["ended-earlier"].kind == RegistrationKind.EXPIRED
        assert "The binding had ended before this came" in told
    else:
        assert not ignored
    assert not any(
        effect.what is What.REMEMBERED for step in found.timeline for effect in step.effects
    )


def test_so_it_is_at_an_earlier_time() -> None:
    pipeline = closed_and_dropped()
    reach(pipeline, 720)
    (end,) = pipeline.explain(AOR, moment(700), since=moment(30)).ended
    assert (end.at, end.told and end.told.id) == (moment(CLOSED), CLOSE)


def test_what_ended_it_first_counts_also_where_it_was_inferred() -> None:
    """The session itself remembers the later word then."""
    end = listing_ended(20, "snap")
    end.aor = None
    found = story(registered(1), end, expired(600)).explain(AOR)
    (ended,) = found.ended
    assert (ended.end.cause, ended.at) == (Cause.MISSING_FROM_SNAPSHOT, moment(20))
    assert {one.reason for one in found.ignored} == {"ended-earlier"}


def test_a_kernels_word_makes_an_inferred_end_certain_and_counts() -> None:
    first = socket_closed(5)
    found = story(registered(1), first, (6, loss(5, source=Source.SOCKETS))).explain(AOR)
    (end,) = found.ended
    assert end.told is not None
    assert end.told.source == Source.SOCKETS


def test_a_binding_that_came_back_ends_by_its_own_event() -> None:
    pipeline = story(
        registered(1, cookie=11),
        loss(5, source=Source.SOCKETS, cookie=11),
        registered(10, cookie=12),
        unregistered(20),
        expired(600),
    )
    (end,) = pipeline.explain(AOR).ended
    assert (end.end.cause, end.at) == (Cause.UNREGISTERED, moment(20))


def test_a_binding_out_of_reach_says_since_when_and_by_what() -> None:
    pipeline = story(
        registered(1),
        registration(RegistrationKind.PING_LOST, 30),
        expired(600),
    )
    found = pipeline.explain(AOR)
    (end,) = found.ended
    assert end.lost is not None
    assert (end.lost.mark, end.lost.at) == ("ping-lost", moment(30))
    assert "out of reach since 00:00:30.000Z (ping-lost) by fs1/boot-a/30" in words(found)


@pytest.mark.parametrize("since", [None, 300])
def test_behind_an_edge_the_close_there_is_told_with_the_registrars_end(since: int | None) -> None:
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
    assert ends["fs1"].lost.told is not None
    assert (ends["fs1"].lost.mark, ends["fs1"].lost.told.id) == ("edge-lost", "os1/sockets/5")
    assert "out of reach since 00:00:05.000Z (edge-lost) by os1/sockets/5" in words(found)


def test_what_is_not_read_is_not_said_to_be_gone() -> None:
    pipeline = story(registered(1), refreshed(50), refreshed(100))
    told = words(pipeline.explain(AOR, since=moment(101)))
    assert "not in the log" not in told
    assert "The log is not whole" not in told
    assert "opened by fs1/boot-a/1, which came before what was read (--since)" in told
    assert "The log holds more, of before --since" in told

    gone = words(pipeline.explain(AOR, kept=moment(101)))
    assert "which is not in the log any more" in gone
    assert "--since" not in gone


def test_an_end_that_the_log_holds_no_more_is_said_to_be_gone() -> None:
    pipeline = closed_and_dropped()
    found = pipeline.explain(AOR, kept=moment(60))
    (end,) = found.ended
    assert (end.end.cause, end.told) == (Cause.CONNECTION_CLOSED, None)
    assert end.at == moment(CLOSED)  # as published
    assert f"by {CLOSE}, which is not in the log any more" in words(found)


def test_json_has_the_same_content_and_no_line_is_too_long() -> None:
    found = story(registered(1, cookie=11), loss(5, source=Source.SOCKETS, cookie=11)).explain(AOR)
    document = json.loads(codec.encode(found))
    assert document["answer"]["cause"] == "connection-closed"
    assert document["timeline"][0]["by"]["id"] == "fs1/boot-a/1"
    assert document["ended"][0]["end"]["cause"] == "connection-closed"
    assert all(len(line) <= 100 for line in tell(found))


@pytest.mark.parametrize("name", ["\x1b[2J", "line\nbreak\u2028"])
def test_what_a_client_calls_itself_cannot_move_the_cursor(name: str) -> None:
    told = "\n".join(tell(story(registered(1, user_agent=name)).explain(AOR)))
    assert "\x1b" not in told
    assert "\u2028" not in told
