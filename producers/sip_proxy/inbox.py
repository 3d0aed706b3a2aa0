"""A bounded queue between a producer's reading thread and its worker; losses are counted."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from producers.receive_times import Received, Ticks

# {"method":"E_A"}
EVENT_MIN_BYTES = 16


class Peer(Protocol):
    """The connection that a piece was read from."""

    def acknowledge(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One datagram (`peer` None), or the data of one read of a connection; empty at its end.

    `sender` is a datagram's address and port.
    """

    received: Received
    peer: Peer | None
    data: bytes
    sender: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """`count` pieces that came while the queue was full, the last of them at `received`."""

    received: Received
    count: int


def places(data: bytes) -> int:
    """How many places to reserve for a piece: one for each event that it can hold, and one more."""
    return len(data) // EVENT_MIN_BYTES + 2


class Inbox:
    """One thread puts, one thread takes. `put` never waits."""

    def __init__(self, max_pieces: int, max_bytes: int, ticks: Ticks) -> None:
        self._max_pieces, self._max_bytes = max_pieces, max_bytes
        self._ticks = ticks
        self._pieces: deque[Piece | Lost] = deque()
        self._bytes = 0
        self._lost = 0
        self._ready = threading.Condition()
        self.received = self.received_bytes = 0
        self.taken = 0
        self.lost = 0

    def put(self, peer: Peer | None, data: bytes, sender: tuple[str, int] | None = None) -> None:
        """Queue what was just read, or count it as lost."""
        received = self._ticks.now(places(data))
        with self._ready:
            self.received += 1
            self.received_bytes += len(data)
            if len(self._pieces) >= self._max_pieces or self._bytes + len(data) > self._max_bytes:
                self._lost += 1
                self.lost += 1
                # The end of a connection is kept: else the next one's data would be read as its.
                if data or peer is None:
                    return
            if self._lost:
                self._pieces.append(Lost(received, self._lost))
                self._lost = 0
            self._pieces.append(Piece(received, peer, data, sender))
            self._bytes += len(data)
            self._ready.notify()

    def take(self, timeout: float) -> Piece | Lost | None:
        """The oldest piece; None when none comes within `timeout` seconds."""
        with self._ready:
            if not self._pieces and not self._lost:
                self._ready.wait(timeout)
            if not self._pieces:
                if not self._lost:
                    return None
                count, self._lost = self._lost, 0
                return Lost(self._ticks.now(), count)
            piece = self._pieces.popleft()
            if isinstance(piece, Piece):
                self._bytes -= len(piece.data)
            return piece

    def done(self, piece: Piece | Lost) -> None:
        """What the piece held is with the publisher."""
        if isinstance(piece, Piece):
            self.taken += 1
        else:
            self.taken += piece.count

    @property
    def queued(self) -> int:
        """Pieces read and not yet with the publisher."""
        return max(0, self.received - self.taken)
