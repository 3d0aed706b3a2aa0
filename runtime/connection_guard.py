"""Which connections of an HTTP server are kept: a flood of them must not keep others out.

A connection is *pending* until its request has been received whole, and again when it waits for the
next one. Pending ones are bounded in number and time: past the number the one that has waited
longest is closed, so that a new one is always served. Belongs to the server's event loop.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

# A sweep looks at the connections whose time may be over.
SWEEP_SECONDS = 0.5
# It ends so many late requests, and goes on a moment later: nobody is served meanwhile.
ENDED_AT_ONCE, GO_ON_SECONDS = 16, 0.005


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Numbers of connections, seconds, and bytes."""

    total: int
    pending: int
    per_address: int
    # From the beginning of a connection, or of its wait for a request, to the request's end.
    request_seconds: float
    # A client that takes nothing of an answer for so long is disconnected.
    stalled_seconds: float
    # Of answers that clients do not take: all together.
    buffered_bytes: int


class Connection(Protocol):
    """What the guard needs of an asyncio.Transport."""

    def abort(self) -> None:
        """Drop it, with what is not sent."""

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not taken."""


class ConnectionGuard:
    """The open connections of one server."""

    def __init__(
        self,
        limits: ConnectionLimits,
        *,
        is_proxy: Callable[[str], bool] | None = None,
        refused: Callable[[str, str], None] | None = None,
        timed_out: Callable[[Connection], None] | None = None,
    ) -> None:
        """`is_proxy`: addresses that speak for many clients. `refused` is called with a reason
        and an address; `timed_out` with a connection whose request took too long, to close it."""
        self.limits = limits
        self._is_proxy = is_proxy
        self._refused = refused or _ignored
        self._timed_out = timed_out
        self._addresses: dict[Connection, str] = {}
        self._by_address: Counter[str] = Counter()
        # In the order of their deadlines: each waits equally long.
        self._pending: dict[Connection, float] = {}
        self._paused: dict[Connection, float] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._addresses)

    @property
    def pending(self) -> int:
        return len(self._pending)

    # -- events of a connection -------------------------------------------------------------------
    def opened(self, connection: Connection, address: str, now: float) -> bool:
        """A new connection, which is pending. False: its address has too many, so answer 429.

        Where the server is full, a pending one is closed for it, or else it is.
        """
        if len(self._addresses) >= self.limits.total and not self._close_oldest():
            self._refused("connections", address)
            connection.abort()
            return True
        network = network_of(address)
        self._addresses[connection] = network
        self._by_address[network] += 1
        self.awaits_request(connection, now)
        if len(self._pending) > self.limits.pending:
            self._close_oldest()
        if self._by_address[network] <= self.limits.per_address or (
            self._is_proxy is not None and self._is_proxy(address)
        ):
            return True
        self._refused("address", address)
        return False

    def closed(self, connection: Connection) -> None:
        """It is gone; has no effect for one that is not known."""
        self._pending.pop(connection, None)
        self._paused.pop(connection, None)
        network = self._addresses.pop(connection, None)
        if network is not None:
            self._by_address[network] -= 1
            if not self._by_address[network]:
                del self._by_address[network]

    def awaits_request(self, connection: Connection, now: float) -> None:
        """Its request is not complete; bytes that come slowly do not move the deadline."""
        if connection in self._addresses:
            self._pending.setdefault(connection, now + self.limits.request_seconds)

    def has_request(self, connection: Connection) -> None:
        """Its request is complete."""
        self._pending.pop(connection, None)

    def paused(self, connection: Connection, now: float) -> None:
        """Its client takes less than is written."""
        if connection in self._addresses:
            self._paused.setdefault(connection, now)

    def resumed(self, connection: Connection) -> None:
        """Its client has taken what was written."""
        self._paused.pop(connection, None)

    # -- periodically -----------------------------------------------------------------------------
    def sweep(self, now: float) -> bool:
        """Close the connections whose time is over, and those with most bytes past the limit.

        Returns whether requests are left that are late: only some are ended at once.
        """
        is_late_left = self._end_late(now)
        for connection, since in list(self._paused.items()):
            if now - since >= self.limits.stalled_seconds:
                self._drop(connection, "stalled")
        sizes = {one: one.get_write_buffer_size() for one in self._paused}
        buffered = sum(sizes.values())
        for connection in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if buffered <= self.limits.buffered_bytes:
                break
            buffered -= sizes[connection]
            self._drop(connection, "buffered")
        return is_late_left

    def _end_late(self, now: float) -> bool:
        for _ in range(ENDED_AT_ONCE):
            if not self._has_late(now):
                return False
            connection = next(iter(self._pending))
            if self._timed_out is None:
                self._drop(connection, "timeout")
                continue
            self._refused("timeout", self._addresses[connection])
            del self._pending[connection]
            self._timed_out(connection)
        return self._has_late(now)

    def _has_late(self, now: float) -> bool:
        return bool(self._pending) and next(iter(self._pending.values())) <= now

    def keep_sweeping(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sweep from now on, as long as there are connections."""
        if self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep_again, loop)

    def _sweep_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeping = None
        if self.sweep(loop.time()):
            self._sweeping = loop.call_later(GO_ON_SECONDS, self._sweep_again, loop)
        elif self._addresses:
            self.keep_sweeping(loop)

    def _close_oldest(self) -> bool:
        """Close the connection that has been pending for longest; False: there is none."""
        if not self._pending:
            return False
        self._drop(next(iter(self._pending)), "pending")
        return True

    def _drop(self, connection: Connection, reason: str) -> None:
        self._refused(reason, self._addresses.get(connection, ""))
        self.closed(connection)
        connection.abort()


def _ignored(reason: str, address: str) -> None:
    del reason, address


@lru_cache(4096)  # asked several times a connection, and a proxy's address for all of them
def network_of(address: str) -> str:
    """Whom an address is counted for: one host has a whole /64 of IPv6 (RFC 7421)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
