"""The listing of a proxy without a location table: its clients' connections. Pure.

Its records merge the server's list of connections with the kernel's, which has their cookies. By
them the streams decide which bindings behind the edge are still connected
(streams/folds/edge_connections.py).
"""

from collections.abc import Iterable
from typing import Any

from producers.sockets.live_connections import LiveConnections
from schemas.codec import build
from schemas.origin import Address
from schemas.registration import LiveConnection, RegistrationEvent
from schemas.vocabulary import RegistrationKind

# The registrar of a proxy without a location table (streams/folds/edges.py).
EDGE = "edge"
# Kafka takes records of up to a megabyte by default; a connection takes some 65 bytes of one.
CONNECTIONS_A_RECORD = 8_000

Peer = tuple[str, int]


def merge(
    ends: dict[Peer, int] | None, kernel: LiveConnections | None, *, is_believed: bool
) -> dict[Peer, int | None] | None:
    """Peer → cookie, None where the kernel has none; None instead of all where nothing is known.

    `ends` is the server's own list, peer → the server's port; None where it has none. The kernel
    decides which connections to its ports have ended, once it is known to be the server's own
    (`is_believed`). Connections that the server opened, to a registrar, do no harm.
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
    """The names of the server in Paths: the addresses clients connect to, and configured ones."""
    found = {f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in own}
    return sorted({*found, *(name.lower() for name in configured)})


def records(
    origin: dict[str, Any], connections: dict[Peer, int | None], names: list[str]
) -> list[RegistrationEvent]:
    """The listing's records. `origin` holds the fields of schemas.origin.Event; its id is the
    snapshot's."""
    every = list(connections.items())
    parts = max(1, -(-len(every) // CONNECTIONS_A_RECORD))
    return [
        build(
            RegistrationEvent,
            **{**origin, "id": f"{origin['id']}/{part}"},
            kind=RegistrationKind.CONNECTIONS_LISTED,
            registrar=EDGE,
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
