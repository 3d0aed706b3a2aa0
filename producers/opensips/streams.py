"""The events of each open stream: which read completed them, and at which place. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from producers.opensips.framing import Broken, Framing
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.inbox import Peer, Piece


class Framed(NamedTuple):
    """An event, or broken bytes, with its place."""

    found: ServerEvent | Broken
    received: Received


class Streams:
    """One framing a connection."""

    def __init__(self, message_max_bytes: int) -> None:
        self._message_max_bytes = message_max_bytes
        self._framings: dict[Peer, Framing] = {}

    def feed(self, piece: Piece, peer: Peer) -> Iterator[Framed]:
        """What a read completes. Its events have one time, and each its own place (places())."""
        framing = self._framings.get(peer)
        if framing is None:
            framing = self._framings[peer] = Framing(self._message_max_bytes)
        at, seq = piece.received
        for found in framing.feed(piece.data):
            yield Framed(found, Received(at, seq))
            seq += isinstance(found, ServerEvent)

    def end(self, peer: Peer) -> Broken | None:
        """The connection has ended. Returns the object that its end cut off."""
        framing = self._framings.pop(peer, None)
        return framing.end() if framing else None
