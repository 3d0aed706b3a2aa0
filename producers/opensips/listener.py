"""Reads the server's events from datagram and stream sockets, in a thread of its own.

A datagram not read in time is lost, and nothing shows it; a stream not read in time makes OpenSIPS
drop what is old. So this thread waits for the network only.
"""

import contextlib
import selectors
import socket
import threading
import time

from producers.opensips.settings import OpenSipsSettings
from producers.senders import AllowedSenders
from producers.sip_proxy.inbox import Inbox
from runtime import logs
from runtime.settings import BadSettings

log = logs.get(__name__)

_READ_BYTES = 256 * 1024
_POLL_SECONDS = 0.2


class StreamPeer:
    """One connection that event_stream opened.

    `sends_events` is set where its bytes are parsed.
    """

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.socket = connection
        self.address = address
        self.since = time.monotonic()
        self.sends_events = False

    def acknowledge(self, data: bytes) -> None:
        """Answer a request of reliable mode. Never waits: answers that are not read are lost."""
        with contextlib.suppress(OSError):
            self.socket.send(data)


class Listener:
    """The sockets are open from the beginning; `start` begins to read, `stop` closes them."""

    def __init__(self, settings: OpenSipsSettings, inbox: Inbox) -> None:
        """Raises BadSettings where an address cannot be bound."""
        self._inbox = inbox
        self._senders = AllowedSenders(settings.allowed_senders, "opensips", settings.node)
        self._connections_max = settings.connections_max
        self._idle_seconds = settings.connection_idle_seconds
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, StreamPeer] = {}
        self._thread = threading.Thread(target=self._read, name="opensips-reader", daemon=True)
        self._datagram = self._stream = None
        self.connections = 0
        if settings.listen_datagram:
            self._datagram = _open(
                "listen_datagram", settings.listen_datagram, socket.SOCK_DGRAM, settings
            )
        if settings.listen_stream:
            self._stream = _open(
                "listen_stream", settings.listen_stream, socket.SOCK_STREAM, settings
            )
        for one in (self._datagram, self._stream):
            if one is not None:
                self._selector.register(one, selectors.EVENT_READ)

    @property
    def datagram_port(self) -> int | None:
        return self._datagram.getsockname()[1] if self._datagram else None

    @property
    def stream_port(self) -> int | None:
        return self._stream.getsockname()[1] if self._stream else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Read what has arrived, then close."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for one in (self._datagram, self._stream, *self._peers):
            if one is not None:
                one.close()
        self._selector.close()

    def _read(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            ready = self._selector.select(0 if stopping else _POLL_SECONDS)
            if stopping and not ready:
                return
            self._close_idle()
            for key, _ in ready:
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if source is self._datagram:
                    self._read_datagrams(source)
                elif source is self._stream:
                    self._accept(source)
                elif source in self._peers:
                    self._read_stream(source)

    def _read_datagrams(self, source: socket.socket) -> None:
        for _ in range(1000):  # then read the streams again
            try:
                data, (sender, port, *_) = source.recvfrom(65_535)
                if self._senders.allows(sender):
                    self._inbox.put(None, data, (sender, port))
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("cannot read a datagram", error=str(error))
                return

    def _accept(self, source: socket.socket) -> None:
        try:
            connection, address = source.accept()
        except OSError:
            return
        sender: str = address[0]
        if not self._senders.allows(sender):
            connection.close()
            return
        if len(self._peers) >= self._connections_max:
            self._senders.refused(sender, "connections")
            connection.close()
            return
        connection.setblocking(False)
        self._peers[connection] = StreamPeer(connection, sender)
        self._selector.register(connection, selectors.EVENT_READ)
        self.connections += 1

    def _read_stream(self, connection: socket.socket) -> None:
        peer = self._peers[connection]
        try:
            data = connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._inbox.put(peer, data)
        if not data:
            self._forget(connection)

    def _close_idle(self) -> None:
        """Close connections without events: they must not take the places of the server's own."""
        now = time.monotonic()
        for connection, peer in list(self._peers.items()):
            if not peer.sends_events and now - peer.since > self._idle_seconds:
                self._senders.refused(peer.address, "idle")
                self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._peers[connection]
        connection.close()


def _open(
    name: str, address: str, kind: socket.SocketKind, settings: OpenSipsSettings
) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.receive_buffer_bytes)
        if kind is socket.SOCK_STREAM:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        if kind is socket.SOCK_STREAM:
            listener.listen(64)
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadSettings(f"opensips.{name}={address}: {error}") from error
    listener.setblocking(False)
    return listener
