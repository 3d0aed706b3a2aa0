"""What a proxy without a location table can list: its clients' connections. Pure.

Its server's own list of connections and its kernel's, which knows their cookies, make the records
from which the streams tell whose binding behind the edge is still connected
(streams/folds/edge_connections.py).
"""

from collections.abc import Iterable
from typing import Any

from producers.sockets.live_connections import LiveConnections
from schemas.codec import build
from schemas.origin import Address
from schemas.registration import LiveConnection, RegistrationEvent
from schemas.vocabulary import RegistrationKind

REGISTRAR = "edge"
# Kafka takes records of up to a megabyte by default; a connection takes some 65 bytes of one.
CONNECTIONS_A_RECORD = 8_000

Peer = tuple[str, int]


def merge(
    ends: dict[Peer, int] | None, kernel: LiveConnections | None, *, is_believed: bool
) -> dict[Peer, int | None] | None:
    """Peer → cookie, None where the kernel does not know it; None altogether where nobody knows.

    `ends` is the server's own list, peer → the server's port; None where it gives none. The kernel
    is right about what has ended at the ports it was asked about, once it is known to be the
    server's own (`is_believed`). What the server opened itself, to a registrar, does no harm.
    """
    if ends is None:
        return dict(kernel.cookies) if kernel is not None and is_believed else None
    if kernel is None:
        return dict.fromkeys(ends)
    return {
        peer: kernel.cookies.get(peer)
        for peer, own in ends.items()
        if peer in kernel.cookies or not (is_believed and own in kernel.ports)
    }


def hosts(own: Iterable[Peer], configured: Iterable[str]) -> list[str]:
    """By what Paths may name the server: where clients connect to, and what is configured."""
    found = {f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in own}
    return sorted({*found, *(name.lower() for name in configured)})


def records(
    origin: dict[str, Any], connections: dict[Peer, int | None], names: list[str]
) -> list[RegistrationEvent]:
    """The listing; `origin` are the fields of its place, its id the snapshot's."""
    every = list(connections.items())
    parts = max(1, -(-len(every) // CONNECTIONS_A_RECORD))
    return [
        build(
            RegistrationEvent,
            **{**origin, "id": f"{origin['id']}/{part}"},
            kind=RegistrationKind.CONNECTIONS_LISTED,
            registrar=REGISTRAR,
            snapshot=origin["id"],
            parts=parts,
            part=part,
            hosts=names,
            connections=[
                LiveConnection(remote=Address(ip=ip, port=port), cookie=cookie)
                for (ip, port), cookie in every[
                    part * CONNECTIONS_A_RECORD : (part + 1) * CONNECTIONS_A_RECORD
                ]
            ],
        )
        for part in range(parts)
    ]
