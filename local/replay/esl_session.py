"""Serves one client of the replayed switch, in the protocol of mod_event_socket."""

import contextlib
import socket
import threading

from local.replay.esl_pauses import Pauses
from local.replay.esl_playback import Playback
from local.replay.esl_recording import RecordedFrame

_COMMAND_MAX = 64 * 1024


class EslSession:
    """One connection: `run` reads commands, a second thread sends frames once subscribed."""

    def __init__(self, connection: socket.socket, playback: Playback, password: str) -> None:
        self._connection = connection
        self._playback = playback
        self._password = password
        self._writing = threading.Lock()
        self._sender: threading.Thread | None = None
        self._gone = threading.Event()
        self._classes: set[str] = set()

    def run(self) -> None:
        """Serve the client until either side closes. Raises OSError on a network error."""
        self._write(b"Content-Type: auth/request\n\n")
        authenticated = False
        buffer = b""
        try:
            while True:
                command, buffer = self._next(buffer)
                if command is None:
                    return
                verb, _, argument = command.partition(" ")
                if verb == "exit":
                    self._reply("+OK bye")
                    return
                if verb == "auth":
                    authenticated = argument == self._password
                    self._reply("+OK accepted" if authenticated else "-ERR invalid")
                    if not authenticated:
                        return
                elif not authenticated:
                    self._reply("-ERR command not found")
                else:
                    self._execute(verb, argument)
        finally:
            self._gone.set()
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            if self._sender is not None:
                self._sender.join()

    def _next(self, buffer: bytes) -> tuple[str | None, bytes]:
        """The next command, None when the client has closed; and the bytes after it."""
        while b"\n\n" not in buffer and len(buffer) < _COMMAND_MAX:
            data = self._connection.recv(4096)
            if not data:
                return None, b""
            buffer += data.replace(b"\r", b"")
        raw, _, rest = buffer.partition(b"\n\n")
        return raw.decode(errors="replace").strip(), rest

    def _execute(self, verb: str, argument: str) -> None:
        if verb == "api":
            body = b"-ERR a recording cannot answer\n"
            header = b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body)
            self._write(header + body)
        elif verb == "event":
            self._subscribe(argument)
        else:
            self._reply("-ERR command not found")

    def _subscribe(self, argument: str) -> None:
        form, *classes = argument.split()
        if form != "json":
            self._reply("-ERR this recording is of event json")
            return
        self._classes.update(classes)
        self._reply("+OK event listener enabled json")
        if self._sender is None:
            self._sender = threading.Thread(target=self._send, name="replay-send", daemon=True)
            self._sender.start()

    def _send(self) -> None:
        playback, pauses, events = self._playback, Pauses(), 0
        shift = playback.begin()  # may wait for other recordings; commands are answered meanwhile
        if shift is None:
            return
        try:
            for frame in playback.frames:
                if not self._wants(frame):
                    continue
                if not playback.wait_for(frame) or self._gone.is_set():
                    return
                if pauses.is_before(frame) and not playback.wait_processed(
                    frame, events, self._gone
                ):
                    return
                self._write(frame.bytes(shift))
                events += frame.type == "text/event-json"
                playback.sent(events, last=False)
            # No frame is left, but the recorded silence at the end is part of the play.
            if playback.wait_for(playback.frames[-1]):
                playback.sent(events, last=True)
        except OSError:
            return  # the client has closed

    def _wants(self, frame: RecordedFrame) -> bool:
        if frame.type != "text/event-json" or "ALL" in self._classes:
            return True
        return frame.name in self._classes

    def _reply(self, text: str) -> None:
        self._write(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())

    def _write(self, data: bytes) -> None:
        with self._writing:
            self._connection.sendall(data)
