"""The state of the Kamailio process: which one reports, whether it answers, what was lost.

Each event names the process by its start ($Tb), and so does the answer to the producer's own
request. A script that reports no start is one boot for as long as this producer runs.
"""

import time
from collections.abc import Callable

from producers.kamailio.context import Context
from producers.node_marks import node_mark
from producers.receive_times import Received, Ticks
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.vocabulary import NodeKind


class Server:
    """Sets `context.boot`. Not thread-safe: callers hold the intake's lock."""

    def __init__(self, context: Context, ticks: Ticks, lease_silence: float) -> None:
        self._context = context
        self._ticks = ticks
        self._lease_silence = lease_silence
        self._heard = 0.0  # the last event, in monotonic seconds
        self._answers = False  # the script answers requests
        self._announced = False  # UP was published on this connection
        self._runs = False  # a process has named itself, and is not known to have ended
        self.connected = False
        self.version: str | None = None
        self.wants_listing: Callable[[], None] = lambda: None

    @property
    def lives(self) -> bool:
        """Whether heartbeats are due: connected, and not silent where the script answers."""
        silence = time.monotonic() - self._heard
        return self.connected and (not self._answers or silence < self._lease_silence)

    def begin(self, received: Received) -> list[Translated]:
        """A connection begins: events before it never reached this producer."""
        self.connected, self._answers, self._announced = True, False, False
        return self.gap("connected to evapi: events before it are missing", received)

    def end(self, received: Received, *, refused: bool) -> list[Translated]:
        """The connection has ended. `refused`: no process listens there any more."""
        self.connected = False
        if not (refused and self._runs):
            return []
        self._runs = False
        return [self._mark(NodeKind.DOWN, received, "nobody listens on evapi any more")]

    def heard(self, event: ServerEvent, received: Received) -> list[Translated]:
        """An event came: UP where it is another process', or the first on a connection.

        Raises InvalidRecord.
        """
        self._heard = time.monotonic()
        started = event.number("boot")
        if started is None:
            return []
        self.version = event.text("version") or self.version
        self._answers = self._answers or event.name == "hello"
        boot = f"up-{started}"
        if self._announced and boot == self._context.boot:
            return []
        if boot != self._context.boot:
            self._context.dialogs.clear()
        self._context.boot, self._announced, self._runs = boot, True, True
        self.wants_listing()
        return [self._mark(NodeKind.UP, received)]

    def gap(self, reason: str, received: Received) -> list[Translated]:
        """Events may be missing: publish that, and request a listing."""
        self.wants_listing()
        return [self._mark(NodeKind.GAP, received, reason)]

    def heartbeat(self) -> list[Translated]:
        return [self._mark(NodeKind.HEARTBEAT, self._ticks.now())] if self.lives else []

    def unwatched(self, received: Received) -> list[Translated]:
        """The producer stops: the node's lease must not end because of that."""
        if not self.lives:
            return []
        return [self._mark(NodeKind.UNWATCHED, received, "the producer was stopped")]

    def _mark(self, kind: NodeKind, received: Received, reason: str | None = None) -> Translated:
        """`received` is the producer's clock, which is the node's: they share a host."""
        origin = self._context.origin(received, f"/{kind.value}")
        return node_mark(kind, origin, version=self.version, reason=reason)
