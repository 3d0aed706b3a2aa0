"""Serves a recorded switch's event socket: what `rollcall replay freeswitch=FILE` plays.

    server = FreeSwitchReplay(Path("calls.json"), speed=10)
    server.start()                      # listens on 127.0.0.1:server.port
    … run a producer with the settings of server.environment(None) …
    server.finished                     # True once the last frame was sent to a client
    server.sent_events                  # events sent to the client that is furthest along
    server.stop()

It answers `auth`, `event json …`, `api …` (`-ERR`: a recording cannot answer) and `exit` as
mod_event_socket does. After the subscription it sends the recorded frames of the classes the client
subscribed to. Their times are moved by one constant (`shift`), fixed when the first client
subscribes, so that the last frame is sent at its own time. The spacing is the recorded one divided
by `speed` (None: as fast as the client reads), so at another speed than 1 earlier frames are sent
later than their times.

A client that reconnects before the end gets the recording from its beginning, in a burst up to the
current position and then at the pace, with the same times: repeats are recognised downstream. A
client that connects after the end gets nothing. The connection stays open after the last frame.
Read `finished` before `sent_events`: once it is True, `sent_events` is final.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor
from local.replay.esl_playback import Playback, Processed
from local.replay.esl_recording import RecordedFrame, read_capture
from local.replay.esl_session import EslSession


class FreeSwitchReplay:
    """Serves one recording on one port, in threads; `stop` joins them."""

    def __init__(
        self,
        capture: Path,
        *,
        speed: float | None,
        password: str = "ClueCon",
        port: int = 0,
        processed: Processed | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """`speed` 1 is as recorded, None unpaced; `port` 0 takes a free one.

        `processed(events, folded)`: whether the first `events` events are in Kafka and, with
        `folded`, folded. Events of another kind wait for it (esl_playback).
        Raises OSError, ValueError when `capture` is not a recording of `event json`.
        """
        self._playback = Playback(read_capture(capture), speed, processed, conductor)
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
        """The recorded frames without the handshake."""
        return self._playback.frames

    @property
    def sent_events(self) -> int:
        """Events sent so far to the client that is furthest along, without repeats."""
        return self._playback.sent_events

    @property
    def total_events(self) -> int:
        """The recorded events; a client may subscribe to fewer."""
        return sum(1 for frame in self.frames if frame.name)

    @property
    def finished(self) -> bool:
        """Whether everything a client subscribed to has been sent to it."""
        return self._playback.finished

    @property
    def shift(self) -> int | None:
        """Microseconds added to every recorded time; None until a client has subscribed."""
        return self._playback.shift

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a producer that connects here, after `start`; `node` None: the switch's name.

        The producer does not ask the kernel: recorded connections are not on this host.
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
        """The events that a producer has read, by its /status."""
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
        """Disconnect every client, as a reload of the event socket does; they may reconnect."""
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
        self.disconnect()  # clients accepted just before the end

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            EslSession(connection, self._playback, self._password).run()
        with self._lock:
            self._connections.discard(connection)
