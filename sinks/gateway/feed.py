"""One subscriber's connection: takes from the hub what waits, and sends it, until either ends."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from sinks.gateway.cursor import Cursor
from sinks.gateway.hub import Hub
from sinks.gateway.message import Message
from sinks.gateway.subscriber import ANSWER, Subscriber, Watch

# Messages sent at once: one that is being sent can become outdated, one that waits is replaced.
_AT_ONCE = 64
# A subscriber whose messages never stop waiting has a cursor at least so often.
CURSOR_SECONDS = 1.0
# So many messages are worth one earlier: who is cut off then gets fewer of them again.
_CURSOR_MESSAGES = 100
# Where nothing it watches changes, it gets a new one in this part of the time that removals are
# remembered, at random: not all at once.
_REFRESHES = (1 / 48, 1 / 24)


class End(Enum):
    """Why a feed ended."""

    GONE = "gone"  # the subscriber disconnected
    STALLED = "stalled"  # it took nothing
    STOPPING = "stopping"  # the gateway ends
    EXPIRED = "expired"  # its token did


class Feed:
    """Belongs to the event loop. `send` and `keep_alive` return when the connection took it."""

    def __init__(
        self,
        hub: Hub,
        watch: Watch,
        send: Callable[[list[Message]], Awaitable[None]],
        sent: Callable[[list[Message], bool], None],
        *,
        client: Any = None,
        keep_alive: Callable[[], Awaitable[None]] | None = None,
        shown: Callable[[Message], Message] | None = None,
        expires_at: float | None = None,
        cursor: Cursor | None = None,
        cursor_interval: float = CURSOR_SECONDS,
        view: str = "",
    ) -> None:
        """`sent` is called with the messages sent, and whether the present state was sent before.

        `client` identifies the connection to the server. `shown` makes of a message what this
        subscriber may see of it (Scope.redact); None: all. `expires_at`: when its token expires,
        seconds since the epoch. `cursor` is the subscriber's, to resume; new ones are sent after
        changes, `cursor_interval` seconds or _CURSOR_MESSAGES apart. `view` names what `shown`
        shows.
        """
        self.client = client
        self.expires_at = expires_at
        self._shown = shown
        # The server itself pings a WebSocket.
        self.wants_keep_alives = keep_alive is not None
        self._hub = hub
        self._send = send
        self._sent = sent
        self._keep_alive = keep_alive
        # What the task waits for: nothing lighter than a future wakes one of ten thousand tasks.
        self._woken: asyncio.Future[None] | None = None
        self._answered: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._subscriber = hub.subscribe(watch, self._wake, cursor, view=view)
        self._cursor_interval = cursor_interval
        remembered = hub.progress.remembered.total_seconds()
        self._cursor_refresh = random.uniform(*_REFRESHES) * remembered
        # When the last cursor was sent, and how many messages after it.
        self._cursor_at = self._clock()
        self._sent_after_cursor = 0
        self._was_live = False
        self._keep_alive_due = False
        # When the send under way began (None: there is none), and when the last one ended.
        self.sending_since: float | None = None
        self.quiet_since = self._clock()
        # Nothing is due before this time (of the loop's clock), unless it sends in the meantime.
        self.due_at = 0.0
        self.ended: End | None = None

    @property
    def waiting(self) -> int:
        """How many messages wait for the subscriber."""
        subscriber = self._subscriber
        return len(subscriber.waiting) + len(subscriber.removed)

    async def run(self) -> End:
        """Until `end` is called. The subscriber is forgotten when it returns."""
        try:
            while self.ended is None:
                if not self._subscriber.has_nothing:
                    await self._send_all(self._hub.take(self._subscriber, _AT_ONCE))
                    if not self._subscriber.is_live:
                        # The state may be long: let other feeds send before its end.
                        await asyncio.sleep(0)
                elif self._keep_alive_due and self._keep_alive is not None:
                    self._keep_alive_due = False
                    await self._timed(self._keep_alive())
                else:
                    self._woken = self._loop.create_future()
                    await self._woken
        finally:
            self._hub.unsubscribe(self._subscriber)
        return self.ended

    def end(self, cause: End) -> None:
        """The first cause counts."""
        self.ended = self.ended or cause
        self._wake()

    def keep_alive_due(self) -> None:
        """Send a keep-alive, unless something else is sent before."""
        self._keep_alive_due = True
        self._wake()

    @property
    def subscriber(self) -> Subscriber:
        """What the hub knows it by."""
        return self._subscriber

    async def answer(self, message: Message) -> None:
        """Send the answer to a command, after all that waits; returns when it was sent."""
        self._answered = asyncio.Event()
        self._hub.queue(self._subscriber, ANSWER, message)
        await self._answered.wait()

    def check_cursor(self, now: float) -> float:
        """Have a cursor sent if one is due; returns when the next one is. Both are times of the
        loop's clock."""
        due_at = self._cursor_at + (
            CURSOR_SECONDS if self._sent_after_cursor else self._cursor_refresh
        )
        if now >= due_at:
            self._hub.mark(self._subscriber)
        return due_at

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _send_all(self, messages: list[Message]) -> None:
        if not messages:  # of the users looked at none is to be sent
            await asyncio.sleep(0)
            return
        was_live = self._was_live
        self._was_live = self._subscriber.is_live
        now = self._clock()
        self._sent_after_cursor += len(messages)
        is_due = (
            now - self._cursor_at >= self._cursor_interval
            or self._sent_after_cursor >= _CURSOR_MESSAGES
        )
        if is_due and self._subscriber.has_nothing and not messages[-1].is_cursor:
            messages.append(self._hub.cursor_of(self._subscriber))
        if messages[-1].is_cursor:
            self._cursor_at, self._sent_after_cursor = now, 0
        shown = self._shown
        await self._timed(self._send([shown(one) for one in messages] if shown else messages))
        self._keep_alive_due = False
        if self._answered is not None and ANSWER not in self._subscriber.waiting:
            self._answered.set()
        self._sent(messages, was_live)

    async def _timed(self, sending: Awaitable[None]) -> None:
        self.sending_since = self._clock()
        self.due_at = 0.0
        await sending
        self.sending_since = None
        self.quiet_since = self._clock()
