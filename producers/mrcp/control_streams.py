"""Data of log entries → MRCPv2 messages: a log has pieces, as they were received. Pure."""

from collections.abc import Iterator

from producers.mrcp.log_entries import Direction, LogEntry
from producers.mrcp.message import START, Message, Messages, NotMrcp, read_message

_FILLER = b"\0"
_Key = tuple[str, Direction]


class ControlStreams:
    """The streams of all control connections, each in two directions."""

    def __init__(self) -> None:
        self._streams: dict[_Key, Messages] = {}
        # Those whose next bytes are the middle of a message: what came before is not known.
        self._lost: set[_Key] = set()

    def opened(self, connection: str) -> None:
        """A connection was accepted: each stream is read from its first byte on."""
        self.closed(connection)
        for direction in (Direction.RECEIVED, Direction.SENT):
            self._streams[connection, direction] = Messages()

    def closed(self, connection: str) -> None:
        """Nothing more comes."""
        for direction in Direction:
            self._streams.pop((connection, direction), None)
            self._lost.discard((connection, direction))

    def feed(self, entry: LogEntry) -> Iterator[Message]:
        """The messages that an entry completes. Raises NotMrcp, once a piece that is lost."""
        if entry.direction is None or (not entry.data and entry.size):
            return  # masked: the heads of its messages are entries of their own
        if entry.direction is Direction.HEADER:
            if entry.data.startswith(START):
                yield read_message(entry.data)
            return
        key = entry.connection, entry.direction
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Messages()
            self._lost.add(key)
        if key in self._lost:
            if not entry.data.startswith(START + b" "):
                return
            self._lost.discard(key)
        try:
            yield from stream.feed(entry.data + _FILLER * (entry.size - len(entry.data)))
        except NotMrcp:
            self._streams[key] = Messages()
            self._lost.add(key)
            raise
