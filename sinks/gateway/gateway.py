"""The gateway within its event loop: admits subscribers, feeds them, and finds stalled ones."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from runtime import logs, metrics
from sinks.gateway.access.authenticator import Authenticator
from sinks.gateway.access.static_tokens import StaticTokens
from sinks.gateway.access.tickets import Tickets
from sinks.gateway.board.board import Board
from sinks.gateway.board.feed import BoardFeed
from sinks.gateway.cursor import Cursor
from sinks.gateway.errors import Refused, TryElsewhere
from sinks.gateway.feed import End, Feed
from sinks.gateway.hub import Hub
from sinks.gateway.lookup.index import Index
from sinks.gateway.message import Message
from sinks.gateway.nodes.known import KnownNodes
from sinks.gateway.progress import Resume
from sinks.gateway.routing.addresses import Addresses
from sinks.gateway.settings import GatewaySettings

log = logs.get(__name__)

# The delay of one message in so many is recorded: to record it costs as much as to send it.
_SAMPLED = 100
# So often all feeds are checked.
CHECK_SECONDS = 0.25
# A gateway that is behind a subscriber's cursor looks first after so long, in seconds.
_RESUME_PAUSE = 0.02
NOWHERE: Mapping[int, int] = {}


class Gateway:
    """All but `is_caught_up`, `is_stopping` and `status` belongs to the event loop's thread."""

    def __init__(
        self, settings: GatewaySettings, wall_clock: Callable[[], float] = time.time
    ) -> None:
        """`wall_clock`: seconds since the epoch."""
        self._settings = settings
        self._wall_clock = wall_clock
        self._keepalive = settings.keepalive.total_seconds()
        self._stalled_after = settings.stalled_after.total_seconds()
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
        # Assigned by the stage: whether Kafka cannot be read now.
        self.is_kafka_away: Callable[[], bool] = lambda: False
        self.board = Board(
            self.hub,
            is_caught_up=lambda: self.is_caught_up,
            is_kafka_away=lambda: self.is_kafka_away(),
            nodes=self.nodes,
            node_lease=self.node_lease,
            clock=wall_clock,
        )
        self.watched_max = settings.watched_max
        self._resume_wait = settings.resume_wait.total_seconds()
        # By feed, its transport.
        self._feeds: dict[Feed | BoardFeed, str] = {}
        self._subscribers: Counter[str] = Counter(sse=0, websocket=0, board=0)
        self._refused: Counter[str] = Counter()
        self._logged: set[str] = set()
        self._sent = self._stalled = self._counted_sent = self._counted_coalesced = 0
        self._sample_at = _SAMPLED
        self.is_caught_up = False
        self.is_stopping = False
        # Set when the gateway is stopping and no feed is left.
        self.emptied = asyncio.Event()

    # -- subscribers ------------------------------------------------------------------------------
    def admit(self) -> None:
        """Return when another subscriber may connect. Raises TryElsewhere."""
        self.check_state()
        if len(self._feeds) >= self._settings.subscribers_max:
            raise TryElsewhere(
                f"{self._settings.subscribers_max} subscribers are here already", reason="full"
            )

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

    async def run(self, feed: Feed | BoardFeed, transport: str) -> End:
        """Feed one subscriber until it or the gateway ends."""
        self._feeds[feed] = transport
        self._subscribers[transport] += 1
        try:
            return await feed.run()
        finally:
            del self._feeds[feed]
            self._subscribers[transport] -= 1
            self._note_emptied()

    def sent(self, messages: list[Message], is_live: bool) -> None:
        """Count what a feed has sent, and record the delay of some changes."""
        self._sent += len(messages)
        if is_live and self._sent >= self._sample_at:
            self._sample_at = self._sent + _SAMPLED
            if at := messages[0].at:
                metrics.GATEWAY_DELAY.record(max(0.0, self._wall_clock() - at))

    def wall_now(self) -> float:
        """Seconds since the epoch."""
        return self._wall_clock()

    def refuse(self, refusal: Refused) -> None:
        """Count a request answered with an error; the first of each cause is logged."""
        self._refused[refusal.reason] += 1
        metrics.GATEWAY_REFUSED.add(1, {"reason": refusal.reason})
        self._log_once(
            f"request refused: {refusal.reason}", detail=str(refusal), field=refusal.field
        )

    def end_all(self) -> None:
        """Admit nobody any more, and end every feed, so that subscribers reconnect elsewhere."""
        self.is_stopping = True
        self._note_emptied()
        for feed in self._feeds:
            feed.end(End.STOPPING)

    def _note_emptied(self) -> None:
        if self.is_stopping and not self._feeds:
            self.emptied.set()

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

    # -- periodically -----------------------------------------------------------------------------
    def check(self, now: float) -> list[Feed | BoardFeed]:
        """Send keep-alives on quiet feeds; end those whose token expired; end and return the
        stalled ones, and expired ones that take nothing.

        Call it every CHECK_SECONDS with `now` on the loop's clock. Of many feeds that became quiet
        at once only some get a keep-alive each time: changes must not wait for all of them.
        """
        stalled: list[Feed | BoardFeed] = []
        late: list[Feed | BoardFeed] = []
        wall_now = self.wall_now()
        keep_alives = 1 + int(2 * len(self._feeds) * CHECK_SECONDS / self._keepalive)
        for feed in self._feeds:
            feed.check_cursor(now)
            if feed.expires_at is not None and wall_now >= feed.expires_at:
                if feed.ended is End.EXPIRED and feed.sending_since is not None:
                    late.append(feed)  # it was asked to end at the last check
                feed.end(End.EXPIRED)
            elif feed.sending_since is not None:
                if now - feed.sending_since >= self._stalled_after and feed.ended is None:
                    feed.end(End.STALLED)
                    stalled.append(feed)
            elif (
                keep_alives and feed.wants_keep_alives and now - feed.quiet_since >= self._keepalive
            ):
                feed.keep_alive_due()
                keep_alives -= 1
        if stalled:
            self._stalled += len(stalled)
            metrics.GATEWAY_STALLED.add(len(stalled))
            self._log_once("subscriber stalled, disconnected", seconds=self._stalled_after)
        self.board.tick()
        self._measure()
        return stalled + late

    def _measure(self) -> None:
        metrics.GATEWAY_SENT.add(self._sent - self._counted_sent)
        metrics.GATEWAY_COALESCED.add(self.hub.coalesced - self._counted_coalesced)
        self._counted_sent, self._counted_coalesced = self._sent, self.hub.coalesced
        metrics.GATEWAY_USERS.set(self.hub.users)
        for transport, count in self._subscribers.items():
            metrics.GATEWAY_SUBSCRIBERS.set(count, {"transport": transport})

    def _log_once(self, what: str, **details: Any) -> None:
        if what not in self._logged:
            self._logged.add(what)
            log.warning(f"{what} (later ones are only counted)", **details)

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        return {
            "subscribers": dict(self._subscribers),
            "users": self.hub.users,
            "caught_up": self.is_caught_up,
            "sent": self._sent,
            "coalesced": self.hub.coalesced,
            "stalled": self._stalled,
            "refused": dict(self._refused),
        }
