"""From a socket to the event that is published about it: id, sequence, addresses, time.

No I/O but clocks and the boot id.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from producers.sockets.netlink import Socket
from schemas.codec import build
from schemas.connection import ConnectionEvent, connection_id
from schemas.origin import Address
from schemas.vocabulary import ConnectionKind, Source, Transport

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The id of the kernel's current boot: within one boot no cookie repeats."""
    return _BOOT_ID.read_text().strip()


def kernel_sequence() -> int:
    """Microseconds since the kernel started: they only grow, also over restarts of a producer."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(slots=True)
class ConnectionEvents:
    """Events of one node. The id of an end is its cookie's, so that a repeat has the same id."""

    node: str
    boot: str
    transports: dict[int, Transport]
    seq: int = 0

    def event(
        self, kind: ConnectionKind, socket: Socket, reason: str | None, at: float
    ) -> ConnectionEvent:
        """`at` is in seconds since the epoch."""
        self.seq = max(self.seq + 1, kernel_sequence())
        suffix = "closed" if kind.is_end else f"{kind.value}-{self.seq}"
        remote = socket.remote
        return build(
            ConnectionEvent,
            id=f"{self.node}/{self.boot}/sock-{socket.cookie}/{suffix}",
            **origin(self.node, self.boot, self.seq, datetime.fromtimestamp(at, UTC)),
            kind=kind,
            connection=connection_id(self.node, remote),
            transport=self.transports.get(socket.local_port, Transport.TCP),
            remote=remote,
            local=socket.local,
            cookie=socket.cookie,
            reason=reason,
        )


def origin(node: str, boot: str, seq: int, at: datetime) -> dict[str, Any]:
    """The fields of schemas.origin.Event but its id."""
    return {"source": Source.SOCKETS, "node": node, "boot": boot, "seq": seq, "at": at}


def end_of_gone(
    registration: str,
    node: str,
    at: datetime,
    transport: Transport,
    remote: Address,
    reason: str,
) -> ConnectionEvent:
    """The end of a connection that was gone when its registration was read; its cookie is unknown.

    `registration` is that event's id. `at` is its time and not the present: an end ends what was
    registered before it, and a client that came back from the same port registers later.
    """
    boot = boot_id()
    return build(
        ConnectionEvent,
        id=f"{registration}/gone",
        **origin(node, boot, kernel_sequence(), at),
        kind=ConnectionKind.CLOSED,
        connection=connection_id(node, remote),
        transport=transport,
        remote=remote,
        reason=reason,
    )
