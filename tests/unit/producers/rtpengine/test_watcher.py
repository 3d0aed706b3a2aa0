"""What rounds of polling publish of calls that go on, end, time out, or cannot be read."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.rtpengine.answers import Figures
from producers.rtpengine.end_reasons import EndedCall, EndReasons
from producers.rtpengine.errors import NgRefused, NgUnreachable, NgUnreadable
from schemas.media import MediaEvent
from schemas.node import NodeEvent
from schemas.vocabulary import MediaKind, NodeKind
from tests.unit.rtpengine_capture import Play, ScriptedNg, queried

T = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def call(capture: str = "good", note: str = "query t=6.0", silent: int = 0) -> dict[str, Any]:
    """A recorded answer, its last packets so many seconds earlier."""
    answer = queried(capture, note)
    for party in answer["tags"].values():
        for stream in party["medias"][0]["streams"]:
            stream["last packet"] -= silent
    return answer


def media(events: list[Any]) -> list[MediaEvent]:
    return [e for e in events if isinstance(e, MediaEvent)]


def marks(events: list[Any]) -> list[NodeEvent]:
    return [e for e in events if isinstance(e, NodeEvent)]


def ends(events: list[Any]) -> dict[str, tuple[MediaKind, str | None]]:
    return {e.call_id: (e.kind, e.reason) for e in media(events) if e.kind is not MediaKind.QUALITY}


def test_call_is_measured_and_its_end_has_the_last_figures() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls["a@h"] = call()
    assert media(play.rounds()) == []  # the first measurement only shows who is in the call
    ng.calls["a@h"] = call(note="query t=9.0")
    (measured,) = media(play.rounds())
    assert (measured.kind, measured.call_id) == (MediaKind.QUALITY, "a@h")
    assert {s.packets for s in measured.streams} == {451}
    ng.end("a@h")
    (ended,) = media(play.rounds())
    assert (ended.kind, ended.reason) == (MediaKind.ENDED, "deleted")
    assert ended.streams == measured.streams
    assert play.rounds(3)[0].kind is NodeKind.HEARTBEAT
    assert play.published[0].key == "rtpe1"
    assert {r.key for r in play.published if isinstance(r.event, MediaEvent)} == {"a@h"}


def test_among_calls_ended_together_the_longest_silent_one_timed_out() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls |= {"talks@h": call(), "silent@h": call(silent=60), "talks2@h": call(silent=1)}
    play.rounds(2)
    ng.end("talks@h")
    ng.end("silent@h", "timeout")
    ng.end("talks2@h")
    assert ends(play.rounds()) == {
        "talks@h": (MediaKind.ENDED, "deleted"),
        "silent@h": (MediaKind.TIMED_OUT, "timeout"),
        "talks2@h": (MediaKind.ENDED, "deleted"),
    }


def test_ended_call_waits_one_round_for_its_counter() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls["a@h"] = call()
    play.rounds(2)
    ng.end("a@h", None)
    assert media(play.rounds()) == []
    ng.ended["silent-timeout"] += 1
    assert ends(play.rounds()) == {"a@h": (MediaKind.TIMED_OUT, "silent-timeout")}
    assert media(play.rounds(3)) == []


def test_counter_raised_before_its_call_leaves_the_list_is_kept_one_round() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls["a@h"] = call()
    play.rounds(2)
    ng.ended["timeout"] += 1  # between the listing and the statistics
    play.rounds()
    ng.end("a@h", None)
    assert ends(play.rounds()) == {"a@h": (MediaKind.TIMED_OUT, "timeout")}


def test_end_without_counter_has_no_reason() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls["a@h"] = call()
    play.rounds(2)
    ng.end("a@h", None)
    assert ends(play.rounds(2)) == {"a@h": (MediaKind.ENDED, None)}


def test_final_timeout_is_assigned_to_the_oldest_call() -> None:
    def ended(name: str, age: int, silence: int) -> EndedCall:
        silent_since, created_at = T - timedelta(seconds=silence), T - timedelta(seconds=age)
        return EndedCall(name, Figures(None, [], []), silent_since, created_at)

    reasons = EndReasons()
    reasons.assign([], Counter())
    found = reasons.assign(
        [ended("old", 7200, 0), ended("silent", 100, 60), ended("new", 10, 0)],
        Counter({"final-timeout": 1, "timeout": 1, "deleted": 1}),
    )
    assert {one.call_id: reason for one, reason in found} == {
        "old": "final-timeout",
        "silent": "timeout",
        "new": "deleted",
    }


def test_restart_ends_the_calls_of_the_earlier_process() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls |= {"a@h": call(), "kept@h": call()}
    first = marks(play.rounds(2))
    ng.uptime, ng.calls = 0, {"kept@h": call()}  # it read that one from its Redis
    after = play.rounds()
    (ended,) = [e for e in media(after) if e.kind is not MediaKind.QUALITY]
    assert (ended.call_id, ended.reason) == ("a@h", "rtpengine-restarted")
    assert ended.boot == first[0].boot
    up = marks(after)[0]
    assert (up.kind, up.uptime_seconds) == (NodeKind.UP, 0)
    assert up.boot != first[0].boot
    assert after.index(ended) < after.index(up)
    ng.end("kept@h")
    assert ends(play.rounds()) == {"kept@h": (MediaKind.ENDED, "deleted")}


def test_node_events_are_up_heartbeats_one_down_and_up_again() -> None:
    ng = ScriptedNg()
    play = Play(ng, lost_after_seconds=1e-9)
    ng.calls["a@h"] = call()
    events = marks(play.rounds(3))
    assert [m.kind for m in events] == [NodeKind.UP, NodeKind.HEARTBEAT, NodeKind.HEARTBEAT]
    ng.failure = NgUnreachable("127.0.0.1:2223: Connection refused")
    (down,) = play.rounds(3)
    assert (down.kind, down.boot) == (NodeKind.DOWN, events[0].boot)
    assert "Connection refused" in down.reason
    assert not play.watcher.is_up
    ng.failure = None
    back = play.rounds()
    assert [m.kind for m in marks(back)] == [NodeKind.UP]
    assert marks(back)[0].boot == down.boot
    assert ends(back) == {}


def test_short_silence_is_not_down() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    play.rounds()
    ng.failure = NgUnreachable("no answer in time")
    assert play.rounds(2) == []
    assert play.watcher.is_up


def test_unreadable_call_is_one_dead_letter_and_others_are_published() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls |= {"bad@h": {"tags": [], "result": "ok"}, "good@h": call()}
    found = media(play.rounds(4))
    assert {e.call_id for e in found} == {"good@h"}
    ((source, payload, _, field),) = play.dead_letters
    assert (source, field) == ("rtpengine/rtpe1", "tags")
    assert json.loads(payload)["tags"] == []
    ng.end("bad@h")
    assert ends(play.rounds()) == {"bad@h": (MediaKind.ENDED, "deleted")}


def test_call_id_that_no_record_can_carry_is_one_dead_letter() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls |= dict.fromkeys(["", "x" * 1025, b"\xff@h".decode("utf-8", "surrogateescape")], None)
    ng.calls["good@h"] = call()
    assert {e.call_id for e in media(play.rounds(3))} == {"good@h"}
    assert sorted(payload for _, payload, _, _ in play.dead_letters) == [
        b"",
        b"x" * 1025,
        b"\xff@h",
    ]
    assert {field for *_, field in play.dead_letters} == {"calls"}


@pytest.mark.parametrize("uptime", [None, "soon", -1, 2**40, []])
def test_invalid_statistics_are_one_dead_letter_and_end_no_call(uptime: Any) -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls["a@h"] = call()
    play.rounds(2)
    ng.uptime = uptime
    ng.end("a@h")
    assert play.rounds(3) == []
    ((_, _, _, field),) = play.dead_letters
    assert field == "statistics.totalstatistics.uptime"
    ng.uptime = 100
    assert ends(play.rounds()) == {"a@h": (MediaKind.ENDED, "deleted")}


def test_query_answer_that_is_not_json_is_a_dead_letter() -> None:
    class Garbled(ScriptedNg):
        def ask(self, command: str, **parameters: str | int) -> dict[str, Any]:
            if command == "query":
                raise NgUnreadable("the answer to query is no JSON", b"\xff{")
            return super().ask(command, **parameters)

    ng = Garbled()
    play = Play(ng)
    ng.calls["a@h"] = call()
    assert [m.kind for m in play.rounds(2)] == [NodeKind.UP, NodeKind.HEARTBEAT]
    assert [payload for _, payload, _, _ in play.dead_letters] == [b"\xff{"]


def test_listing_that_is_not_json_is_one_dead_letter_and_ends_no_call() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    ng.calls["a@h"] = call()
    play.rounds(2)
    ng.failure = NgUnreadable("the answer to list is no JSON", b"\xff[")
    assert play.rounds(3) == []
    assert [(payload, field) for _, payload, _, field in play.dead_letters] == [(b"\xff[", None)]
    ng.failure = None
    assert {e.kind for e in media(play.rounds())} == {MediaKind.QUALITY}


def test_listing_too_long_for_a_datagram_is_requested_in_part() -> None:
    """New calls beyond the limit are not seen; a call that was seen is followed to its end."""
    ng = ScriptedNg(calls_max=100)
    ng.list_limit = 50
    ng.calls = {f"{number}@h": call() for number in range(60)}
    play = Play(ng)
    play.rounds()
    assert ng.commands == ["list", "ping"]
    play.rounds(2)
    assert play.watcher.status()["calls"] == 50
    ng.end("0@h")
    found = play.rounds(2)
    assert ends(found) == {"0@h": (MediaKind.ENDED, None)}
    assert len([e for e in media(found) if e.kind is MediaKind.QUALITY]) >= 49
    ng.calls = {"1@h": call()}  # the listing is complete again
    play.rounds(3)
    assert play.watcher.status()["calls"] == 1


def test_one_lost_answer_ends_no_call() -> None:
    ng = ScriptedNg(calls_max=40)
    play = Play(ng)
    ng.calls = {f"{number}@h": call() for number in range(30)}
    play.rounds(2)
    ng.list_limit = 0
    play.rounds()
    ng.list_limit = 100
    assert ends(play.rounds(3)) == {}
    assert play.watcher.status()["calls"] == 30


def test_rtpengine_that_answers_with_errors_is_not_down() -> None:
    ng = ScriptedNg()
    play = Play(ng)
    play.rounds()
    ng.failure = NgRefused("list: Unrecognized command")
    assert play.rounds(2) == []
