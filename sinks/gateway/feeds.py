"""All feeds of one gateway: which there are, which are stalled, and how they end at a stop."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from runtime import logs, metrics
from sinks.gateway.board.feed import BoardFeed
from sinks.gateway.feed import End, Feed
from sinks.gateway.message import Message

log = logs.get(__name__)

# The delay of one message in so many is recorded: to record it costs as much as to send it.
_SAMPLED = 100
# So often all feeds are checked, in so many turns: each turn's share of them. What is due for many
# feeds at once, such as cursors after a second, then holds up no change and no answer.
CHECK_SECONDS = 0.25
TURNS = 10
ALL_TURNS = range(TURNS)
FIRST_TURN = 0
# So often, in seconds, is counted what waits.
_BACKLOG_SECONDS = 1.0
# What a waiting message takes: messages themselves are shared, and kept anyway.
_WAITING_BYTES = 150
# The wall clock was set, if it went so many seconds more or less than the loop's.
_SET_SECONDS = 0.1
# A stop ends some feeds each so many seconds.
_DRAIN_STEP = 0.05

AnyFeed = Feed | BoardFeed


@dataclass(slots=True, eq=False)
class _Turn:
    """The feeds that are checked together; how many messages wait for them, and when they are
    counted again (seconds of the loop's clock). `offset`: from that clock to the wall clock."""

    feeds: dict[AnyFeed, None] = field(default_factory=dict)
    waiting: int = 0
    count_due: float = 0.0
    offset: float = 0.0


class Feeds:
    """Belongs to the event loop's thread, but for `sent`, `stalled` and `by_transport`."""

    def __init__(
        self,
        keepalive: timedelta,
        stalled_after: timedelta,
        bytes_waiting_max: int,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """A feed that is quiet for `keepalive` gets one, and ends when it has taken nothing for
        `stalled_after`. `wall_clock`: seconds since 1970."""
        self._keepalive = keepalive.total_seconds()
        self._stalled_after = stalled_after.total_seconds()
        self._waiting_max = bytes_waiting_max // _WAITING_BYTES
        self._wall_clock = wall_clock
        self._turns = [_Turn() for _ in ALL_TURNS]
        self._by_transport: Counter[str] = Counter(sse=0, websocket=0, board=0)
        self._logged: set[str] = set()
        self._counted_sent = 0
        self._sample_at = _SAMPLED
        self._is_stopping = False
        self.sent = self.stalled = 0
        # Set at a stop when no feed is left.
        self.emptied = asyncio.Event()

    def __len__(self) -> int:
        return sum(len(turn.feeds) for turn in self._turns)

    def __iter__(self) -> Iterator[AnyFeed]:
        return chain.from_iterable(turn.feeds for turn in self._turns)

    @property
    def by_transport(self) -> dict[str, int]:
        """How many there are."""
        return dict(self._by_transport)

    async def run(self, feed: AnyFeed, transport: str) -> End:
        """Run a feed until it ends; returns why."""
        turn = min(self._turns, key=lambda one: len(one.feeds))
        turn.feeds[feed] = None
        self._by_transport[transport] += 1
        try:
            return await feed.run()
        finally:
            del turn.feeds[feed]
            self._by_transport[transport] -= 1
            self._note_emptied()

    def count_sent(self, messages: list[Message], is_live: bool) -> None:
        """Count what a feed has sent, and record the delay of some changes."""
        self.sent += len(messages)
        if is_live and self.sent >= self._sample_at:
            self._sample_at = self.sent + _SAMPLED
            if at := messages[0].at:
                metrics.GATEWAY_DELAY.record(max(0.0, self._wall_clock() - at))

    # -- a stop -----------------------------------------------------------------------------------
    async def drain(self, spread: timedelta) -> None:
        """End the feeds one by one over `spread`: not all subscribers reconnect elsewhere at once.

        No feed may be added any more.
        """
        self._is_stopping = True
        seconds, clock = spread.total_seconds(), asyncio.get_running_loop().time
        feeds = list(self)
        random.shuffle(feeds)
        began, ended = clock(), 0
        while ended < len(feeds):
            due = len(feeds) if not seconds else 1 + len(feeds) * (clock() - began) / seconds
            for feed in feeds[ended : int(due)]:
                feed.end(End.STOPPING)
            ended = max(ended, int(due))
            if ended < len(feeds):
                await asyncio.sleep(_DRAIN_STEP)
        self.end_all()

    def end_all(self) -> None:
        """End every feed at once. No feed may be added any more."""
        self._is_stopping = True
        self._note_emptied()
        for feed in self:
            feed.end(End.STOPPING)

    def _note_emptied(self) -> None:
        if self._is_stopping and not len(self):
            self.emptied.set()

    # -- periodically -----------------------------------------------------------------------------
    def check(self, now: float, turns: Collection[int] = ALL_TURNS) -> list[AnyFeed]:
        """Send keep-alives on quiet feeds; end those whose token expired; end and return the
        stalled ones, and expired ones that take nothing.

        Call it for every turn each CHECK_SECONDS, with `now` on the loop's clock.
        """
        unresponsive: list[AnyFeed] = []
        for turn in (self._turns[number] for number in turns):
            unresponsive += self._check_feeds(turn, now)
            if now >= turn.count_due:
                turn.count_due = now + _BACKLOG_SECONDS
                turn.waiting = sum(feed.waiting for feed in turn.feeds)
        stalled = [feed for feed in unresponsive if feed.ended is End.STALLED]
        if stalled:
            self._log_once("subscriber stalled, disconnected", seconds=self._stalled_after)
        if backlogs := self._largest_backlogs():
            self._log_once("too much waits for all subscribers, those with most disconnected")
        if count := len(stalled) + len(backlogs):
            self.stalled += count
            metrics.GATEWAY_STALLED.add(count)
        if FIRST_TURN in turns:
            self._measure()
        return unresponsive + backlogs

    def _check_feeds(self, turn: _Turn, now: float) -> list[AnyFeed]:
        """Of many feeds that became quiet at once only some get a keep-alive each time: changes
        must not wait for all of them."""
        unresponsive: list[AnyFeed] = []
        wall_now = self._wall_clock()
        is_set = abs(wall_now - now - turn.offset) > _SET_SECONDS
        turn.offset = wall_now - now
        keep_alives = 1 + int(2 * len(turn.feeds) * CHECK_SECONDS / self._keepalive)
        for feed in turn.feeds:
            if now < feed.due_at and not is_set:
                continue
            cursor_at = feed.check_cursor(now)
            if feed.expires_at is not None and wall_now >= feed.expires_at:
                if feed.ended is End.EXPIRED and feed.sending_since is not None:
                    unresponsive.append(feed)  # it was asked to end at the last check
                feed.end(End.EXPIRED)
            elif feed.sending_since is not None:
                if now - feed.sending_since >= self._stalled_after and feed.ended is None:
                    feed.end(End.STALLED)
                    unresponsive.append(feed)
            elif (
                keep_alives and feed.wants_keep_alives and now - feed.quiet_since >= self._keepalive
            ):
                feed.keep_alive_due()
                keep_alives -= 1
            else:
                feed.due_at = cursor_at
                if feed.wants_keep_alives:
                    feed.due_at = min(feed.due_at, feed.quiet_since + self._keepalive)
                if feed.expires_at is not None:
                    feed.due_at = min(feed.due_at, feed.expires_at - turn.offset)
        return unresponsive

    def _largest_backlogs(self) -> list[AnyFeed]:
        """Feeds to disconnect because too much waits for all together: those with most."""
        if sum(turn.waiting for turn in self._turns) <= self._waiting_max:
            return []
        excess = sum(feed.waiting for feed in self) - self._waiting_max
        found = []
        for feed in sorted(self, key=lambda one: one.waiting, reverse=True):
            if excess <= 0:
                break
            if feed.ended is None:
                excess -= feed.waiting
                feed.end(End.STALLED)
                found.append(feed)
        for turn in self._turns:
            turn.waiting = 0
        return found

    def _measure(self) -> None:
        metrics.GATEWAY_SENT.add(self.sent - self._counted_sent)
        self._counted_sent = self.sent
        for transport, count in self._by_transport.items():
            metrics.GATEWAY_SUBSCRIBERS.set(count, {"transport": transport})

    def _log_once(self, what: str, **details: Any) -> None:
        if what not in self._logged:
            self._logged.add(what)
            log.warning(f"{what} (later ones are only counted)", **details)
