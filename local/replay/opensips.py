"""Sends a recorded OpenSIPS' events to a producer: what `rollcall replay opensips=FILE` plays.

    replay = OpenSipsReplay(Path("tcp_kill9.datagram"), target=("127.0.0.1", 8766), speed=None)
    replay.start()          # sends from its own thread once `ready` is true
    replay.finished         # True when everything has been sent

A `.datagram` recording is sent as one UDP datagram for each recorded one, a `.stream` over TCP,
connection by connection and read by read. OpenSIPS' events carry no time, so the producer's clock
counts. Only the epochs in them are moved: `expires`, `time` and `created` keep their distance to
the time of receipt.

Unpaced, a pause of the recording becomes at most a second, so that what the producer infers from
times (a contact inserted again, a connection that ended just now) stays right.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor, Part
from local.replay.opensips_recording import RecordedPiece, read_pieces

# After so many datagrams wait until the producer has read them.
_UNREAD_MAX = 50


class OpenSipsReplay:
    """Sends one recording to one producer."""

    def __init__(
        self,
        capture: Path,
        *,
        target: tuple[str, int],
        speed: float | None = None,
        ready: Callable[[], bool] = lambda: True,
        read: Callable[[int], bool] = lambda _: True,
        processed: Callable[[int], bool] = lambda _: True,
        conductor: Conductor | None = None,
    ) -> None:
        """The callbacks are asked whether the producer listens (`ready`), whether it has read so
        many bytes (`read`), and whether these are processed (`processed`); unpaced, events of
        another kind wait for the latter.

        Raises OSError, ValueError when `capture` is not a recording of OpenSIPS.
        """
        self.frames = read_pieces(capture)
        self.is_stream = capture.suffix == ".stream"
        self.target = target
        self._ready, self._read = ready, read
        self._processed = processed if speed is None else lambda _: True
        conductor = conductor or Conductor(speed)
        self._part: Part = conductor.join([piece.received for piece in self.frames])
        self._connections: dict[int, socket.socket] = {}
        self._thread = threading.Thread(target=self._play, name="replay-opensips", daemon=True)
        self.sent_events = 0  # in bytes: a stream has no boundaries
        self.finished = False
        self.shift: int | None = None

    def start(self) -> None:
        """Start the sending thread."""
        self._thread.start()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a producer that listens where this sends."""
        host, port = self.target
        listens, silent = ("STREAM", "DATAGRAM") if self.is_stream else ("DATAGRAM", "STREAM")
        return {
            "ROLLCALL_OPENSIPS_NODE": node or "opensips",
            f"ROLLCALL_OPENSIPS_LISTEN_{listens}": f"{host}:{port}",
            f"ROLLCALL_OPENSIPS_LISTEN_{silent}": f"{host}:0",
            "ROLLCALL_OPENSIPS_KERNEL": "off",
        }

    def received(self, status: dict[str, Any]) -> int:
        """The bytes that a producer has read, by its /status."""
        count: int = status["received_bytes"]
        return count

    def stop(self) -> None:
        """Stop sending, and close the connections."""
        self._part.stop()
        self._thread.join()
        for connection in self._connections.values():
            connection.close()

    def _play(self) -> None:
        if not self._part.wait_until(self._ready) or not self._part.begin():
            return
        kind, unread = "", 0
        for index, piece in enumerate(self.frames):
            if (
                kind
                and piece.kind not in ("", kind)
                and not self._part.wait_until(self._is_processed)
            ):
                return
            kind = piece.kind or kind
            if not self._part.wait_for(index):
                return
            self._send(piece)
            self._part.sent(index)
            unread += 1
            if unread >= _UNREAD_MAX:
                unread = 0
                if not self._part.wait_until(lambda: self._read(self.sent_events)):
                    return
        self.finished = True

    def _is_processed(self) -> bool:
        return self._processed(self.sent_events)

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
        with contextlib.suppress(
            ConnectionError
        ):  # the producer has closed: Playing.unfinished reports it
            connection.sendall(data)
