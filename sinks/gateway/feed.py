"""One subscriber's connection: takes from the hub what waits, and sends it, until either ends."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from sinks.gateway.hub import Hub
from sinks.gateway.message import LIVE, Message
from sinks.gateway.subscriber import Watch

# Messages handed over at once: what is on its way can become outdated, what waits is replaced.
_AT_ONCE = 64


class End(Enum):
    """Why a feed ended."""

    GONE = "gone"  # the subscriber left
    STALLED = "stalled"  # it took nothing
    STOPPING = "stopping"  # the gateway ends


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
    ) -> None:
        """`sent` is told what was sent, and whether the present state had been before.

        `client`: by what the server knows the connection.
        """
        self.client = client
        # A WebSocket's pings are the server's.
        self.wants_reminders = keep_alive is not None
        self._hub = hub
        self._send = send
        self._sent = sent
        self._keep_alive = keep_alive
        self._woken = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._subscriber = hub.subscribe(watch, self._woken.set)
        self._is_live = False
        self._is_due = False
        # Since when a send waits for the subscriber, None while none does; when the last one ended.
        self.sending_since: float | None = None
        self.quiet_since = self._clock()
        self.ended: End | None = None

    async def run(self) -> End:
        """Until `end` is called. The subscriber is forgotten when it returns."""
        try:
            while self.ended is None:
                if messages := self._hub.take(self._subscriber, _AT_ONCE):
                    await self._hand_over(messages)
                    if not self._is_live:
                        # So much state may wait that others need their turn before its end.
                        await asyncio.sleep(0)
                elif self._is_due and self._keep_alive is not None:
                    self._is_due = False
                    await self._timed(self._keep_alive())
                else:
                    self._woken.clear()
                    await self._woken.wait()
        finally:
            self._hub.unsubscribe(self._subscriber)
        return self.ended

    def end(self, cause: End) -> None:
        """The first cause counts."""
        self.ended = self.ended or cause
        self._woken.set()

    def remind(self) -> None:
        """Send a sign of life, where nothing else is on its way."""
        self._is_due = True
        self._woken.set()

    async def _hand_over(self, messages: list[Message]) -> None:
        was_live = self._is_live
        self._is_live = was_live or LIVE in messages
        await self._timed(self._send(messages))
        self._is_due = False
        self._sent(messages, was_live)

    async def _timed(self, sending: Awaitable[None]) -> None:
        self.sending_since = self._clock()
        await sending
        self.sending_since = None
        self.quiet_since = self._clock()
