"""The replay server by its own protocol, and greenswitch itself as its client."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from greenswitch import InboundESL

from local.replay.freeswitch import FreeSwitchReplay
from producers.freeswitch.framing import Frame, Framing
from producers.freeswitch.translation import subscription
from tests.eventually import eventually
from tests.integration.freeswitch_process import CAPTURES


@contextmanager
def replay(capture: str, speed: float | None) -> Iterator[FreeSwitchReplay]:
    server = FreeSwitchReplay(CAPTURES / capture, speed=speed)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Client:
    """A bare socket that sends commands and reads frames."""

    def __init__(self, server: FreeSwitchReplay) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self._framing = Framing(2**22)
        self.frames: list[Frame] = []

    def send(self, command: str) -> None:
        self._socket.sendall(f"{command}\n\n".encode())

    def read(self, count: int) -> list[Frame]:
        """The next `count` frames; fewer when the server closes."""
        while len(self.frames) < count and (data := self._socket.recv(65536)):
            self.frames += [f for f in self._framing.feed(data) if isinstance(f, Frame)]
        taken, self.frames = self.frames[:count], self.frames[count:]
        return taken

    def subscribe(self, command: str = subscription(with_digits=True)) -> None:
        self.send("auth ClueCon")
        self.send(command)
        assert [f.headers["Content-Type"] for f in self.read(3)][1:] == ["command/reply"] * 2

    def close(self) -> None:
        self._socket.close()


@contextmanager
def client(server: FreeSwitchReplay) -> Iterator[Client]:
    one = Client(server)
    try:
        yield one
    finally:
        one.close()


def test_protocol() -> None:
    with replay("reg_blind.json", None) as server, client(server) as one:
        one.send("api status")
        one.send("auth ClueCon")
        one.send("api sofia xmlstatus")
        one.send("nonsense")
        one.send("exit")
        frames = one.read(99)
        assert frames[0].headers == {"Content-Type": "auth/request"}
        replies = [f.headers.get("Reply-Text") for f in frames]
        assert replies[1:] == ["-ERR command not found", "+OK accepted", None,
                               "-ERR command not found", "+OK bye"]  # fmt: skip
        assert frames[3].body.startswith(b"-ERR")


def test_wrong_password_ends_the_connection() -> None:
    with replay("reg_blind.json", None) as server, client(server) as one:
        one.send("auth wrong")
        frames = one.read(99)
        assert frames[-1].headers["Reply-Text"] == "-ERR invalid"


def test_only_subscribed_classes_are_sent_with_times_moved_to_now() -> None:
    with replay("calls.json", None) as server, client(server) as one:
        one.subscribe("event json CHANNEL_ANSWER CUSTOM sofia::register")
        events = [json.loads(f.body) for f in one.read(23 + 5)]
        assert {e.get("Event-Subclass", e["Event-Name"]) for e in events} == {
            "CHANNEL_ANSWER",
            "sofia::register",
        }
        eventually(lambda: server.finished)
        assert server.sent_events == 28
        shift = server.shift
        assert shift is not None
        last = server.frames[-1].at + shift
        assert last / 1e6 == pytest.approx(time.time(), abs=20)
        recorded = [f for f in server.frames if f.name in ("CHANNEL_ANSWER", "sofia::register")]
        for event, frame in zip(events, recorded, strict=True):
            before = json.loads(frame.body)
            assert int(event["Event-Date-Timestamp"]) == frame.at + shift
            moved = {name for name in before if before[name] != event[name]}
            assert all(n.startswith("Caller-") for n in moved - {"Event-Date-Timestamp"})


def test_expiry_times_move_with_the_rest() -> None:
    with replay("reg_udp.json", None) as server, client(server) as one:
        one.subscribe("event json CUSTOM sofia::expire")
        (frame,) = one.read(1)
        event = json.loads(frame.body)
        age = int(event["Event-Date-Timestamp"]) / 1e6 - int(event["expires"])
        assert age == pytest.approx(1795500689.676528 - 1795500688, abs=1)


def test_pace_is_the_recorded_one() -> None:
    with replay("reg_blind.json", 4) as server, client(server) as one:
        one.subscribe()
        one.read(1)
        began = time.monotonic()
        one.read(6)
        assert time.monotonic() - began == pytest.approx(4.5 / 4, abs=0.5)
        eventually(lambda: server.finished)
        assert server.shift is not None
        assert (server.frames[-1].at + server.shift) / 1e6 == pytest.approx(time.time(), abs=2)


def test_client_reconnecting_before_the_end_gets_it_again_and_later_nothing() -> None:
    with replay("reg_blind.json", 2) as server:
        with client(server) as one:
            one.subscribe()
            first = one.read(2)
        with client(server) as two:
            two.subscribe()
            assert two.read(2) == first
            two.read(5)
            eventually(lambda: server.finished)
        assert server.sent_events == 7
        with client(server) as three:
            three.subscribe()
            three.send("exit")
            assert [f.headers["Content-Type"] for f in three.read(99)] == ["command/reply"]


def test_capture_without_arrival_times_uses_the_switchs_times(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes((CAPTURES / "reg_blind.json").read_bytes())
    frames = FreeSwitchReplay(copy, speed=1).frames
    assert [frame.received for frame in frames] == [frame.at for frame in frames]


def test_other_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(ValueError, match="not a recording"):
        FreeSwitchReplay(other, speed=None)


def test_greenswitch_can_connect() -> None:
    """Up to the first event: greenswitch's parser fails on a JSON body."""
    with replay("reg_blind.json", None) as server:
        esl = InboundESL("127.0.0.1", server.port, "ClueCon")
        esl.connect()
        assert esl.send("event json SHUTDOWN").data == "+OK event listener enabled json"
        esl.stop()
