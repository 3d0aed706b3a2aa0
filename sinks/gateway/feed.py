"""One subscriber's connection: takes from the hub what waits, and sends it, until either ends."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from sinks.gateway.hub import Hub
from sinks.gateway.message import LIVE, Message
from sinks.gateway.subscriber import Watch

# Messages sent at once: one that is being sent can become outdated, one that waits is replaced.
_AT_ONCE = 64


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
    ) -> None:
        """`sent` is called with the messages sent, and whether the present state was sent before.

        `client` identifies the connection to the server. `shown` makes of a message what this
        subscriber may see of it (Scope.redact); None: all. `expires_at`: when its token expires,
        seconds since the epoch.
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
        self._woken = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._subscriber = hub.subscribe(watch, self._woken.set)
        self._is_live = False
        self._keep_alive_due = False
        # When the send under way began (None: there is none), and when the last one ended.
        self.sending_since: float | None = None
        self.quiet_since = self._clock()
        self.ended: End | None = None

    async def run(self) -> End:
        """Until `end` is called. The subscriber is forgotten when it returns."""
        try:
            while self.ended is None:
                if messages := self._hub.take(self._subscriber, _AT_ONCE):
                    await self._send_all(messages)
                    if not self._is_live:
                        # The state may be long: let other feeds send before its end.
                        await asyncio.sleep(0)
                elif self._keep_alive_due and self._keep_alive is not None:
                    self._keep_alive_due = False
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

    def keep_alive_due(self) -> None:
        """Send a keep-alive, unless something else is sent before."""
        self._keep_alive_due = True
        self._woken.set()

    async def _send_all(self, messages: list[Message]) -> None:
        was_live = self._is_live
        self._is_live = was_live or LIVE in messages
        shown = self._shown
        await self._timed(self._send([shown(one) for one in messages] if shown else messages))
        self._keep_alive_due = False
        self._sent(messages, was_live)

    async def _timed(self, sending: Awaitable[None]) -> None:
        self.sending_since = self._clock()
        await sending
        self.sending_since = None
        self.quiet_since = self._clock()
