"""One speech session where the switch and the MRCP server both report it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from calls.fold.book import CallBook
from schemas import topics
from schemas.call_record import CallRecord, CallSpeech
from schemas.speech import SpeechEvent
from schemas.vocabulary import Source
from tests.unit.calls.folding import NOW, calls_of, freeswitch
from tests.unit.mrcp_log import sessions_of

CAPTURES = Path(__file__).parents[3] / "captures" / "speech"
# Without a message that names the call no request can be joined; without a server there is none.
JOINED = [
    "fs_pds_success",
    "fs_pds_globalvar",
    "fs_detect_speech",
    "fs_park_fire_duplicates",
    "fs_pds_noinput",
    "fs_pds_nomatch",
    "fs_pds_caller_hangup",
    "fs_bridge_nofire",
    "fs_speak",
    "fs_pds_server_killed",
]


def record(name: str, folder: Path, *, order: str = "both") -> CallRecord:
    """The call of a capture; `order`: which source is read, or which one first."""
    switch = freeswitch(CAPTURES / f"{name}.esl.json", speech=True)
    server = sessions_of(CAPTURES / f"{name}.mrcp", folder)
    book = CallBook(1)
    for one in switch:
        if one.topic is topics.CALLS:
            book.read_call(one.event, 0, NOW)
    events: dict[str, list[SpeechEvent]] = {
        "switch": [one.event for one in switch if one.topic is topics.SPEECH],
        "server": server,
    }
    chosen = {"both": ["switch", "server"], "server first": ["server", "switch"]}
    for source in chosen.get(order, [order]):
        for event in events[source]:
            assert book.read_speech(event, NOW)
    (found,) = calls_of(book)
    return found


def session(name: str, folder: Path, order: str = "both") -> CallSpeech:
    (only,) = record(name, folder, order=order).speech
    return only


@pytest.mark.parametrize("name", JOINED)
def test_one_session_whichever_source_is_read_first(name: str, tmp_path: Path) -> None:
    both = session(name, tmp_path)
    assert both.source is Source.FREESWITCH
    assert len(both.requests) == 1
    assert session(name, tmp_path, "server first") == both


@pytest.mark.parametrize("name", JOINED)
def test_the_servers_log_alone_is_a_session_of_the_call(name: str, tmp_path: Path) -> None:
    alone = session(name, tmp_path, "server")
    switch = session(name, tmp_path, "switch")
    assert (alone.source, alone.leg, alone.kind) == (Source.MRCP, switch.leg, switch.kind)
    assert switch.requests == []


def test_a_result_that_the_switch_does_not_report_is_the_servers(tmp_path: Path) -> None:
    """Bridged, and without fire_asr_events: the switch reports the hangup only."""
    assert session("fs_bridge_nofire", tmp_path, "switch").cause == "hangup"
    both = session("fs_bridge_nofire", tmp_path)
    assert (both.cause, both.results) == ("success", 1)
    assert both.latency == pytest.approx(0.47, abs=0.001)


def test_a_latency_of_both_is_within_20_ms_of_the_packets(tmp_path: Path) -> None:
    """The switch's times tick; joined, the latency is that of the messages on the wire."""
    switch, both = (session("fs_pds_success", tmp_path, order) for order in ("switch", "both"))
    assert switch.latency == pytest.approx(0.469916, abs=0.02)
    assert both.latency == pytest.approx(0.469916, abs=0.001)


def test_a_restored_call_is_joined_the_same(tmp_path: Path) -> None:
    for name in JOINED:
        before = record(name, tmp_path)
        book = CallBook(1)
        book.restore(before, NOW)
        (call,) = book.calls.values()
        assert {one.source for one in call.speech.values()} == {Source.FREESWITCH, Source.MRCP}
        for event in sessions_of(CAPTURES / f"{name}.mrcp", tmp_path):
            book.read_speech(event, NOW)  # repeats
        assert calls_of(book) == []


def test_a_request_after_the_session_is_one_of_its_own(tmp_path: Path) -> None:
    both = session("fs_pds_success", tmp_path)
    book = CallBook(1)
    for one in freeswitch(CAPTURES / "fs_pds_success.esl.json", speech=True):
        if one.topic is topics.CALLS:
            book.read_call(one.event, 0, NOW)
        elif one.topic is topics.SPEECH:
            book.read_speech(one.event, NOW)
    late = sessions_of(CAPTURES / "fs_pds_success.mrcp", tmp_path)[-1]
    assert both.ended is not None
    book.read_speech(replace(late, started_at=both.ended + timedelta(seconds=3)), NOW)
    (call,) = calls_of(book)
    assert [one.source for one in call.speech] == [Source.FREESWITCH, Source.MRCP]


def test_a_leg_that_two_nodes_have_is_nobodys(tmp_path: Path) -> None:
    """A UUID is on one switch; another server's leg id may be anything."""
    event = sessions_of(CAPTURES / "fs_pds_success.mrcp", tmp_path)[-1]
    book = CallBook(1)
    for one in freeswitch(CAPTURES / "fs_pds_success.esl.json"):
        if one.topic is topics.CALLS:
            book.read_call(one.event, 0, NOW)
            other = {"node": "another", "sip_call_id": "x", "correlation": None}
            book.read_call(replace(one.event, **other), 0, NOW)
    assert not book.read_speech(event, NOW)
    assert book.read_speech(replace(event, leg=event.channel or ""), NOW)
