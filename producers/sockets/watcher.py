"""The worker between the kernel and Kafka: takes what was read, and publishes what it changes.

It owns all state: the rules are in the tracker, the threads that read are in the feed.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from producers.sockets import netlink
from producers.sockets.connection_events import ConnectionEvents
from producers.sockets.dumper import Dump
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel_feed import KernelFeed
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.listeners import Listeners
from producers.sockets.notifications import Received
from producers.sockets.settings import SocketsSettings
from producers.sockets.suspicion import Suspicion
from producers.sockets.tracker import Change, ConnectionTracker, Destroyed
from runtime import logs, metrics
from schemas.connection import ConnectionEvent

log = logs.get(__name__)

# Items of the feed in one turn; then the feed's reader goes first.
_ITEMS_MAX = 100


class Watcher:
    """`start`, then `work` until `stopping` is set, then `close`. `publish` may block."""

    def __init__(
        self,
        settings: SocketsSettings,
        publish: Callable[[ConnectionEvent], object],
        boot: str,
        file: KnownConnectionsFile | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        """Raises KernelRefuses."""
        self._settings = settings
        self._publish = publish
        self._labels = {"source": "sockets", "node": settings.node}
        self._file = file
        self.feed = KernelFeed(settings)
        transports = {port.number: port.transport for port in settings.sip_ports}
        self._events = ConnectionEvents(settings.node, boot, transports)
        self._listeners = Listeners(settings.node, transports, self.feed.kernel)
        self._tracker = ConnectionTracker(
            transports,
            Suspicion(settings.suspect_retransmits, settings.suspect_seconds),
            settings.missing_after_seconds,
        )
        self._overflows_seen = 0
        self._written = time.monotonic()
        self._published: dict[str, int] = {}
        self.stopping = stopping or threading.Event()

    def start(self) -> None:
        """List what exists, publish what ended since an earlier run, and begin to read.

        Raises KernelRefuses, QueryFailed.
        """
        if self._file:
            self._tracker.connections.known = self._file.read()
        self._take_dump(self.feed.start(), "ended while nobody watched")

    def work(self) -> None:
        """Publish what happens until `stopping`. Raises what ended a thread of the feed."""
        while not self.stopping.is_set():
            self.turn()
            self.feed.raise_failure()

    def close(self) -> None:
        """Stop reading, publish what was read, write the known-connections file."""
        self.feed.stop()
        while not self.feed.queue.empty():
            self.turn()
        self._write_file()
        self.feed.close()

    def status(self) -> dict[str, Any]:
        """For /status. `queued` is 0 when everything read is with the publisher."""
        return {
            "node": self._settings.node,
            "boot": self._events.boot,
            "told": dict(self._published),
            "known": len(self._tracker.connections.known),
            "listening": self._listeners.ports(),
            "suspects": len(self._tracker.suspicion.suspects),
            **self.feed.status(),
        }

    def turn(self) -> None:
        """Take a few items of the feed, waiting a moment for the first; then do what is due."""
        destroyed: list[Destroyed] = []
        for item in self.feed.items(_ITEMS_MAX):
            if isinstance(item, Received):
                destroyed += self._read(item)
            elif isinstance(item, Dump):
                self._take_destroyed(destroyed)
                destroyed = []
                self._take_dump(item, None)
            else:
                self._overflowed()
        self._take_destroyed(destroyed)
        if self._tracker.has_missing and not self.feed.has_unread:
            self._ask_about_missing()
        self.feed.give_way()

    def _read(self, item: Received) -> list[Destroyed]:
        try:
            return [Destroyed(one, item.at) for one in netlink.sockets(item.data)]
        except (QueryFailed, OSError) as error:
            log.warning("unreadable notification of the kernel", detail=str(error))
            self._overflowed()
            return []

    def _overflowed(self) -> None:
        """Notifications were lost: only a dump shows which."""
        metrics.SOURCE_OVERFLOWS.add(1, self._labels)
        self.feed.want_dump()

    def _take_destroyed(self, destroyed: list[Destroyed]) -> None:
        if not destroyed:
            return
        metrics.SOURCE_EVENTS.add(len(destroyed), self._labels)
        changes, others = self._tracker.destroyed(destroyed)
        # First the listening sockets: of a dying process they may be in the middle.
        for socket in others:
            if not self._listeners.destroyed(socket):
                self.feed.want_dump()  # a connection without its peer, and not known yet
        self._publish_all(changes)

    def _take_dump(self, dump: Dump, missing_reason: str | None) -> None:
        overflows = self.feed.overflows
        if overflows != self._overflows_seen:
            missing_reason = "missing from a dump after notifications were lost"
            self._overflows_seen = overflows
        elif not self.feed.notifies:
            missing_reason = missing_reason or "missing from a dump"
        self._listeners.listed(dump.sockets)
        changes, unsure = self._tracker.dumped(dump.sockets, time.monotonic(), missing_reason)
        self._publish_all(changes)
        self._measure(unsure)
        if time.monotonic() - self._written > self._settings.memory_seconds:
            self._written = time.monotonic()
            self._write_file()

    def _ask_about_missing(self) -> None:
        for missing in self._tracker.due(time.monotonic()):
            try:
                found = self.feed.exact(missing.connection, missing.cookie)
            except (KernelRefuses, QueryFailed) as error:
                log.warning("cannot ask the kernel about a connection", detail=str(error))
                continue  # still known: the next dump finds it missing again
            self._publish_all(self._tracker.asked(missing, found))

    def _measure(self, cookies: Iterable[int]) -> None:
        """Read the counters of connections that may be suspect, or may have recovered."""
        for cookie in cookies:
            connection = self._tracker.connections.known.get(cookie)
            if connection is None:
                continue
            try:
                socket = self.feed.exact(connection, cookie, info=True)
            except (KernelRefuses, QueryFailed):
                return
            if socket is not None:
                self._publish_all(self._tracker.measured(socket, time.monotonic()))

    def _publish_all(self, changes: Iterable[Change]) -> None:
        for kind, socket, reason, at in changes:
            if kind.is_end and not self._listeners.is_there(socket.local_port):
                reason = "listener gone"
            self._publish(self._events.event(kind, socket, reason, at or time.time()))
            self._published[kind.value] = self._published.get(kind.value, 0) + 1

    def _write_file(self) -> None:
        if self._file:
            self._file.write(self._tracker.connections.known)
