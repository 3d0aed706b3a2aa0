"""The gateway within its event loop: admits subscribers, feeds them, and finds stalled ones."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from runtime import logs, metrics
from sinks.gateway.access.authenticator import Authenticator
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.static_tokens import StaticTokens
from sinks.gateway.access.tickets import Tickets
from sinks.gateway.board.board import Board
from sinks.gateway.board.feed import BoardFeed
from sinks.gateway.cursor import Cursor
from sinks.gateway.errors import Refused, TryElsewhere
from sinks.gateway.feed import End, Feed
from sinks.gateway.hub import Hub
from sinks.gateway.limits.guard import Limits
from sinks.gateway.limits.refusal_log import RefusalLog
from sinks.gateway.lookup.index import Index
from sinks.gateway.message import Message
from sinks.gateway.nodes.known import KnownNodes
from sinks.gateway.progress import Resume
from sinks.gateway.routing.addresses import Addresses
from sinks.gateway.settings import GatewaySettings
from sinks.gateway.subscriber import Watch

log = logs.get(__name__)

# The delay of one message in so many is recorded: to record it costs as much as to send it.
_SAMPLED = 100
# So often all feeds are checked.
CHECK_SECONDS = 0.25
# So often, in seconds, all that waits is counted: a walk through all feeds.
_BACKLOG_SECONDS = 1.0
# What a waiting message takes: messages themselves are shared, and kept anyway.
_WAITING_BYTES = 150
# A stop ends some feeds each so many seconds.
_DRAIN_STEP = 0.05
NOBODY = Watch(only_named=True)
# A gateway that is behind a subscriber's cursor looks first after so long, in seconds.
_RESUME_PAUSE = 0.02
NOWHERE: Mapping[int, int] = {}


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
        self._refusal_log = RefusalLog()
        self._backlogs_due = 0.0
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
    def admit(self, identity: Identity, watch: Watch = NOBODY) -> None:
        """Return when another subscriber may connect. Raises TryElsewhere, TooMany."""
        self.check_state()
        if len(self._feeds) >= self._settings.subscribers_max:
            raise TryElsewhere(
                f"{self._settings.subscribers_max} subscribers are here already", reason="full"
            )
        self.limits.shares.check(identity)
        self.check_watched(len(watch.aors))

    def check_watched(self, more: int) -> None:
        """Raises TryElsewhere where so many more users cannot be watched by name."""
        if self.hub.named + more > self._settings.limits.watched_max:
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

    async def run(self, feed: Feed | BoardFeed, transport: str, identity: Identity) -> End:
        """Feed one subscriber until it or the gateway ends."""
        self._feeds[feed] = transport
        self._subscribers[transport] += 1
        self.limits.shares.add(identity)
        try:
            return await feed.run()
        finally:
            del self._feeds[feed]
            self._subscribers[transport] -= 1
            self.limits.shares.remove(identity)
            self._note_emptied()

    def sent(self, messages: list[Message], is_live: bool) -> None:
        """Count what a feed has sent, and record the delay of some changes."""
        self._sent += len(messages)
        if is_live and self._sent >= self._sample_at:
            self._sample_at = self._sent + _SAMPLED
            if at := messages[0].at:
                metrics.GATEWAY_DELAY.record(max(0.0, self._wall_clock() - at))

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return self._clock()

    def wall_now(self) -> float:
        """Seconds since the epoch."""
        return self._wall_clock()

    def refuse(self, refusal: Refused, address: str, client: str | None = None) -> None:
        """Count and log a request answered with an error; of many only some are logged."""
        why = getattr(refusal, "why", None) or str(refusal)
        self._refuse(refusal.reason, address, client, detail=why, field=refusal.field)

    def refuse_connection(self, reason: str, address: str) -> None:
        """The same for a connection that is closed without an answer, or with one of the guard."""
        self._refuse(reason, address, None)

    def _refuse(self, reason: str, address: str, client: str | None, **details: Any) -> None:
        self._refused[reason] += 1
        metrics.GATEWAY_REFUSED.add(1, {"reason": reason})
        more = self._refusal_log.admit(reason, client or address, self.now())
        if more is not None:
            log.warning(
                "request refused",
                reason=reason,
                address=address,
                client=client,
                **{name: value for name, value in details.items() if value is not None},
                **more,
            )

    async def drain(self) -> None:
        """Admit nobody any more, and end the feeds one by one over `stop_spread`, so that not all
        subscribers reconnect elsewhere at once."""
        self.is_stopping = True
        spread = self._settings.limits.stop_spread.total_seconds()
        feeds = list(self._feeds)
        random.shuffle(feeds)
        began, ended = self.now(), 0
        while ended < len(feeds):
            due = len(feeds) if not spread else 1 + len(feeds) * (self.now() - began) / spread
            for feed in feeds[ended : int(due)]:
                feed.end(End.STOPPING)
            ended = max(ended, int(due))
            if ended < len(feeds):
                await asyncio.sleep(_DRAIN_STEP)
        self.end_all()

    def end_all(self) -> None:
        """Admit nobody any more, and end every feed at once."""
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
            self._log_once("subscriber stalled, disconnected", seconds=self._stalled_after)
        if backlogs := self._largest_backlogs(now):
            self._log_once("too much waits for all subscribers, those with most disconnected")
            stalled += backlogs
        if stalled:
            self._stalled += len(stalled)
            metrics.GATEWAY_STALLED.add(len(stalled))
        self.board.tick()
        self._measure()
        return stalled + late

    def _largest_backlogs(self, now: float) -> list[Feed | BoardFeed]:
        """Feeds to disconnect because too much waits for all together: those with most."""
        if now < self._backlogs_due:
            return []
        self._backlogs_due = now + _BACKLOG_SECONDS
        room = self._settings.limits.bytes_waiting_max // _WAITING_BYTES
        excess = sum(feed.waiting for feed in self._feeds) - room
        if excess <= 0:
            return []
        found = []
        for feed in sorted(self._feeds, key=lambda one: one.waiting, reverse=True):
            if excess <= 0:
                break
            if feed.ended is None:
                excess -= feed.waiting
                feed.end(End.STALLED)
                found.append(feed)
        return found

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
