"""Reads a recording of an MRCP server: its log (UniMRCP's), or its control connections. Pure.

Of a log each entry is played with its time moved. Its times have no zone: they are of one zone, as
the producer's are. Control connections are read as the log that UniMRCP would have written of them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from local.replay.mrcp_control import log_of, stamp
from local.replay.recording_rows import MALFORMED
from producers.mrcp.local_time import LocalTimes
from producers.mrcp.log_entries import LogEntries
from producers.mrcp.message import START

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# As the producer reads: a longer piece takes the parser longer.
_CHUNK = 32_768
# After a pause of so much, µs, time alone may have shown something.
_PAUSE = 1_000_000
_PASSED = " [INFO]   (replayed: a pause)\n"


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """One entry: its time, in µs since 1970, and its bytes after the time.

    `after_pause`: no entry is shortly before it.
    """

    received: int
    rest: bytes
    after_pause: bool

    @property
    def kind(self) -> str:
        """Entries wait for nothing but each other."""
        return ""

    def moved(self, shift: int) -> bytes:
        """The bytes of the entry with its time in UTC, moved by `shift` µs.

        After a pause an entry without content precedes it, of the same time: the producer notices
        what time alone shows before it reads what ends it.
        """
        at = stamp(_EPOCH + (self.received + shift) * _MICROSECOND)
        entry = at.encode() + self.rest
        return (at + _PASSED).encode() + entry if self.after_pause else entry


def read_mrcp(path: Path, zone: tzinfo | None = None) -> list[RecordedEntry]:
    """The entries of a recording, in order. `zone`: of a log's times; None: this host's.

    Raises OSError, ValueError.
    """
    data = path.read_bytes()
    if data.startswith(b'{"t"'):
        data, zone = _of_rows(path, data), UTC
    found = list(_entries(data, zone))
    if not any(START in one.rest for one in found):
        raise ValueError(f"{path}: contains no MRCPv2 messages")
    return found


def _of_rows(path: Path, data: bytes) -> bytes:
    try:
        return log_of(json.loads(line) for line in data.splitlines() if line)
    except MALFORMED as error:
        raise ValueError(f"{path}: not a recording of control connections") from error


def _entries(log: bytes, zone: tzinfo | None) -> Iterator[RecordedEntry]:
    times, parser = LocalTimes(zone), LogEntries()
    begin, last = 0, None
    for start in range(0, len(log), _CHUNK):
        for entry in parser.feed(log[start : start + _CHUNK]):
            end = parser.taken
            if entry.direction is not None and log[end : end + 1] == b"\n":
                end += 1
            time = stamp(entry.at).encode()
            rest = log[_start(log, time, begin, end) + len(time) : end]
            at = (times.utc(entry.at) - _EPOCH) // _MICROSECOND
            yield RecordedEntry(at, rest, last is not None and at - last > _PAUSE)
            begin, last = end, at


def _start(log: bytes, time: bytes, begin: int, end: int) -> int:
    """Where the entry of this time starts: behind lines without a time, or the hole of a log that
    was emptied, which the parser skips."""
    if log.startswith(time, begin):
        return begin
    found = re.compile(rb"[\n\0]" + re.escape(time)).search(log, begin, end)
    return found.start() + 1 if found else log.index(time, begin)  # in a line that is too long
