"""The connection to the switch's event socket: greenswitch's client with framing of our own.

greenswitch reads lines, unquotes bodies and splits them again, so that a caller's `%0A` becomes a
header; it also waits for ever. Only its pairing of commands with answers is used.
"""

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import socket
from gevent.event import AsyncResult
from greenswitch.esl import InboundESL

from producers.freeswitch.errors import (
    AccessDenied,
    CommandRefused,
    ConnectionLost,
    EventSocketError,
    StreamBroken,
    SwitchUnreachable,
    WrongPassword,
)
from producers.freeswitch.framing import Frame, Framing, Skipped
from producers.freeswitch.settings import FreeSwitchSettings

Received = Callable[[Frame | Skipped], None]
_READ_BYTES = 256 * 1024
# A listing of a million bindings; a bound against an answer without end.
_ANSWER_MAX_BYTES = 512 * 2**20


def event_socket(settings: FreeSwitchSettings, received: Received) -> "EventSocket":
    """The connection that the settings name, not yet connected."""
    return EventSocket(
        settings.host,
        settings.port,
        settings.password.get_secret_value(),
        received=received,
        frame_max_bytes=settings.frame_max_bytes,
        connect_timeout=settings.connect_timeout_seconds,
        command_timeout=settings.command_timeout_seconds,
    )


class EventSocket(InboundESL):  # type: ignore[misc]  # published without types
    """One connection: `connect`, `subscribe`, `api`; events go to `received` in order.

    `received` runs in the reading greenlet and may block: then the socket is not read.
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        received: Received,
        frame_max_bytes: int,
        connect_timeout: float,
        command_timeout: float,
    ) -> None:
        super().__init__(host, port, password, timeout=connect_timeout)
        self._received = received
        self._framing = Framing(frame_max_bytes, _ANSWER_MAX_BYTES)
        self._command_timeout = command_timeout
        self._denied = False
        self.failure: EventSocketError | None = None
        self.ended = gevent.event.Event()
        self.last_read = time.monotonic()

    def connect(self) -> None:
        """Connect and authenticate. Raises SwitchUnreachable, AccessDenied, WrongPassword."""
        where = f"{self.host}:{self.port}"
        try:
            self.sock = socket.create_connection((self.host, self.port), timeout=self.timeout)
        except OSError as error:
            is_refused = isinstance(error, ConnectionRefusedError)
            raise SwitchUnreachable(f"{where}: {error}", is_refused=is_refused) from error
        self.sock.settimeout(None)
        self.connected = True
        self.start_event_handlers()
        if not self._auth_request_event.wait(self.timeout):
            raise SwitchUnreachable(f"{where}: accepts connections but sends nothing")
        if self._denied:
            raise AccessDenied(f"{where}: this address is not in the event socket's ACL")
        try:
            reply = self.send(f"auth {self.password}")
        except ConnectionLost as error:
            raise SwitchUnreachable(f"{where}: {error}") from error
        if not reply.headers.get("Reply-Text", "").startswith("+OK"):
            raise WrongPassword(f"{where}: the switch refuses freeswitch.password")

    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Address and port of the switch's end and of our own. Raises ConnectionLost."""
        try:
            return self.sock.getpeername()[:2], self.sock.getsockname()[:2]
        except OSError as error:
            raise ConnectionLost(str(error)) from error

    def subscribe(self, command: str) -> None:
        """Raises CommandRefused, ConnectionLost."""
        text = self.send(command).headers.get("Reply-Text", "")
        if not text.startswith("+OK"):
            raise CommandRefused(f"{command.split()[0]}: {text}")

    def api(self, command: str) -> str:
        """The answer to one api command. Raises CommandRefused (-ERR, no answer), ConnectionLost.

        `command` must be one line of our own making.
        """
        reply = self.send(f"api {command}")
        answer: str = reply.body.decode("utf-8", "surrogateescape")
        text = answer or reply.headers.get("Reply-Text", "")
        if text.startswith(("-ERR", "-USAGE")):
            raise CommandRefused(f"{command}: {text.strip()[:200]}")
        return text

    def start_event_handlers(self) -> None:
        """Without greenswitch's second greenlet, which calls handlers by name."""
        self._receive_events_greenlet = gevent.spawn(self.receive_events)

    def receive_events(self) -> None:
        """Read frames until the connection ends, for the reason in `failure`."""
        try:
            while self._run:
                data = self.sock.recv(_READ_BYTES)
                if not data:
                    raise ConnectionLost("the switch closed the connection")
                self.last_read = time.monotonic()
                for frame in self._framing.feed(data):
                    self.handle_event(frame)
        except StreamBroken as error:
            self._end(error)
        except OSError as error:
            self._end(ConnectionLost(str(error)))
        except ConnectionLost as error:
            self._end(error)

    def handle_event(self, frame: Frame | Skipped) -> None:
        """Pass answers to the commands that wait for them, and the rest to `received`."""
        kind = frame.headers.get("Content-Type")
        if kind == "auth/request":
            self._auth_request_event.set()
        elif kind in ("command/reply", "api/response"):
            if self._commands_sent:
                _answer(self._commands_sent.pop(0), frame)
        elif kind == "text/rude-rejection":
            self._denied = True
            self._auth_request_event.set()
        elif kind == "text/disconnect-notice":
            raise ConnectionLost("the switch disconnects")
        elif kind != "log/data":
            self._received(frame)

    def send(self, data: str) -> Any:
        """Send one command and wait for its answer. Raises ConnectionLost, CommandRefused."""
        if not self.connected:
            raise self.failure or ConnectionLost("not connected")
        answer = AsyncResult()
        self._commands_sent.append(answer)
        try:
            with gevent.Timeout(self._command_timeout):
                self.sock.sendall(f"{data}\n\n".encode())
        except OSError as error:
            self._end(ConnectionLost(str(error)))
        except gevent.Timeout:
            self._end(ConnectionLost("the switch takes no commands"))
        try:
            return answer.get(timeout=self._command_timeout)
        except gevent.Timeout as error:
            # Its answer may still come, and belongs to this waiter, not to the next.
            raise CommandRefused(f"{data.split()[0]}: no answer in time") from error

    def stop(self) -> None:
        """Close the connection; every waiting command gets ConnectionLost."""
        self._run = False
        self._end(ConnectionLost("closed by us"))
        if self._receive_events_greenlet is not None:
            self._receive_events_greenlet.kill()

    def end(self, error: EventSocketError) -> None:
        """Declare the connection dead for a reason found elsewhere (silence)."""
        self._end(error)

    def _end(self, error: EventSocketError) -> None:
        if self.failure is not None:
            return
        self.failure = error
        self.connected = False
        if hasattr(self, "sock"):
            self.sock.close()
        self._auth_request_event.set()
        for waiting in self._commands_sent:
            waiting.set_exception(error)
        self._commands_sent.clear()
        self.ended.set()


def _answer(waiting: AsyncResult, frame: Frame | Skipped) -> None:
    """Also an answer that is too large goes to its command, or all later ones would be shifted."""
    if isinstance(frame, Skipped):
        waiting.set_exception(CommandRefused(f"the answer: {frame.reason}, {frame.size} bytes"))
    else:
        waiting.set(frame)
