"""Sends recorded kernel notifications to the watcher: what `rollcall replay sockets=FILE` plays.

Each notification is sent as one datagram with the kernel's own bytes, to the address that the
watcher reads instead of netlink. Notifications carry no time: the time of the play counts.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor, Part
from local.replay.netlink_recording import read_sockets, server_ports

# After so many datagrams wait until the watcher has read them.
_UNREAD_MAX = 50


class SocketsReplay:
    """Sends one recording to one watcher."""

    def __init__(
        self,
        capture: Path,
        *,
        target: tuple[str, int],
        speed: float | None = None,
        ready: Callable[[], bool] = lambda: True,
        read: Callable[[int], bool] = lambda _: True,
        conductor: Conductor | None = None,
    ) -> None:
        """The callbacks are asked whether the watcher listens (`ready`), and whether it has read
        so many notifications (`read`).

        Raises OSError, ValueError when `capture` is not a recording of sockets.
        """
        self.frames = read_sockets(capture)
        self.ports = server_ports(self.frames)
        self.target = target
        self._ready, self._read = ready, read
        conductor = conductor or Conductor(speed)
        self._part: Part = conductor.join([frame.received for frame in self.frames])
        self._thread = threading.Thread(target=self._play, name="replay-sockets", daemon=True)
        self.sent_events = 0
        self.finished = False
        self.shift: int | None = None

    def start(self) -> None:
        """Start the sending thread."""
        self._thread.start()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a watcher that reads what this sends instead of netlink."""
        host, port = self.target
        return {
            "ROLLCALL_SOCKETS_NODE": node or "sockets",
            "ROLLCALL_SOCKETS_PORTS": json.dumps(self.ports),
            "ROLLCALL_SOCKETS_RECORDED": f"{host}:{port}",
        }

    def received(self, status: dict[str, Any]) -> int:
        """The notifications that a watcher has read, by its /status."""
        count: int = status["received"]
        return count

    def stop(self) -> None:
        """Stop sending."""
        self._part.stop()
        self._thread.join()

    def _play(self) -> None:
        if not self._part.wait_until(self._ready) or not self._part.begin():
            return
        with socket.socket(type=socket.SOCK_DGRAM) as out:
            for index, frame in enumerate(self.frames):
                if not self._part.wait_for(index):
                    return
                self.shift = time.time_ns() // 1000 - frame.received
                out.sendto(frame.data, self.target)
                self.sent_events += 1
                self._part.sent(index)
                sent = self.sent_events
                if not sent % _UNREAD_MAX and not self._part.wait_until(
                    lambda: self._read(self.sent_events)
                ):
                    return
        self.finished = True
