"""`rollcall replay rtpengine=FILE`: a recorded rtpengine, and what its producer publishes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.replay.ng_recording import Counted, Deleted, Ended, Listed, Measured, Round, read_ng
from local.replay.ng_state import UNKNOWN, NgState, moved
from local.replay.rtpengine import RtpengineReplay
from producers.rtpengine.ng import UdpNg
from schemas.topics import MEDIA
from schemas.vocabulary import MediaKind
from tests.unit.rtpengine_capture import CAPTURES, Play, answers, queried

SECOND = 1_000_000
START = 1_795_502_000


def row(at: float, command: str, response: Any, **request: Any) -> str:
    return json.dumps(
        {"t": START + at, "request": {"command": command, **request}, "response": response}
    )


def written(folder: Path, *rows: str) -> Path:
    path = folder / "ng.jsonl"
    path.write_text("".join(f"{one}\n" for one in rows))
    return path


def query(at: float, call: str, packets: int = 1) -> str:
    answer = {"result": "ok", "created": START, "tags": {}, "packets": packets}
    return row(at, "query", answer, **{"call-id": call})


def counted(at: float, uptime: int, **totals: int) -> str:
    answer = {"totalstatistics": {"uptime": str(uptime), **totals}}
    return row(at, "statistics", {"result": "ok", "statistics": answer})


def played(path: Path, speed: float | None = None) -> Play:
    """Play a recording to the real producer, to its end, without pauses between rounds."""
    replay = RtpengineReplay(path, speed=speed)
    replay.start()
    try:
        address = replay.environment(None)["ROLLCALL_RTPENGINE_NG"]
        ng: Any = UdpNg(address, 5, 500)
        play = Play(ng)
        while not replay.finished:
            play.rounds()
        ng.close()
        return play
    finally:
        replay.stop()


def media(play: Play) -> list[Any]:
    return [record.event for record in play.published if record.topic is MEDIA]


def test_each_recorded_measurement_is_published_once() -> None:
    play = played(CAPTURES / "ng_loss.jsonl")
    events = [e for e in media(play) if e.call_id.startswith("loss")]
    # As with a live one, the first answer only gives the parties.
    recorded = [answer for _, answer in answers("loss") if "tags" in answer][1:]
    measured = [e for e in events if e.kind is MediaKind.QUALITY]
    assert [[s.packets for s in e.streams] for e in measured] == [
        [p["medias"][0]["streams"][0]["stats"]["packets"] for p in answer["tags"].values()]
        for answer in recorded
    ]
    truth = json.loads((CAPTURES / "truth_loss.json").read_text())["truth"]
    last = events[-1]
    assert (last.kind, last.reason) == (MediaKind.ENDED, "deleted")
    for party, stream in zip(truth, last.streams, strict=True):
        assert stream.ssrc == party["ssrc"]
        assert party["sent"] - stream.packets in range(4)  # the last packets were in transit
    assert [stream.heard_lost for stream in last.streams] == [2, 28]
    assert not play.dead_letters
    # Times are those of the play: the call began when it was played, at one time.
    assert len({e.created_at for e in events}) == 1
    assert 0 <= (last.at - last.created_at).total_seconds() < 60
    assert abs((last.at - last.last_packet_at).total_seconds()) < 3


def test_paced_call_ends_with_its_last_measurement(tmp_path: Path) -> None:
    first, last = queried("loss", "query t=3.0"), queried("loss", "delete")
    about = {"call-id": "a"}
    rows = row(0, "query", first, **about), row(9, "delete", last, **about)
    events = media(played(written(tmp_path, *rows), speed=30))
    assert [(e.kind, e.streams[0].packets) for e in events] == [
        (MediaKind.QUALITY, 719),
        (MediaKind.ENDED, 719),
    ]


def test_end_without_counter_has_no_reason(tmp_path: Path) -> None:
    about = {"call-id": "a"}
    gone = row(1, "query", {"result": "error", "error-reason": "Unknown call-id"}, **about)
    (ended,) = media(played(written(tmp_path, query(0, "a"), gone)))
    assert (ended.kind, ended.reason) == (MediaKind.ENDED, None)


def test_recorded_counter_gives_a_timeout(tmp_path: Path) -> None:
    answer = queried("stop_both", "query t=3.0")
    about = {"call-id": "a@h"}
    path = written(
        tmp_path,
        row(0, "list", {"calls": ["a@h"], "result": "ok"}),
        counted(0.001, 50, timeoutsessions=3),
        row(0.002, "query", answer, **about),
        row(1, "query", answer, **about),
        row(2, "list", {"calls": [], "result": "ok"}),
        counted(2.001, 52, timeoutsessions=4),
    )
    assert [(e.kind, e.reason) for e in media(played(path))] == [
        (MediaKind.QUALITY, None),
        (MediaKind.TIMED_OUT, "timeout"),
    ]


def test_call_id_too_long_for_a_record_does_not_delay_others(tmp_path: Path) -> None:
    long = "x" * 1025
    path = written(tmp_path, query(0, long), query(0.1, "a@h"), query(1, "a@h"))
    play = played(path)
    assert [e.call_id for e in media(play)] == ["a@h"]
    assert [reason for _, _, reason, _ in play.dead_letters] == ["no Call-ID a record can carry"]


def test_answers_of_one_poll_are_one_round(tmp_path: Path) -> None:
    rows = (query(0, "a"), query(0.1, "b"), query(0.2, "a"), query(0.9, "b"), counted(0.91, 5))
    first, second, third = read_ng(written(tmp_path, *rows))
    assert [change.call for change in first.changes if isinstance(change, Measured)] == ["a", "b"]
    assert len(second.changes) == 1
    assert [type(change) for change in third.changes] == [Measured, Counted]
    assert third.received == (START * 100 + 91) * 10_000


def test_call_is_listed_from_offer_to_end(tmp_path: Path) -> None:
    about = {"call-id": "a"}
    path = written(
        tmp_path,
        row(0, "offer", {"result": "ok", "sdp": ""}, **about),
        row(1, "list", {"calls": ["b"], "result": "ok"}, limit=1),  # limited: there may be more
        row(2, "query", {"result": "ok", "tags": {}}, **about),
        row(3, "delete", {"result": "ok", "tags": {}}, **about),
        row(4, "list", {"calls": ["a", "b"], "result": "ok"}),  # delete-delay
        row(5, "list", {"calls": ["b"], "result": "ok"}),
        row(6, "delete", {"result": "ok", "warning": "not found"}, **about),
        row(7, "query", {"result": "error", "error-reason": "Unknown call-id"}, **{"call-id": "b"}),
        row(8, "list", None),
    )
    state = NgState(0)
    shown = []
    for one in read_ng(path):
        state.reached(one, one.received)
        shown.append(state.listed(9)["calls"])
    kept, gone = ["a", "b"], ["b"]
    assert shown == [["a"], kept, kept, kept, kept, kept, gone, []]
    totals = state.statistics(0)["statistics"]["totalstatistics"]
    assert totals["regularterminatedsessions"] == 1


def test_answer_is_given_once() -> None:
    state = NgState(0)
    state.reached(Round([Measured("a", {"tags": {}, "result": "ok"})], [0]), 0)
    assert state.pending == ["a"]
    assert state.queried("a") == {"tags": {}, "result": "ok"}
    assert state.queried("a") == UNKNOWN
    assert state.pending == []
    assert state.listed(5)["calls"] == ["a"]


def test_uptime_grows_with_the_play_and_falls_at_a_recorded_restart() -> None:
    state = NgState(0)

    def counts(uptime: int, at: int, now: int) -> None:
        totals = {"statistics": {"totalstatistics": {"uptime": uptime}}}
        state.reached(Round([Counted(totals)], [at * SECOND]), now * SECOND)

    def uptime(now: int) -> Any:
        return state.statistics(now * SECOND)["statistics"]["totalstatistics"]["uptime"]

    assert uptime(3) == 3
    counts(500, at=100, now=4)
    assert uptime(6) == 502
    counts(520, at=120, now=6)  # the recording plays faster
    assert uptime(7) == 503
    counts(2, at=130, now=8)
    assert uptime(9) == 3


def test_deletions_are_added_to_recorded_counters_until_they_include_them() -> None:
    name = "regularterminatedsessions"
    state = NgState(0)

    def count() -> Any:
        return state.statistics(0)["statistics"]["totalstatistics"][name]

    def totals(deleted: int) -> Counted:
        counts = {"uptime": 1, name: deleted}
        return Counted({"statistics": {"totalstatistics": counts}})

    state.reached(Round([totals(7), Listed(["a"], True)], [0, 0]), 0)
    state.reached(Round([Deleted("a", lingers=False)], [0]), 0)
    assert count() == 8
    state.reached(Round([totals(8), Ended("a")], [0, 0]), 0)
    assert count() == 8


def test_only_epochs_are_moved() -> None:
    at = START
    answer = {
        "created": at,
        "created_us": 977_030,
        "created_ts": at * SECOND + 977_030,
        "SSRC": {str(at): {"lowest MOS": {"reported at": at + 5, "MOS": 44}}},
        "tags": {"x": {"created": at, "medias": [{"streams": [{"last packet": at + 6}]}]}},
        "ssrc": at,
        "last signal": 0,
    }
    assert moved(answer, 20 * SECOND, 30 * SECOND) == {
        "created": at + 30,
        "created_us": 977_030,
        "created_ts": (at + 30) * SECOND + 977_030,
        "SSRC": {str(at): {"lowest MOS": {"reported at": at + 25, "MOS": 44}}},
        "tags": {"x": {"created": at + 30, "medias": [{"streams": [{"last packet": at + 26}]}]}},
        "ssrc": at,
        "last signal": 0,
    }


@pytest.mark.parametrize(
    "content",
    ["", "no json\n", "[]\n", '{"t": 1}\n', row(0, "ping", {"result": "pong"}), row(0, "list", [])],
)
def test_other_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"recording|contains no|Expecting"):
        read_ng(path)
