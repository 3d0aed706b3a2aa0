"""The gateway within its event loop: what it holds, who is admitted, and what Kafka brings."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from runtime import logs, metrics
from schemas.dialling import DialCommand
from sinks.gateway.access.authenticator import Authenticator
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.static_tokens import StaticTokens
from sinks.gateway.access.tickets import Tickets
from sinks.gateway.board.board import Board
from sinks.gateway.calls.dialled import DialledCalls
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.cursor import Cursor
from sinks.gateway.errors import TryElsewhere
from sinks.gateway.feed import End
from sinks.gateway.feeds import ALL_TURNS, FIRST_TURN, AnyFeed, Feeds
from sinks.gateway.hub import Hub
from sinks.gateway.limits.guard import Limits
from sinks.gateway.lookup.index import Index
from sinks.gateway.message import Message
from sinks.gateway.nodes.known import KnownNodes
from sinks.gateway.progress import Resume
from sinks.gateway.refusals import Refusals
from sinks.gateway.routing.addresses import Addresses
from sinks.gateway.settings import GatewaySettings
from sinks.gateway.subscriber import Watch

log = logs.get(__name__)

NOBODY = Watch(only_named=True)
# A gateway that is behind a subscriber's cursor looks first after so long, in seconds.
_RESUME_PAUSE = 0.02
NOWHERE: Mapping[int, int] = {}


def _no_calls(command: DialCommand) -> None:
    del command
    raise TryElsewhere("still starting", reason="starting")


class Gateway:
    """All but `is_caught_up`, `is_stopping` and `status` belongs to the event loop's thread."""

    def __init__(
        self,
        settings: GatewaySettings,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wall_clock`: seconds since the epoch; `clock`: one that only goes forward."""
        self._settings = settings
        self._wall_clock = wall_clock
        self._clock = clock
        self.limits = Limits(settings.limits)
        self.refusals = Refusals(clock)
        self.access = Authenticator(
            StaticTokens(settings.static_tokens()),
            settings.jwt.verifier() if settings.jwt else None,
            tickets=Tickets(settings.ticket_lifetime.total_seconds()),
            cookie=settings.cookie or None,
        )
        self.allowed_hosts = frozenset(settings.allowed_hosts)
        self.allowed_origins = frozenset(settings.allowed_origins)
        self.addresses = Addresses(settings.nodes)
        self.dial_profile = settings.dial_profile
        self.hub = Hub(wall_clock)
        self.index = Index(self.hub)
        self.nodes = KnownNodes()
        self.node_lease = settings.node_lease
        self.calls = KnownCalls(settings.calls_kept, self._note_dropped_call)
        self.dialled = DialledCalls(settings.calls_kept, self._note_dropped_call)
        self._has_dropped_calls = False
        # Assigned by the stage: whether Kafka cannot be read now.
        self.is_kafka_away: Callable[[], bool] = lambda: False
        # Assigned by the stage: writes a command, and returns when Kafka has it.
        self.ask_call: Callable[[DialCommand], None] = _no_calls
        self.board = Board(
            self.hub,
            is_caught_up=lambda: self.is_caught_up,
            is_kafka_away=lambda: self.is_kafka_away(),
            nodes=self.nodes,
            node_lease=self.node_lease,
            calls=self.calls,
            clock=wall_clock,
        )
        self.watched_max = settings.watched_max
        self._resume_wait = settings.resume_wait.total_seconds()
        self.feeds = Feeds(
            settings.keepalive,
            settings.stalled_after,
            settings.limits.bytes_waiting_max,
            wall_clock,
        )
        self._counted_coalesced = 0
        self.is_caught_up = False
        self.is_stopping = False

    # -- subscribers ------------------------------------------------------------------------------
    def admit(self, identity: Identity, watch: Watch = NOBODY) -> None:
        """Return when another subscriber may connect. Raises TryElsewhere, TooMany."""
        self.check_state()
        if len(self.feeds) >= self._settings.subscribers_max:
            raise TryElsewhere(
                f"{self._settings.subscribers_max} subscribers are here already", reason="full"
            )
        self.limits.shares.check(identity)
        self.check_watched(len(watch.aors))

    def check_watched(self, more: int) -> None:
        """Raises TryElsewhere where so many more users cannot be watched by name."""
        if self.hub.watchers.named + more > self._settings.limits.watched_max:
            raise TryElsewhere("too many users are watched by name here", reason="watched")

    def check_state(self) -> None:
        """Raises TryElsewhere until the present state is read, and while stopping."""
        if self.is_stopping:
            raise TryElsewhere("stopping", reason="stopping")
        if not self.is_caught_up:
            raise TryElsewhere("still reading the present state", reason="starting")

    async def reach(self, cursor: Cursor | None) -> None:
        """Return when this gateway has read as far as the cursor, or after `resume_wait`.

        Another gateway may have been ahead by some milliseconds.
        """
        pause, waited = _RESUME_PAUSE, 0.0
        while (
            cursor is not None
            and self.hub.progress.resume(cursor, cursor.tag) is Resume.LATER
            and waited < self._resume_wait
            and not self.is_stopping
        ):
            await asyncio.sleep(pause)
            waited += pause
            pause = min(2 * pause, 0.5)

    async def run(self, feed: AnyFeed, transport: str, identity: Identity) -> End:
        """Feed one subscriber until it or the gateway ends."""
        self.limits.shares.add(identity)
        try:
            return await self.feeds.run(feed, transport)
        finally:
            self.limits.shares.remove(identity)

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return self._clock()

    def wall_now(self) -> float:
        """Seconds since the epoch."""
        return self._wall_clock()

    async def drain(self) -> None:
        """Admit nobody any more, and end the feeds over `stop_spread`."""
        self.is_stopping = True
        await self.feeds.drain(self._settings.limits.stop_spread)

    def end_all(self) -> None:
        """Admit nobody any more, and end every feed at once."""
        self.is_stopping = True
        self.feeds.end_all()

    # -- presence ---------------------------------------------------------------------------------
    def apply(self, messages: list[Message], positions: Mapping[int, int] = NOWHERE) -> None:
        """Apply what was read from Kafka, in order, up to these offsets of the partitions."""
        hub, index, board = self.hub, self.index, self.board
        for message in messages:
            old, position = hub.get(message.aor), hub.position(message.aor)
            if not message.version:
                hub.remove(message)
                if old is not None:
                    index.change(old, None, position)
                    board.change(old, None)
            elif hub.change(message):
                index.change(old, message, hub.position(message.aor))
                board.change(old, message)
        self.hub.advance(positions)

    def check(self, now: float, turns: Collection[int] = ALL_TURNS) -> list[AnyFeed]:
        """Check the feeds of these turns (Feeds.check) and, with the first of them, update the
        boards and measure; call it as often."""
        unresponsive = self.feeds.check(now, turns)
        if FIRST_TURN in turns:
            self.board.tick()
            metrics.GATEWAY_COALESCED.add(self.hub.coalesced - self._counted_coalesced)
            self._counted_coalesced = self.hub.coalesced
            metrics.GATEWAY_USERS.set(self.hub.users)
        return unresponsive

    def _note_dropped_call(self) -> None:
        metrics.GATEWAY_CALLS_DROPPED.add(1, {"reason": "full"})
        if not self._has_dropped_calls:
            self._has_dropped_calls = True
            log.warning("more calls than gateway.calls_kept (logged once)", kept=len(self.calls))

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        return {
            "subscribers": self.feeds.by_transport,
            "users": self.hub.users,
            "caught_up": self.is_caught_up,
            "sent": self.feeds.sent,
            "coalesced": self.hub.coalesced,
            "calls": len(self.calls),
            "stalled": self.feeds.stalled,
            "refused": self.refusals.counts,
        }
