"""A recorded kernel that speaks to the sockets' watcher: what `rollcall replay sockets=FILE` plays.

Each recorded notification goes out as one datagram of the kernel's own bytes, to the address that
the watcher reads in place of netlink. Notifications carry no time: the play's own counts.
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

# After so many datagrams the producer is given the time to read them.
_UNREAD_MAX = 50
_LOOK_SECONDS = 0.02


class SocketsReplay:
    """One recording on its way to one watcher."""

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
        """`ready`: the watcher listens. `read(count)`: it has read so many notifications.

        Raises OSError, ValueError when `capture` is no recording of sockets.
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
        self._thread.start()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings with which a watcher reads what this sends in place of netlink."""
        host, port = self.target
        return {
            "ROLLCALL_SOCKETS_NODE": node or "sockets",
            "ROLLCALL_SOCKETS_PORTS": json.dumps(self.ports),
            "ROLLCALL_SOCKETS_RECORDED": f"{host}:{port}",
        }

    def received(self, status: dict[str, Any]) -> int:
        """The notifications a watcher has read, by its /status."""
        count: int = status["received"]
        return count

    def stop(self) -> None:
        self._part.stop()
        self._thread.join()

    def _play(self) -> None:
        if not self._wait(self._ready) or not self._part.begin():
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
                if not sent % _UNREAD_MAX and not self._wait(lambda: self._read(self.sent_events)):
                    return
        self.finished = True

    def _wait(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            if self._part.stopped.wait(_LOOK_SECONDS):
                return False
        return True
