"""Sends recorded kernel notifications to the watcher: what `rollcall replay sockets=FILE` plays.

Each notification is sent as one datagram with the kernel's own bytes, to the address that the
watcher reads instead of netlink. Notifications carry no time: the time of the play counts.
"""

import json
import socket
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor
from local.replay.netlink_recording import RecordedSocket, read_sockets, server_ports
from local.replay.pace import Feedback
from local.replay.recorded_sender import RecordedSender


class SocketsReplay(RecordedSender[RecordedSocket]):
    """Sends one recording to one watcher. It counts notifications."""

    def __init__(
        self,
        capture: Path,
        *,
        target: tuple[str, int],
        speed: float | None = None,
        feedback: Feedback | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """Raises OSError, ValueError when `capture` is not a recording of sockets."""
        recorded = read_sockets(capture)
        super().__init__("sockets", recorded, speed=speed, feedback=feedback, conductor=conductor)
        self._ports = server_ports(recorded)
        self._target = target
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Open the socket, and start the sending thread."""
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        super().start()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a watcher that reads what this sends instead of netlink."""
        host, port = self._target
        return {
            "ROLLCALL_SOCKETS_NODE": node or "sockets",
            "ROLLCALL_SOCKETS_PORTS": json.dumps(self._ports),
            "ROLLCALL_SOCKETS_RECORDED": f"{host}:{port}",
        }

    def received(self, status: dict[str, Any]) -> int:
        """The notifications that a watcher has read, by its /status."""
        count: int = status["received"]
        return count

    def stop(self) -> None:
        """Stop sending, and close the socket."""
        super().stop()
        if self._socket is not None:
            self._socket.close()

    def send(self, piece: RecordedSocket) -> int:
        """Send a notification as a datagram."""
        assert self._socket is not None, "start first"
        self._socket.sendto(piece.data, self._target)
        return 1
