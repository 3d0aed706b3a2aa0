"""Serves Kamailio's evapi to one producer: sends it lines, and answers its questions.

A question (any bytes) is answered with the last `hello` that was sent, as the script does.
"""

import contextlib
import socket
import threading
import time

from local.replay.evapi_recording import RecordedLine

_ACCEPT_SECONDS = 0.02
# A consumer that reads nothing for so long is disconnected.
_SEND_SECONDS = 20.0


class EvapiServer:
    """Listens on 127.0.0.1; one thread accepts and reads, any thread sends."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._consumer: socket.socket | None = None
        self._hello: RecordedLine | None = None
        self._thread = threading.Thread(target=self._serve, name="replay-evapi", daemon=True)
        self.sent_bytes = 0

    @property
    def address(self) -> str:
        """`host:port`, only after `start`."""
        assert self._listener is not None, "start first"
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connected(self) -> bool:
        return self._consumer is not None

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_ACCEPT_SECONDS)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        if self._listener is not None:
            self._listener.close()

    def send(self, line: RecordedLine) -> bool:
        """Send a line to the consumer, its times moved to now; whether there is a consumer."""
        with self._lock:
            if self._consumer is None:
                return False
            data = line.moved(time.time_ns() // 1000 - line.received) + b"\n"
            try:
                self._consumer.sendall(data)
            except OSError:
                return False
            self.sent_bytes += len(data)
        if line.is_hello:
            self._hello = line
        return True

    def _serve(self) -> None:
        assert self._listener is not None
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            # Two sockets of one connection, for each direction has its own timeout.
            with connection, connection.dup() as consumer, contextlib.suppress(OSError):
                connection.settimeout(_ACCEPT_SECONDS)
                consumer.settimeout(_SEND_SECONDS)
                with self._lock:
                    self._consumer = consumer
                self._read_questions(connection)
                with self._lock:
                    self._consumer = None

    def _read_questions(self, connection: socket.socket) -> None:
        """Answer the consumer's questions until it closes."""
        while not self._stopping.is_set():
            try:
                if not connection.recv(4096):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
            if self._hello is not None:
                self.send(self._hello)
