"""The worker between the kernel and Kafka: every end told once, whichever source says it first.

Three threads: the reader takes notifications, the dumper takes dumps, the worker owns all state and
publishes. Both feed one queue, so the worker sees them in the order they came.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from producers.sockets import netlink, tcp_info
from producers.sockets.connection_events import ConnectionEvents
from producers.sockets.dumper import Dump, Dumper, take
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel_features import probe_features
from producers.sockets.known_connections import KnownConnections
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.listeners import Listeners
from producers.sockets.netlink import Socket
from producers.sockets.notifications import Reader, Received
from producers.sockets.recorded import open_kernel
from producers.sockets.settings import SocketsSettings
from producers.sockets.suspicion import Suspicion
from runtime import logs, metrics
from schemas.connection import ConnectionEvent
from schemas.vocabulary import ConnectionKind as Kind

log = logs.get(__name__)

# Notifications between two looks at the reader, which must never wait long.
_CHUNK = 100
_WAIT_SECONDS = 0.02
_LISTENER_GONE = "listener gone"

Destroyed = tuple[Socket, float]  # and when it was told of, seconds since the epoch
Item = Received | Dump | None


class Watcher:
    """`start`, then `work` until `stopping` is set, then `close`. `publish` may block."""

    def __init__(
        self,
        settings: SocketsSettings,
        publish: Callable[[ConnectionEvent], object],
        boot: str,
        memory: KnownConnectionsFile | None = None,
    ) -> None:
        """Raises KernelRefuses."""
        self._settings = settings
        self._publish = publish
        self._labels = {"source": "sockets", "node": settings.node}
        self._memory = memory
        self._kernel = open_kernel(settings)
        self.abilities, subscription = probe_features(settings, self._kernel)
        self._reader = Reader(subscription, settings.queue_max_messages) if subscription else None
        self._queue: queue.SimpleQueue[Any] = (
            self._reader.queue if self._reader else queue.SimpleQueue()
        )
        ports = settings.sip_ports
        self._condition = netlink.of_ports([port.number for port in ports])
        self._dumper = Dumper(
            lambda: open_kernel(settings), self._condition, settings.dump_seconds, self._deliver
        )
        self._narrator = ConnectionEvents(
            settings.node, boot, {p.number: p.transport for p in ports}
        )
        self._ledger = KnownConnections()
        self._listeners = Listeners(settings.node, self._narrator.transports, self._kernel)
        self._suspicion = Suspicion(settings.suspect_retransmits, settings.suspect_seconds)
        self._missing: dict[int, tuple[float, str | None]] = {}  # when it is due, why if known
        self._overflows_seen = 0
        self._written = time.monotonic()
        self._told: dict[str, int] = {}
        self.stopping = threading.Event()

    def start(self) -> None:
        """Take stock, tell what ended since an earlier run, and begin to listen.

        Raises KernelRefuses, QueryFailed.
        """
        if self._reader:
            self._reader.start()  # before the first dump: what ends during it is told
        if self._memory:
            self._ledger.known = self._memory.read()
        self._compare(take(self._kernel, self._condition), "ended while nobody watched")
        self._dumper.start()

    def work(self) -> None:
        """Tell what happens until `stopping`. Raises what ended a thread."""
        while not self.stopping.is_set():
            self._turn()
            for thread in (self._reader, self._dumper):
                if thread and thread.failure:
                    raise thread.failure

    def close(self) -> None:
        """Stop the threads, tell what they have read, write down what is known."""
        self._dumper.stop()
        if self._reader:
            self._reader.stop()
        while not self._queue.empty():
            self._turn()
        if self._memory:
            self._memory.write(self._ledger.known)
        self._kernel.close()

    def status(self) -> dict[str, Any]:
        """For /status. `queued` is 0 when everything read is with the publisher."""
        reader = self._reader
        return {
            "node": self._settings.node,
            "boot": self._narrator.boot,
            "received": reader.received if reader else 0,
            "queued": self._queue.qsize(),
            "overflows": reader.overflows if reader else 0,
            "told": dict(self._told),
            "known": len(self._ledger.known),
            "listening": self._listeners.ports(),
            "suspects": len(self._suspicion.suspects),
            "dumps": self._dumper.count,
            "dump_seconds": round(self._dumper.seconds, 6),
            "kernel": self.abilities.report(),
        }

    def _deliver(self, dump: Dump) -> None:
        self._queue.put(dump)

    def _turn(self) -> None:
        """A few items of the queue, then what is due; the reader goes first where it has work."""
        destroyed: list[Destroyed] = []
        for item in self._items():
            if isinstance(item, Received):
                destroyed += self._read(item)
            elif isinstance(item, Dump):
                self._take_destroyed(destroyed)
                destroyed = []
                self._compare(item, None)
            else:
                self._overflowed()
        self._take_destroyed(destroyed)
        if self._missing:
            self._settle_missing()
        if self._reader:
            self._reader.give_way()

    def _items(self) -> list[Item]:
        items: list[Item] = []
        try:
            items.append(self._queue.get(timeout=_WAIT_SECONDS))
            while len(items) < _CHUNK:
                items.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return items

    def _read(self, item: Received) -> list[Destroyed]:
        try:
            return [(one, item.at) for one in netlink.sockets(item.data)]
        except (QueryFailed, OSError) as error:
            log.warning("a notification is not readable", detail=str(error))
            self._overflowed()
            return []

    def _overflowed(self) -> None:
        """Something was lost: only a dump can tell what."""
        metrics.SOURCE_OVERFLOWS.add(1, self._labels)
        self._dumper.wanted.set()

    def _take_destroyed(self, destroyed: list[Destroyed]) -> None:
        if not destroyed:
            return
        metrics.SOURCE_EVENTS.add(
            len(destroyed), {"source": "sockets", "node": self._settings.node}
        )
        connections = []
        for socket, at in destroyed:  # a dying process: its listening socket may be in the middle
            whole = self._ledger.whole(socket)
            if whole is not None:
                connections.append((whole, at))
            elif not self._listeners.destroyed(socket):
                self._dumper.wanted.set()  # a connection without its peer, and not known yet
        for socket, at in connections:
            if socket.local_port in self._narrator.transports:
                info = tcp_info.parse(socket.info)
                before = self._suspicion.suspects.get(socket.cookie)
                self._end(socket, tcp_info.end_of(info, before.info if before else None), None, at)

    def _end(self, socket: Socket, kind: Kind, reason: str | None, at: float | None = None) -> None:
        self._suspicion.forget(socket.cookie)
        self._missing.pop(socket.cookie, None)
        if not self._ledger.tell(socket.cookie):
            return
        if not self._listeners.is_there(socket.local_port):
            reason = _LISTENER_GONE
        self._tell(kind, socket, reason, at)

    def _tell(
        self, kind: Kind, socket: Socket, reason: str | None, at: float | None = None
    ) -> None:
        self._publish(self._narrator.event(kind, socket, reason, at or time.time()))
        self._told[kind.value] = self._told.get(kind.value, 0) + 1

    def _compare(self, dump: Dump, why_missing: str | None) -> None:
        news = self._ledger.compare(dump.sockets)
        self._listeners.listed(dump.sockets)
        overflows = self._reader.overflows if self._reader else 0
        if overflows != self._overflows_seen:
            why_missing = "missing from a dump after notifications were lost"
            self._overflows_seen = overflows
        elif not self._reader:
            why_missing = why_missing or "missing from a dump"
        for socket in news.closing:
            self._close_one_sided(socket)
        due = time.monotonic() + self._settings.missing_after_seconds
        for cookie in news.missing:
            self._missing.setdefault(cookie, (due, why_missing))
        self._look_for_suspects(news.in_trouble)
        if self._memory and time.monotonic() - self._written > self._settings.memory_seconds:
            self._written = time.monotonic()
            self._memory.write(self._ledger.known)

    def _close_one_sided(self, socket: Socket) -> None:
        by_peer = socket.state == netlink.CLOSE_WAIT
        reason = "closed by the client, not by the server" if by_peer else "closed by the server"
        self._end(socket, Kind.CLOSED, reason)

    def _settle_missing(self) -> None:
        """A notification would have come by now. Asked once more: a dump may skip what lives."""
        now = time.monotonic()
        for cookie, (due, why) in list(self._missing.items()):
            if due > now:
                continue
            del self._missing[cookie]
            known = self._ledger.known.get(cookie)
            if known is None:
                continue
            try:
                living = self._kernel.exact(known.family, known.ends, cookie)
            except (KernelRefuses, QueryFailed) as error:
                log.warning("cannot ask about a connection", detail=str(error))
                continue  # still known: the next dump finds it missing again
            if living is not None and living.state in netlink.ENDING:
                self._close_one_sided(living)
            elif living is None or living.cookie != cookie:
                self._end_missing(Socket(known.family, 0, 0, 0, known.ends, cookie, 0, b""), why)

    def _end_missing(self, socket: Socket, why: str | None) -> None:
        """No FIN: with one it would still be there. The server has not closed it, or we missed it.

        So it was reset, or timed out if it was suspect; where notifications were lost, unknown.
        """
        if socket.cookie in self._suspicion.suspects:
            self._end(socket, Kind.TIMED_OUT, why or "missing from a dump while suspect")
        elif why:
            self._end(socket, Kind.CLOSED, why)
        else:
            self._end(socket, Kind.RESET, "missing from a dump, not closed by the server")

    def _look_for_suspects(self, in_trouble: list[Socket]) -> None:
        known = self._ledger.known
        cookies = {socket.cookie for socket in in_trouble} | self._suspicion.suspects.keys()
        for cookie in cookies:
            one = known.get(cookie)
            if one is None or cookie in self._missing:
                continue
            try:
                socket = self._kernel.exact(one.family, one.ends, cookie, info=True)
            except (KernelRefuses, QueryFailed):
                return
            info = tcp_info.parse(socket.info) if socket else None
            if socket is None or info is None:
                continue
            change = self._suspicion.look(cookie, info, time.monotonic())
            if change is not None:
                kind = Kind.SUSPECT if change else Kind.RECOVERED
                self._tell(kind, socket, _words(info) if change else None)


def _words(info: tcp_info.TcpInfo) -> str:
    return (
        f"{info.retransmits} retransmissions, {info.probes} probes, {info.unacked} segments "
        f"unacknowledged, last ACK {info.last_ack_recv} ms ago"
    )
