"""Recordings played back: epochs moved, boundaries kept, several of them on one clock."""

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from local.replay.conductor import Conductor
from local.replay.opensips import OpenSipsReplay, RecordedPiece, read_pieces
from tests.eventually import eventually
from tests.unit.opensips_capture import CAPTURES

JSON = (
    b'{"params":{"expires":1795500687,"callid":"1795500687","cseq":1795500687,"time":1795500690}}'
)


def test_epochs_move_and_nothing_else() -> None:
    moved = RecordedPiece(0, JSON, 0).moved(10_000_000)
    assert moved == JSON.replace(b'"expires":1795500687', b'"expires":1795500697').replace(
        b'"time":1795500690', b'"time":1795500700'
    )
    lines = b"E_X\naor::1795500687\nexpires::1795500687\nattr::expires::1795500687\n\n"
    assert RecordedPiece(0, lines, 0).moved(-1_000_000) == lines.replace(
        b"\nexpires::1795500687", b"\nexpires::1795500686"
    )
    written_back = b'{"expires":10}'
    assert RecordedPiece(0, written_back, 0).moved(10_000_000) == written_back


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    for content in ("", "no json\n", '{"a":1}\n', "[]\n"):
        file = tmp_path / "x.datagram"
        file.write_text(content)
        with pytest.raises(ValueError, match=r"no|Expecting"):
            read_pieces(file)


def test_a_datagram_goes_out_for_each_recorded_one() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        replay = OpenSipsReplay(CAPTURES / "tcp_kill9.datagram", target=listener.getsockname())
        replay.start()
        got = [json.loads(listener.recv(65535)) for _ in replay.frames]
        eventually(lambda: replay.finished)
        replay.stop()
    assert [one["method"] for one in got[:3]] == [
        "E_UL_AOR_INSERT",
        "E_UL_CONTACT_INSERT",
        "E_CORE_TCP_DISCONNECT",
    ]
    # As far ahead as it was in the recording: an hour.
    assert 3590 < got[1]["params"]["expires"] - time.time() <= 3600


def test_a_stream_keeps_its_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        capture = CAPTURES / "stream_down.stream"
        replay = OpenSipsReplay(capture, target=listener.getsockname())
        replay.start()
        for number in dict.fromkeys(piece.connection for piece in replay.frames):
            whole = sum(len(p.data) for p in replay.frames if p.connection == number)
            connection, _ = listener.accept()
            with connection:
                got = 0
                while got < whole:
                    got += len(connection.recv(65535))
        eventually(lambda: replay.finished)
        replay.stop()
    assert replay.sent_events == sum(len(piece.data) for piece in replay.frames)


@pytest.mark.parametrize("speed", [None, 20.0])
def test_several_recordings_keep_their_order(speed: float | None) -> None:
    conductor = Conductor(speed)
    base = 1_795_500_000_000_000
    times = {"a": [0, 300, 310, 900], "b": [100, 305, 800], "c": [50]}
    parts = {
        name: conductor.join([base + at * 1000 for at in each]) for name, each in times.items()
    }
    played: list[int] = []

    def play(name: str) -> None:
        assert parts[name].begin()
        for index, at in enumerate(times[name]):
            assert parts[name].wait_for(index)
            played.append(at)
            parts[name].sent(index)

    threads = [threading.Thread(target=play, args=(name,)) for name in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert played == sorted(played)
    assert len(played) == 8


def test_unpaced_another_source_waits_for_the_effect() -> None:
    effects: list[str] = []
    conductor = Conductor(None, lambda: "first" in effects)
    first, second = conductor.join([1]), conductor.join([2])
    first.begun = True
    done = threading.Event()

    def play() -> None:
        second.begin()
        second.wait_for(0)
        done.set()

    thread = threading.Thread(target=play)
    thread.start()
    first.begin()
    assert first.wait_for(0)
    first.sent(0)
    assert not done.wait(0.1)
    effects.append("first")
    assert done.wait(10)
    thread.join()


def test_a_stopped_part_holds_nobody_up() -> None:
    conductor = Conductor(None)
    gone, other = conductor.join([1]), conductor.join([2])
    gone.stop()
    assert other.begin()
    assert other.wait_for(0)
    assert not gone.begin()
