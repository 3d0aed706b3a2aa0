"""`rollcall replay opensips=FILE`: epochs are moved, boundaries of datagrams and streams kept."""

import json
import socket
import time
from pathlib import Path

import pytest

from local.replay.opensips import OpenSipsReplay
from local.replay.opensips_recording import RecordedPiece, read_pieces
from tests.eventually import eventually
from tests.unit.opensips_capture import CAPTURES

JSON = (
    b'{"params":{"expires":1795500687,"callid":"1795500687","cseq":1795500687,"time":1795500690}}'
)


def test_only_epochs_are_moved() -> None:
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


def test_other_file_is_refused(tmp_path: Path) -> None:
    for content in ("", "no json\n", '{"a":1}\n', "[]\n"):
        file = tmp_path / "x.datagram"
        file.write_text(content)
        with pytest.raises(ValueError, match=r"no|Expecting"):
            read_pieces(file)


def test_each_recorded_datagram_is_sent() -> None:
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
    # As far ahead as in the recording: an hour.
    assert 3590 < got[1]["params"]["expires"] - time.time() <= 3600


def test_stream_keeps_its_connections() -> None:
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
