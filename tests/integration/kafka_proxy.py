"""A TCP proxy before a broker, whose answers it delays or holds back: a slow Kafka."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtime.kafka import KafkaSettings

# The client id in the first request of a librdkafka client, such as the worker's producer.
LIBRDKAFKA = b"rdkafka"
_CHUNK = 1 << 20


class KafkaProxy:
    """Clients that start at `bootstrap_servers` talk to the broker through the proxy only.

    A broker names its own address in its answers. The proxy's, which is as long, is put there.
    """

    def __init__(self, broker: str) -> None:
        host, port = broker.split(":")
        self._broker = host, int(port)
        self._listener = socket.create_server((host, 0))
        own = self._listener.getsockname()[1]
        self.bootstrap_servers = f"{host}:{own}"
        name = host.encode()
        self._theirs, self._ours = (name + struct.pack(">i", one) for one in (int(port), own))
        self.delay = 0.0  # seconds, of each piece of an answer
        self._held = b""
        self._released = threading.Event()
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def hold(self, client_id: bytes) -> None:
        """Keep back all answers to clients with this id; their requests still arrive."""
        self._released.clear()
        self._held = client_id

    def release(self) -> None:
        """Let the answers through again."""
        self._held = b""
        self._released.set()

    def close(self) -> None:
        self._closed.set()
        self.release()
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @staticmethod
    def _start(work: object, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]  # a bound method

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
                first = client.recv(_CHUNK)
                broker = socket.create_connection(self._broker)
            except OSError:  # closed, or the client went at once
                continue
            self._sockets += [client, broker]
            broker.sendall(first)
            self._start(self._requests, client, broker)
            self._start(self._answers, broker, client, first)

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                broker.sendall(data)
        with suppress(OSError):
            broker.shutdown(socket.SHUT_RDWR)

    def _answers(self, broker: socket.socket, client: socket.socket, first: bytes) -> None:
        with suppress(OSError):
            while data := broker.recv(_CHUNK):
                self._closed.wait(self.delay)
                if self._held and self._held in first:
                    self._released.wait()
                client.sendall(data.replace(self._theirs, self._ours))
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow(kafka: KafkaSettings) -> Iterator[tuple[KafkaProxy, KafkaSettings]]:
    """A proxy, and the settings with which a stage goes through it."""
    proxy = KafkaProxy(kafka.bootstrap_servers)
    try:
        servers = {"bootstrap_servers": proxy.bootstrap_servers}
        yield proxy, kafka.model_copy(update=servers)
    finally:
        proxy.close()
