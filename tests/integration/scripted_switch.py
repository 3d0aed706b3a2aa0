"""An event socket that sends given bytes after the subscription and answers given api commands."""

import socket
import threading
from types import TracebackType


class ScriptedSwitch:
    """`answers` by command; others get -ERR. None: api commands are never answered at all."""

    def __init__(self, data: bytes = b"", answers: dict[str, str] | None = {}) -> None:  # noqa: B006 - never changed
        self.answers = answers
        self.asked: list[str] = []
        self.connections = 0
        self._data = data
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "ScriptedSwitch":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._sockets):
            one.close()

    def send(self, data: bytes) -> None:
        """To the newest connection."""
        self._sockets[-1].sendall(data)

    def disconnect(self, data: bytes) -> None:
        """Close the newest connection; the next one is sent `data`."""
        self._data = data
        self._sockets[-1].shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(b"Content-Type: auth/request\n\n")
            buffer = b""
            while data := connection.recv(4096):
                buffer += data
                while b"\n\n" in buffer:
                    command, _, buffer = buffer.partition(b"\n\n")
                    self._obey(connection, command.decode())
        except OSError:
            return

    def _obey(self, connection: socket.socket, command: str) -> None:
        verb, _, argument = command.partition(" ")
        if verb == "api":
            self.asked.append(argument)
            if self.answers is not None:
                body = self.answers.get(argument, "-ERR").encode("utf-8", "surrogateescape")
                header = b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body)
                connection.sendall(header + body)
            return
        connection.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        if verb == "event" and self._data:
            connection.sendall(self._data)
