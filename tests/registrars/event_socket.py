"""A small client of FreeSWITCH's event socket: api commands and their answers, from any thread."""

import socket
import threading

from producers.freeswitch.settings import FreeSwitchSettings

_SECONDS = 10


class EventSocket:
    """Connected until `close`."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self._file = self._socket.makefile("rb")
        self._answer()  # auth/request
        password = FreeSwitchSettings.model_fields["password"].default.get_secret_value()
        self._command(f"auth {password}")

    def api(self, command: str) -> str:
        """The answer's text."""
        with self._lock:
            return self._command(f"api {command}")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _command(self, line: str) -> str:
        self._socket.sendall(f"{line}\n\n".encode())
        return self._answer()

    def _answer(self) -> str:
        length = 0
        while (line := self._file.readline()) not in (b"\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return self._file.read(length).decode("utf-8", "surrogateescape")
