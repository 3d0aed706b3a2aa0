"""The connection to evapi: a thread of its own connects, reads, and connects again.

evapi queues nothing for a consumer that is not connected, and one that stops reading blocks the
whole SIP server. So this thread waits for the network only; the inbox drops what is too much.
"""

import contextlib
import socket
import threading

from producers.kamailio.kernel import Ends
from producers.kamailio.settings import KamailioSettings
from producers.sip_proxy.inbox import Inbox
from producers.uri_addresses import canonical_ip
from runtime import logs, metrics
from schemas.origin import Address

log = logs.get(__name__)

_READ_BYTES = 256 * 1024
_POLL_SECONDS = 0.2
_HELLO_REQUEST = b"rollcall\n"


class Link:
    """One connection, as a peer of the inbox.

    `reported`: its end is in the inbox. `refused`: no process listened when it was next tried.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.reported = self.refused = False
        self.ends = Ends(_address(connection.getpeername()), _address(connection.getsockname()))

    def acknowledge(self, data: bytes) -> None:
        """evapi needs no acknowledgement."""


class EvapiConnection:
    """`start` connects and reads until `stop`."""

    def __init__(self, settings: KamailioSettings, inbox: Inbox) -> None:
        host, _, port = settings.evapi.rpartition(":")
        self._where = host.strip("[]"), int(port)
        self._timeout, self._pause = settings.connect_timeout_seconds, settings.reconnect_seconds
        self._labels = {"source": "kamailio", "node": settings.node}
        self._inbox = inbox
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kamailio-reader", daemon=True)
        self._link: Link | None = None
        self._logged: str | None = None  # the last failure to connect
        self.connections = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def ask(self) -> None:
        """Request the script's `hello` (event_route[evapi:message-received]); never waits."""
        link = self._link
        if link is not None:
            with contextlib.suppress(OSError):
                link.socket.send(_HELLO_REQUEST, socket.MSG_DONTWAIT)

    def _work(self) -> None:
        try:
            ended: Link | None = None
            while not self._stopping.is_set():
                connection, refused = self._connect()
                if ended is not None and (connection or refused or not ended.reported):
                    # Reported only now: whether a process still listens shows what the end means.
                    ended.reported, ended.refused = True, refused
                    self._inbox.put(ended, b"")
                    ended = None if refused else ended
                if connection is None:
                    self._stopping.wait(self._pause)
                    continue
                # It may have ended already, where the server's processes are just exiting. Then
                # `ended` stays the link before it, and the next attempt shows what that means.
                with contextlib.suppress(OSError):
                    ended = Link(connection)
                    self._read(ended)
                self._link = None
                connection.close()
        except BaseException as error:
            self.failure = error
            raise

    def _connect(self) -> tuple[socket.socket | None, bool]:
        """The connection, and whether it was refused."""
        try:
            connection = socket.create_connection(self._where, self._timeout)
        except OSError as error:
            if self._logged != (message := str(error)):
                self._logged = message
                log.warning("cannot connect to evapi", where=self._where, error=message)
            metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": "unreachable"})
            return None, isinstance(error, ConnectionRefusedError)
        self._logged = None
        self.connections += 1
        return connection, False

    def _read(self, link: Link) -> None:
        link.socket.settimeout(_POLL_SECONDS)
        self._link = link
        metrics.SOURCE_CONNECTED.set(1, self._labels)
        log.info("connected to evapi", where=self._where)
        self._inbox.put(link, b"\n")  # an empty line: the connection begins before any event
        self.ask()
        try:
            while not self._stopping.is_set():
                try:
                    data = link.socket.recv(_READ_BYTES)
                except TimeoutError:
                    continue
                if not data:
                    return
                self._inbox.put(link, data)
        finally:
            metrics.SOURCE_CONNECTED.set(0, self._labels)


def _address(name: tuple[str, int]) -> Address:
    return Address(ip=canonical_ip(name[0]) or name[0], port=name[1])
