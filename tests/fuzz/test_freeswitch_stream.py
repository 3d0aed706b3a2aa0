"""The event socket's bytes: cut into frames, and answers given to their commands."""

from collections.abc import Callable
from typing import Any

import pytest
from gevent.event import AsyncResult
from hypothesis import example, given

from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused, EventSocketError, StreamBroken
from producers.freeswitch.framing import HEADER_MAX_BYTES, KEPT_BYTES, Frame, Framing, Skipped
from tests.fuzz.hostile import cuts, fuzzed, mutated, pieces
from tests.unit.freeswitch_capture import bodies

_MAX = 64 * 1024
BODIES = bodies("reg_blind") + bodies("calls")[:60] + bodies("options_ping")[:20]


def framed(body: bytes, kind: str = "text/event-json") -> bytes:
    return b"Content-Length: %d\nContent-Type: %s\n\n%s" % (len(body), kind.encode(), body)


STREAMS = [
    *map(framed, BODIES[:8]),
    b"Content-Type: auth/request\n\n",
    b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
    framed(b"+OK\n", "api/response"),
    b"".join(map(framed, BODIES[:3])),
    b"Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n",
]


def cut_up(data: bytes, cut: list[int]) -> tuple[list[Frame | Skipped], str | None]:
    framing, found = Framing(_MAX), []
    try:
        for piece in pieces(data, cut):
            for frame in framing.feed(piece):
                found.append(frame)  # noqa: PERF402 - an error must not take those before it along
            assert len(framing._buffer) <= HEADER_MAX_BYTES + _MAX + len(piece)
    except StreamBroken as error:
        return found, str(error)
    return found, None


_AT_THE_BOUND = b"X: " + b"y" * (HEADER_MAX_BYTES - 21) + b"\nContent-Length: 5"
_CUT_LENGTH = (
    b"A: " + b"y" * (HEADER_MAX_BYTES - 22) + b"\nContent-Length: 12\nB: c\n\n" + b"z" * 12
)


@fuzzed(150)
@given(mutated(STREAMS), cuts)
@example(_AT_THE_BOUND + b"\n\nabcde", [HEADER_MAX_BYTES + 1])  # was skipped only when cut there
@example(_CUT_LENGTH + framed(b"{}"), [])  # was read as a length of 1
def test_frames_are_the_same_however_the_stream_is_cut(data: bytes, cut: list[int]) -> None:
    whole = cut_up(data, [])
    assert cut_up(data, cut) == whole
    assert cut_up(data, list(range(min(len(data), 400)))) == whole


def test_a_cut_content_length_is_not_read() -> None:
    found, error = cut_up(_CUT_LENGTH + framed(b"{}"), [])
    assert found == []
    assert error is not None


def test_an_endless_frame_is_not_kept() -> None:
    framing = Framing(_MAX)
    list(framing.feed(b"Content-Length: 999999999999\nContent-Type: text/event-json\n\n"))
    for _ in range(64):
        assert list(framing.feed(b"x" * 65536)) == []
        assert len(framing._buffer) + len(framing._kept or b"") <= KEPT_BYTES


def test_an_endless_header_ends_the_connection() -> None:
    framing = Framing(_MAX)
    for _ in range(HEADER_MAX_BYTES // 4096):
        assert list(framing.feed(b"x" * 4096)) == []
    with pytest.raises(StreamBroken, match="header longer"):
        list(framing.feed(b"x" * 4096))
    assert len(framing._buffer) <= HEADER_MAX_BYTES + 4096


class _Wire:
    """Where the socket is: gives the pieces, then the end."""

    def __init__(self, given_pieces: list[bytes]) -> None:
        self._pieces = given_pieces

    def recv(self, size: int) -> bytes:
        del size
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        """Nothing is open."""


def _connected(given_pieces: list[bytes], received: Callable[[Any], None]) -> EventSocket:
    socket = EventSocket(
        *("h", 1, "p"),
        received=received,
        frame_max_bytes=_MAX,
        connect_timeout=1,
        command_timeout=1,
    )
    socket.sock, socket.connected = _Wire(given_pieces), True
    return socket


@fuzzed(100)
@given(mutated(STREAMS), cuts)
def test_the_connection_ends_with_a_named_error(data: bytes, cut: list[int]) -> None:
    socket = _connected(pieces(data, cut), lambda _: None)
    socket.receive_events()
    assert isinstance(socket.failure, EventSocketError)


@pytest.mark.parametrize("size", [_MAX + 1, 5 * 2**20, 3 * _MAX])
def test_a_long_answer_is_its_commands_and_the_next_the_nexts(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One larger than a frame was taken for an event: from then on each answer was another's."""
    monkeypatch.setattr("producers.freeswitch.client._ANSWER_MAX_BYTES", 4 * 2**20)
    answers = [framed(b"x" * size, "api/response"), framed(b"second", "api/response")]
    events: list[Any] = []
    socket = _connected(pieces(b"".join(answers), [100, 70_000]), events.append)
    waiting = [AsyncResult(), AsyncResult()]
    socket._commands_sent.extend(waiting)
    socket.receive_events()
    assert events == []
    assert waiting[1].get(block=False).body == b"second"
    if size > 4 * 2**20:
        with pytest.raises(CommandRefused, match="too large"):
            waiting[0].get(block=False)
    else:
        assert len(waiting[0].get(block=False).body) == size
