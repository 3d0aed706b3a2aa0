"""A recorded OpenSIPS that speaks to a producer: what `rollcall replay opensips=FILE` plays.

    replay = OpenSipsReplay(Path("tcp_kill9.datagram"), target=("127.0.0.1", 8766), speed=None)
    replay.start()          # sends from a thread of its own once `ready` says so
    replay.finished         # True when all has been sent

A `.datagram` recording goes out one UDP datagram for each recorded one, a `.stream` over TCP,
connection by connection and read by read. OpenSIPS' events carry no time, so the producer's clock
counts and nothing is moved but the epochs in them: `expires`, `time` and `created` stand as far
before or after the sending as they stood before or after the recorded receipt.

Unpaced, a pause of the recording shrinks to at most a second: what the producer infers from times
(a contact inserted again, a connection that ended this very moment) stays right.
"""

import base64
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor, Part
from local.replay.recording_times import NO_RECORDING, microseconds

# Epochs as JSON (`"expires":1795500687`) and as 2.4 lines (`expires::1795500687`).
_EPOCH = re.compile(rb'((?:"(?:expires|time|created)":|\n(?:expires|time|created)::))([0-9]{10})\b')
_NAME = re.compile(rb'(?:^|"method":")(E_[A-Z0-9_]+)')
# After so many datagrams the producer is given the time to read them.
_UNREAD_MAX = 50
_KINDS = {
    b"E_UL_": "registrations",
    b"E_EDGE_REGISTER": "registrations",
    b"E_CORE_TCP_DISCONNECT": "connections",
    b"E_DLG_": "calls",
    b"E_ACC_": "calls",
}


@dataclass(frozen=True, slots=True)
class RecordedPiece:
    """One datagram, or one read of connection `connection`; `data` empty at its end.

    `received` and `at` are the recorder's time, µs: there is no other.
    """

    connection: int
    data: bytes
    received: int

    @property
    def at(self) -> int:
        return self.received

    @property
    def kind(self) -> str:
        """The topic its first event goes to; empty where it goes nowhere in particular."""
        found = _NAME.search(self.data)
        name = found[1] if found else b""
        return next((kind for start, kind in _KINDS.items() if name.startswith(start)), "")

    def moved(self, shift: int) -> bytes:
        """With every epoch moved by `shift` µs, all else byte for byte."""
        seconds = round(shift / 1_000_000)
        return _EPOCH.sub(lambda match: match[1] + b"%d" % (int(match[2]) + seconds), self.data)


def read_pieces(path: Path) -> list[RecordedPiece]:
    """What a recording holds, in order. Raises OSError, ValueError."""
    pieces = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("kind", "data") not in ("data", "eof"):
                continue
            data = base64.b64decode(row.get("b64") or "")
            pieces.append(RecordedPiece(int(row.get("conn", 0)), data, microseconds(row["t"])))
    except (*NO_RECORDING, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a recording of OpenSIPS events") from error
    if not pieces:
        raise ValueError(f"{path}: holds no events")
    return pieces


class OpenSipsReplay:
    """One recording on its way to one producer."""

    def __init__(
        self,
        capture: Path,
        *,
        target: tuple[str, int],
        speed: float | None = None,
        ready: Callable[[], bool] = lambda: True,
        read: Callable[[int], bool] = lambda _: True,
        settled: Callable[[int], bool] = lambda _: True,
        conductor: Conductor | None = None,
    ) -> None:
        """`ready`: the producer listens. `read(bytes)`: it has read so many. `settled(bytes)`:
        they have had their effect; unpaced, events of another kind wait for it.

        Raises OSError, ValueError when `capture` is no recording of OpenSIPS.
        """
        self.frames = read_pieces(capture)
        self.is_stream = capture.suffix == ".stream"
        self.target = target
        self._ready, self._read = ready, read
        self._settled = settled if speed is None else lambda _: True
        conductor = conductor or Conductor(speed)
        self._part: Part = conductor.join([piece.received for piece in self.frames])
        self._connections: dict[int, socket.socket] = {}
        self._thread = threading.Thread(target=self._play, name="replay-opensips", daemon=True)
        self.sent_events = 0  # bytes: what one read of a stream gives is not for the sender to say
        self.finished = False
        self.shift: int | None = None

    def start(self) -> None:
        self._thread.start()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings with which a producer listens where this sends."""
        host, port = self.target
        listens, silent = ("STREAM", "DATAGRAM") if self.is_stream else ("DATAGRAM", "STREAM")
        return {
            "ROLLCALL_OPENSIPS_NODE": node or "opensips",
            f"ROLLCALL_OPENSIPS_LISTEN_{listens}": f"{host}:{port}",
            f"ROLLCALL_OPENSIPS_LISTEN_{silent}": f"{host}:0",
            "ROLLCALL_OPENSIPS_KERNEL": "off",
        }

    def received(self, status: dict[str, Any]) -> int:
        """The bytes a producer has read, by its /status."""
        count: int = status["received_bytes"]
        return count

    def stop(self) -> None:
        self._part.stop()
        self._thread.join()
        for connection in self._connections.values():
            connection.close()

    def _play(self) -> None:
        if not self._wait(self._ready) or not self._part.begin():
            return
        kind, unread = "", 0
        for index, piece in enumerate(self.frames):
            if kind and piece.kind not in ("", kind) and not self._wait(self._has_settled):
                return
            kind = piece.kind or kind
            if not self._part.wait_for(index):
                return
            self._send(piece)
            self._part.sent(index)
            unread += 1
            if unread >= _UNREAD_MAX:
                unread = 0
                if not self._wait(lambda: self._read(self.sent_events)):
                    return
        self.finished = True

    def _has_settled(self) -> bool:
        return self._settled(self.sent_events)

    def _wait(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            if self._part.stopped.wait(0.02):
                return False
        return True

    def _send(self, piece: RecordedPiece) -> None:
        self.shift = time.time_ns() // 1000 - piece.received
        data = piece.moved(self.shift)
        connection = self._connections.get(piece.connection)
        if not data:
            if connection is not None:
                connection.close()
                del self._connections[piece.connection]
            return
        if connection is None:
            kind = socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM
            connection = self._connections[piece.connection] = socket.socket(type=kind)
            connection.connect(self.target)
        self.sent_events += len(data)
        with contextlib.suppress(ConnectionError):  # the producer is gone: `unfinished` tells
            connection.sendall(data)
