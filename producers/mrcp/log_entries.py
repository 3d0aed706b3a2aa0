"""Bytes of UniMRCP's log → its entries, those of the control connections with their data. Pure.

An entry is a line with the local time, and of a message the data as it was on the wire
(`apt_do_log()` in apt_log.c, `mrcp_server_connection.c`). A line without a time belongs to the
entry before it: it is not needed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

# `<headers>` of logger.xml: DATE and TIME, and as one likes MARK, THREAD and PRIORITY.
_HEAD = re.compile(
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{6}) (?:\S+:\d+ )?(?:\d+ )?(?:\[[A-Z]+\] +)?(.*)",
    re.DOTALL,
)
_HEAD_BYTES = 27  # of the time, with its space
_DATA = re.compile(
    rb"(?:(Receive|Send) MRCPv2 Data (.+)|(?:Parsed|Generated) Message Header) \[(\d{1,9}) bytes\]"
)
# MAX_LOG_ENTRY_SIZE less the line's end: what is longer is cut.
_ENTRY_MAX = 4093
_LINE_MAX = 65_536
_YEARS = range(1970, 2200)
_LINE_END = ord("\n")


class Direction(Enum):
    """Of a message, seen from the MRCP server."""

    RECEIVED = "Receive"
    SENT = "Send"
    HEADER = ""  # one message's head alone: with `<masking>` the log has no data


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`at` is the server's local time. `text`: its first line without time and priority."""

    at: datetime
    text: str
    direction: Direction | None = None
    connection: str = ""
    data: bytes = b""
    # How many bytes there were on the wire: more than there are in `data` where the log cut them.
    size: int = 0


class LogEntries:
    """Takes bytes as they come. `taken`: how many have been used up since the creation."""

    def __init__(self) -> None:
        self._data = b""
        self._is_masked: bool | None = None  # the same for all of a file; None: not seen yet
        self.taken = 0

    def feed(self, data: bytes) -> Iterator[LogEntry]:
        """The entries that are complete now."""
        self._data += data
        if self._data[:1] == b"\0":  # a log that was emptied while it was written: a hole
            self._take(len(self._data) - len(self._data.lstrip(b"\0")))
        while (end := self._data.find(b"\n")) >= 0:
            head = _HEAD.fullmatch(self._data[:end])
            at = _time_in(head[1]) if head else None
            if head is None or at is None:
                self._take(end + 1)
                continue
            found = _DATA.fullmatch(head[2])
            if found is None:
                self._take(end + 1)
                yield LogEntry(at, head[2].decode("utf-8", "replace"))
                continue
            size = int(found[3])
            length = self._data_length(end, size, of_message=found[1] is None)
            if length is None:
                return
            data = self._data[end + 1 : end + 1 + length]
            self._take(end + 1 + length)
            yield LogEntry(
                at,
                head[2].decode("utf-8", "replace"),
                Direction((found[1] or b"").decode()),
                (found[2] or b"").decode("utf-8", "replace"),
                data,
                size,
            )
        if len(self._data) > _LINE_MAX:  # no line of this log
            self._take(len(self._data))

    def _data_length(self, end: int, size: int, *, of_message: bool) -> int | None:
        """How many bytes of data follow the line that ends there; None: they are not all here."""
        rest = memoryview(self._data)[end + 1 :]
        if not rest:
            return None
        if size and rest[0] == _LINE_END and not of_message and self._is_masked is not False:
            # Masked, unless a message goes on with a line's end.
            if len(rest) <= _HEAD_BYTES:
                return None
            if _HEAD.match(rest[1:]):
                self._is_masked = True
                return 0
        if not of_message:
            self._is_masked = False
        length = min(size, max(0, _ENTRY_MAX - end))
        if len(rest) <= length:
            return None
        if length < size and rest[length] != _LINE_END:  # cut elsewhere: at the next entry
            return _until_entry(bytes(rest[:size]))
        return length

    def _take(self, count: int) -> None:
        self._data = self._data[count:]
        self.taken += count


def _until_entry(data: bytes) -> int:
    position = data.find(b"\n")
    while position >= 0:
        if _HEAD.match(data, position + 1):
            return position
        position = data.find(b"\n", position + 1)
    return len(data)


def _time_in(text: bytes) -> datetime | None:
    try:
        at = datetime.strptime(text.decode(), "%Y-%m-%d %H:%M:%S:%f")
    except ValueError:
        return None
    return at if at.year in _YEARS else None
