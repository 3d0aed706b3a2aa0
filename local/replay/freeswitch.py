"""An event socket that speaks for a recorded switch: what `rollcall replay` points a producer at.

    server = ReplayServer(Path("calls.json"), speed=10)
    server.start()                      # listens on 127.0.0.1:server.port
    … run the producer with freeswitch.host/port set to it …
    server.finished                     # True once a client has been sent the last frame
    server.sent_events                  # event frames that went to the client furthest along
    server.stop()

It answers `auth`, `event json …`, `api …` (`-ERR`: a recording cannot answer) and `exit` as
mod_event_socket does. After the subscription the recorded frames follow, only the classes the
client subscribed to. Times inside are moved by one constant (`shift`), fixed when the first
client subscribes, so that the last recorded frame's time is the wall clock when it is sent; the
spacing on the wire is the recorded one divided by `speed` (None: as fast as the client reads). At
a speed other than 1 earlier times therefore lie further in the past than their sending.

A client that connects again before the end gets the recording from its beginning, at once up to
where it stands by now and then on at its pace, with the same times: downstream recognises the
repeats. One that connects after the end gets nothing. The connection stays open after the last
frame. `finished` and `sent_events` are settled together: read `finished` first, and when it is
True `sent_events` is final.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor
from local.replay.esl_conversation import Conversation
from local.replay.esl_playback import Playback, Settled
from local.replay.esl_recording import RecordedFrame, read_capture


class ReplayServer:
    """One recording served on one port. Threads only; `stop` joins them all."""

    def __init__(
        self,
        capture: Path,
        *,
        speed: float | None,
        password: str = "ClueCon",
        port: int = 0,
        settled: Settled | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """`speed` 1 is as recorded, None unpaced; `port` 0 takes a free one.

        `settled(events, folded)`: whether the first `events` events sent are in Kafka and, with
        `folded`, have had their effect. Events of another kind wait for it (replay_playback).
        Raises OSError, ValueError when `capture` is no recording of `event json`.
        """
        self._playback = Playback(read_capture(capture), speed, settled, conductor)
        self._password = password
        self._wanted_port = port
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port listened on; only after `start`."""
        assert self._listener is not None, "start first"
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def frames(self) -> list[RecordedFrame]:
        """The recorded frames, the handshake left out."""
        return self._playback.frames

    @property
    def sent_events(self) -> int:
        """Event frames sent so far to the client furthest along; repeats do not count."""
        return self._playback.sent_events

    @property
    def finished(self) -> bool:
        """Whether some client has been sent everything it subscribed to."""
        return self._playback.finished

    @property
    def shift(self) -> int | None:
        """Microseconds added to every recorded time; None until a client has subscribed."""
        return self._playback.shift

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings that point a producer here, only after `start`; without `node` the switch's own.

        The connections of a recording are none of this host's: its kernel is not asked about them.
        """
        found = {
            "ROLLCALL_FREESWITCH_HOST": "127.0.0.1",
            "ROLLCALL_FREESWITCH_PORT": str(self.port),
            "ROLLCALL_FREESWITCH_PASSWORD": self._password,
            "ROLLCALL_FREESWITCH_KERNEL": "off",
        }
        if node:
            found["ROLLCALL_FREESWITCH_NODE"] = node
        return found

    def received(self, status: dict[str, Any]) -> int:
        """The events a producer has read, by its /status."""
        count: int = status["received"]
        return count

    def start(self) -> None:
        """Listen on 127.0.0.1. Raises OSError."""
        self._listener = socket.create_server(("127.0.0.1", self._wanted_port))
        self._listener.settimeout(0.2)
        self._spawn(self._accept)

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self._playback.stop()
        self.disconnect()
        for thread in self._threads:
            thread.join()
        if self._listener is not None:
            self._listener.close()

    def disconnect(self) -> None:
        """Drop every client, as a reload of the event socket would; they may come back."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _spawn(self, task: Callable[[], None]) -> None:
        thread = threading.Thread(target=task, name="replay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._playback.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            with self._lock:
                self._connections.add(connection)
            self._spawn(partial(self._serve, connection))
        self.disconnect()  # whoever came in just before the end

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            Conversation(connection, self._playback, self._password).hold()
        with self._lock:
            self._connections.discard(connection)
