"""The connection to evapi: one thread that does nothing but read, and connects again.

evapi queues nothing for a consumer that is away, and one that stops reading stalls the whole SIP
server. So nothing here waits for anything but the network; the inbox drops what is too much.
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
_LOOK_SECONDS = 0.2
_QUESTION = b"rollcall\n"


class Link:
    """One connection, as a peer of the inbox. Its end is told again when refused only later."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.told = self.refused = False
        self.ends = Ends(_address(connection.getpeername()), _address(connection.getsockname()))

    def acknowledge(self, data: bytes) -> None:
        """evapi asks for none."""


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
        self._told: str | None = None
        self.connections = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def ask(self) -> None:
        """Let the script say hello (event_route[evapi:message-received]); never waits."""
        link = self._link
        if link is not None:
            with contextlib.suppress(OSError):
                link.socket.send(_QUESTION, socket.MSG_DONTWAIT)

    def _work(self) -> None:
        try:
            ended: Link | None = None
            while not self._stopping.is_set():
                connection, refused = self._connect()
                if ended is not None and (connection or refused or not ended.told):
                    # Told only now: whether anybody still listens says what the end means.
                    ended.told, ended.refused = True, refused
                    self._inbox.put(ended, b"")
                    ended = None if refused else ended
                if connection is None:
                    self._stopping.wait(self._pause)
                    continue
                # It may be gone already, as of a server whose processes are just dying: then it is
                # still the one before that has ended, and what listens next says what that means.
                with contextlib.suppress(OSError):
                    ended = Link(connection)
                    self._read(ended)
                self._link = None
                connection.close()
        except BaseException as error:
            self.failure = error
            raise

    def _connect(self) -> tuple[socket.socket | None, bool]:
        try:
            connection = socket.create_connection(self._where, self._timeout)
        except OSError as error:
            if self._told != (told := str(error)):
                self._told = told
                log.warning("evapi is not there", where=self._where, error=told)
            metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": "unreachable"})
            return None, isinstance(error, ConnectionRefusedError)
        self._told = None
        self.connections += 1
        return connection, False

    def _read(self, link: Link) -> None:
        link.socket.settimeout(_LOOK_SECONDS)
        self._link = link
        metrics.SOURCE_CONNECTED.set(1, self._labels)
        log.info("connected to evapi", where=self._where)
        self._inbox.put(link, b"\n")  # an empty line: the connection is told before any event
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
