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
import time
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor
from local.replay.opensips_recording import RecordedPiece, read_pieces
from local.replay.pace import Feedback
from local.replay.recorded_sender import RecordedSender


class OpenSipsReplay(RecordedSender[RecordedPiece]):
    """Sends one recording to one producer. It counts bytes: a stream has no boundaries."""

    def __init__(
        self,
        capture: Path,
        *,
        target: tuple[str, int],
        speed: float | None = None,
        feedback: Feedback | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """Raises OSError, ValueError when `capture` is not a recording of OpenSIPS."""
        super().__init__(
            "opensips", read_pieces(capture), speed=speed, feedback=feedback, conductor=conductor
        )
        self._is_stream = capture.suffix == ".stream"
        self._target = target
        self._connections: dict[int, socket.socket] = {}

    @property
    def total_events(self) -> int:
        """The bytes: a stream has no boundaries."""
        return sum(len(piece.data) for piece in self.frames)

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a producer that listens where this sends."""
        host, port = self._target
        listens, silent = ("STREAM", "DATAGRAM") if self._is_stream else ("DATAGRAM", "STREAM")
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
        super().stop()
        for connection in self._connections.values():
            connection.close()

    def send(self, piece: RecordedPiece) -> int:
        """Send a datagram, or a part of its connection's stream; an empty part closes that."""
        data = piece.moved(time.time_ns() // 1000 - piece.received)
        connection = self._connections.get(piece.connection)
        if not data:
            if connection is not None:
                connection.close()
                del self._connections[piece.connection]
            return 0
        if connection is None:
            kind = socket.SOCK_STREAM if self._is_stream else socket.SOCK_DGRAM
            connection = self._connections[piece.connection] = socket.socket(type=kind)
            connection.connect(self._target)
        # Where the producer has closed, Playing.unfinished reports what it has not read.
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return len(data)
