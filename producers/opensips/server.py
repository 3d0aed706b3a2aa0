"""The state of the OpenSIPS process: which one it is, whether it answers, what was lost.

No event names the process. Where MI answers, the time of its start does (`uptime`), which is the
same for every run of the producer, and nothing is published before that is known
(producers/opensips/naming.py). Else the boot is this run of the producer, with a count of the
restarts seen.
"""

import re
import time
from collections.abc import Callable
from datetime import timedelta

from producers.node_marks import node_mark
from producers.opensips.context import Context, RestartSign
from producers.receive_times import Received, Ticks
from producers.translated import Translated
from schemas.vocabulary import NodeKind

# A server's own status (E_CORE_SR_STATUS_CHANGED) follows its INSERTs up to this much later.
RESTART_WINDOW = timedelta(seconds=30)
# Gaps of one reason within this time are published once.
GAP_WINDOW = timedelta(seconds=5)
_STARTED = "the producer started"
_BEFORE = timedelta(microseconds=1)
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


class Server:
    """Sets `context.boot`. Not thread-safe: callers hold the intake's lock."""

    def __init__(
        self, context: Context, ticks: Ticks, *, has_mi: bool, lease_silence: float
    ) -> None:
        self.context = context
        self._ticks = ticks
        self._has_mi = has_mi
        self._lease_silence = lease_silence
        self._run = context.boot
        self._restarts = 0
        self._last_restart: Received | None = None
        self._inferred = False  # the restart was inferred from contacts; its status may follow
        self._gaps: dict[str, Received] = {}  # the last of each reason, which are a handful
        self._heard = time.monotonic()
        self._begun = False
        self._unnamed = not has_mi  # events are published before MI has named the process
        self.identity: str | None = None
        self.version: str | None = None
        self.wants_listing: Callable[[], None] = lambda: None
        self.wants_identity: Callable[[], None] = lambda: None

    @property
    def lives(self) -> bool:
        """Whether heartbeats are due; without MI, as long as the producer runs."""
        return not self._has_mi or time.monotonic() - self._heard < self._lease_silence

    def heard(self) -> None:
        """An event or answer came: the server is alive."""
        self._heard = time.monotonic()

    def begin(self) -> list[Translated]:
        """The producer starts: events before that never reached it."""
        self._begun = True
        self.wants_listing()
        return self._begin() if self._is_named else []

    def unnamed(self) -> list[Translated]:
        """MI did not answer in time: events are published under the name of this run."""
        if self._is_named:
            return []
        self._unnamed = True
        return self._begin()

    @property
    def _is_named(self) -> bool:
        return self._unnamed or self.identity is not None

    def _begin(self) -> list[Translated]:
        return self.gap(_STARTED, self._ticks.now())

    def identified(
        self, up_since: str, version: str | None, first: Received | None = None
    ) -> list[Translated]:
        """MI has answered when the server started: UP where that is another process than before.

        `first`: when the first event was received that waited for the answer; the process is older.
        The first answer after events were published unnamed only names their process.
        """
        self.heard()
        self.version = version or self.version
        identity = f"up-{_SEPARATORS.sub('-', up_since).strip('-')[:60].lower()}"
        if identity == self.identity:
            return []
        known, self.identity = self.identity, identity
        received = self._ticks.now()
        if first is not None:
            received = Received(first.at - _BEFORE, first.seq)
        if known is None and self._begun and self._unnamed:
            self.context.boot = identity
            self.wants_listing()
            return []
        entered = self._enter(identity, received)
        return [*entered, *self._begin()] if known is None and self._begun else entered

    def restarted(self, sign: RestartSign, received: Received) -> list[Translated]:
        """An event came that only a restarted server sends; many such events are one restart."""
        if self._has_mi and self.identity is not None:
            self.wants_identity()  # MI's answer decides, and names the process
            return []
        last = self._last_restart
        if sign.since is not None:
            if last is not None and sign.since <= last.at:
                return []
        elif self._inferred and last is not None and received.at - last.at < RESTART_WINDOW:
            self._inferred = False
            return []
        self._inferred = sign.since is not None
        self._restarts += 1
        return self._enter(f"{self._run}.{self._restarts}", received, sign.reason)

    def gap(self, what: str, received: Received, count: int | None = None) -> list[Translated]:
        """Events may be missing: publish that, and request a listing. `count`: at least so many."""
        self.wants_listing()
        if not self._is_named:
            return []  # the gap of the producer's start follows, with the process's name
        last = self._gaps.get(what)
        if last is not None and received.at - last.at < GAP_WINDOW:
            return []
        self._gaps[what] = received
        reason = what if count is None else f"{count} {what}"
        return [self._mark(NodeKind.GAP, received, reason=reason)]

    def heartbeat(self) -> list[Translated]:
        if not (self.lives and self._is_named):
            return []
        received = self._ticks.now()
        return [self._mark(NodeKind.HEARTBEAT, received, version=self.version)]

    def unwatched(self) -> list[Translated]:
        """The producer stops: the node's lease must not end because of that."""
        if not (self.lives and self._is_named):
            return []
        received, reason = self._ticks.now(), "the producer was stopped"
        return [self._mark(NodeKind.UNWATCHED, received, reason=reason)]

    def _enter(self, boot: str, received: Received, reason: str | None = None) -> list[Translated]:
        self.context.boot = boot
        self.context.dialogs.clear()
        self.context.connection_ends.restarted(received.at)
        self._last_restart = received
        self.wants_listing()
        return [self._up(received, reason)]

    def _up(self, received: Received, reason: str | None = None) -> Translated:
        return self._mark(NodeKind.UP, received, version=self.version, reason=reason)

    def _mark(
        self,
        kind: NodeKind,
        received: Received,
        *,
        version: str | None = None,
        reason: str | None = None,
    ) -> Translated:
        """`received` is the producer's own clock: the server's events carry none."""
        origin = self.context.origin(received, f"/{kind.value}")
        return node_mark(kind, origin, version=version, reason=reason)
