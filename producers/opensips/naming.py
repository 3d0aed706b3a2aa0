"""Holds pieces of new senders until MI has named the server's process. Pure.

No event names the process, MI's `uptime` does. A connection that has just begun, or a datagram from
another port, may be the next process's: its pieces wait for the answer to a query made after that,
and so do all later ones, in order. The end of a stream may be that of the process, so after one
every sender is new.
"""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from producers.receive_times import Received
from producers.sip_proxy.inbox import Lost, Piece

_MAX_SENDERS = 64  # a server has one stream, and one socket for datagrams


@dataclass(slots=True)
class Naming:
    """`wait_seconds`: pieces that wait for longer are released unnamed. Times are monotonic."""

    wait_seconds: float
    max_pieces: int
    max_bytes: int
    _named: set[Hashable] = field(default_factory=set)
    _waiting: deque[Piece | Lost] = field(default_factory=deque)
    _bytes: int = 0
    _since: float = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first(self) -> Received | None:
        """When the oldest waiting piece was received."""
        return self._waiting[0].received if self._waiting else None

    def holds(self, piece: Piece | Lost, now: float) -> bool:
        """Whether the piece must wait; if so, it is kept here."""
        if not self._waiting and self._is_named(piece):
            return False
        if not self._waiting:
            self._since = now
        self._waiting.append(piece)
        self._bytes += _size(piece)
        return True

    def is_overdue(self, now: float) -> bool:
        """Whether no answer came in time, or too many pieces wait for one."""
        return bool(self._waiting) and (
            now - self._since > self.wait_seconds
            or len(self._waiting) > self.max_pieces
            or self._bytes > self.max_bytes
        )

    def named(self, asked: int, now: float) -> Iterator[Piece | Lost]:
        """The pieces that need not wait any more: they are of the process that answered a query
        made at the place `asked`, or of an earlier one that has ended."""
        while self._waiting:
            piece = self._waiting[0]
            if not self._is_named(piece):
                if piece.received.seq > asked:
                    self._since = now
                    return
                self._name(piece)
            yield self._next()

    def give_up(self) -> Iterator[Piece | Lost]:
        """All waiting pieces, without a name."""
        while self._waiting:
            self._name(self._waiting[0])
            yield self._next()

    def _next(self) -> Piece | Lost:
        piece = self._waiting.popleft()
        self._bytes -= _size(piece)
        return piece

    def _is_named(self, piece: Piece | Lost) -> bool:
        if isinstance(piece, Lost):
            return True
        if piece.peer is not None and not piece.data:
            self._named.clear()
            return True
        return _sender(piece) in self._named

    def _name(self, piece: Piece | Lost) -> None:
        if isinstance(piece, Piece) and (piece.data or piece.peer is None):
            if len(self._named) >= _MAX_SENDERS:
                self._named.clear()
            self._named.add(_sender(piece))


def _sender(piece: Piece) -> Hashable:
    return piece.sender if piece.peer is None else id(piece.peer)


def _size(piece: Piece | Lost) -> int:
    return len(piece.data) if isinstance(piece, Piece) else 0
