"""Real sockets and a real watcher for the tests of producers/sockets."""

import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.network import free_port
from producers.sockets.connection_events import boot_id
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from schemas.connection import ConnectionEvent
from tests.eventually import eventually


class Server:
    """Listens on loopback and answers; closes each connection when its peer does, as a SIP server.

    Never on a port of outgoing connections, as no SIP server does: the watcher would count those
    that other tests make from there. `late` leaves connections open whatever the peer does, as a
    slow or broken server would.
    """

    def __init__(self, host: str = "127.0.0.1", *, late: bool = False, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server(
            (host, port or free_port()), family=family, backlog=4096, dualstack_ipv6=host == "::"
        )
        self.port: int = self.listener.getsockname()[1]
        self.connections: dict[tuple[str, int], socket.socket] = {}
        self._clients: list[socket.socket] = []
        self._late = late
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(0.05):
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    self._serve(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered

    def _accept(self) -> None:
        connection, peer = self.listener.accept()
        self.connections[peer[0].removeprefix("::ffff:"), peer[1]] = connection
        if not self._late:
            self._selector.register(connection, selectors.EVENT_READ)

    def _serve(self, connection: socket.socket) -> None:
        try:
            if data := connection.recv(4096):
                connection.sendall(data)
                return
        except OSError:
            pass
        self._selector.unregister(connection)
        connection.close()

    def connect(
        self, host: str = "127.0.0.1", *, source: tuple[str, int] | None = None
    ) -> socket.socket:
        """A client that has spoken and been answered, and that the server has accepted.

        It comes from the address and port `source`; None leaves both to the kernel.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        client = socket.socket(family)
        self._clients.append(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if source:
            client.bind(source)
        client.connect((host, self.port))
        name = client.getsockname()
        eventually(lambda: (name[0], name[1]) in self.connections, interval=0.001)
        if not self._late:
            client.sendall(b"REGISTER")
            assert client.recv(100) == b"REGISTER"
        return client

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping = True
        self._thread.join()
        self._selector.close()
        for one in (self.listener, *self.connections.values(), *self._clients):
            one.close()


class Seen:
    """What a watcher published, and when."""

    def __init__(self) -> None:
        # Called before each event is kept: a publisher that does not return.
        self.wait: Callable[[], object] = lambda: None
        self.events: list[ConnectionEvent] = []
        self.times: list[float] = []

    def publish(self, event: ConnectionEvent) -> None:
        self.wait()
        self.times.append(time.monotonic())
        self.events.append(event)

    def of(self, client: tuple[str, int]) -> list[ConnectionEvent]:
        return [e for e in self.events if (e.remote.ip, e.remote.port) == client]

    def wait_for(self, client: tuple[str, int], timeout: float = 5.0) -> ConnectionEvent:
        """The first event about the client's connection."""
        return eventually(lambda: self.of(client), timeout, 0.002, f"an event of {client}")[0]


def knows(watcher: Watcher, connections: int) -> None:
    """Wait until the watcher has seen so many connections alive."""
    try:
        eventually(lambda: watcher.status()["known"] == connections)
    except AssertionError as error:
        raise AssertionError(f"not {connections} connections known: {watcher.status()}") from error


@contextmanager
def watching(
    ports: list[int], memory: Path | None = None, **settings: object
) -> Iterator[tuple[Watcher, Seen]]:
    """A watcher at work; everything it had read is published when this ends."""
    seen = Seen()
    boot = boot_id()
    watcher = Watcher(
        SocketsSettings(node="n1", ports=[str(port) for port in ports], **settings),  # type: ignore[arg-type]  # pydantic checks them
        seen.publish,
        boot,
        KnownConnectionsFile(memory, boot) if memory else None,
    )
    watcher.start()
    worker = threading.Thread(target=watcher.work, daemon=True)
    worker.start()
    try:
        yield watcher, seen
    finally:
        watcher.stopping.set()
        worker.join()
        watcher.close()


def name_of(client: socket.socket) -> tuple[str, int]:
    """Address and port of a socket's own end."""
    name = client.getsockname()
    return name[0], name[1]


def reset(client: socket.socket) -> None:
    """Close by RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
