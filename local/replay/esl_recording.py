"""Reads a recording of a switch's event socket: its frames and times, and moves the times."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.replay.recording_rows import microseconds, read_rows

_LENGTH = re.compile(rb"^Content-Length: *([0-9]+)$", re.MULTILINE)
_TYPE = re.compile(rb"^Content-Type: *(\S+)$", re.MULTILINE)
_NAME = re.compile(rb'"Event-Name":"([A-Z_]+)"')
_SUBCLASS = re.compile(rb'"Event-Subclass":"([^"\\]+)"')
_TIME = re.compile(rb'"Event-Date-Timestamp":"([0-9]{16})"')
# Quotes inside values are escaped, so these match only keys.
_MICROSECONDS = re.compile(rb'("(?:Event-Date-Timestamp|Caller-[A-Za-z\-]+-Time)":")([0-9]{16})(")')
_EXPIRY = re.compile(rb'("expires":")([0-9]{10})(")')


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame after the reply to the subscription. `at` is µs by the switch's own clock.

    `received` is when its last byte arrived, µs by the recorder's clock; without `.ts` it is `at`.
    `name` is the Event-Name, or the subclass of a CUSTOM event; empty if the frame is no event.
    """

    type: str
    name: str
    custom: bool
    body: bytes
    at: int
    received: int

    def bytes(self, shift: int) -> bytes:
        """The bytes to send, with every time moved by `shift` µs."""
        body = rebased(self.body, shift, expiry=self.name == "sofia::expire")
        header = f"Content-Length: {len(body)}\nContent-Type: {self.type}\n\n"
        return header.encode() + body


def rebased(body: bytes, shift: int, *, expiry: bool) -> bytes:
    """The JSON of one event with its times moved by `shift` µs, otherwise unchanged.

    Moves Event-Date-Timestamp, Caller-*-Time, and with `expiry` the epoch in `expires`.
    """

    def move(match: re.Match[bytes]) -> bytes:
        return match[1] + b"%d" % (int(match[2]) + shift) + match[3]

    def move_seconds(match: re.Match[bytes]) -> bytes:
        return match[1] + b"%d" % (int(match[2]) + round(shift / 1_000_000)) + match[3]

    body = _MICROSECONDS.sub(move, body)
    return _EXPIRY.sub(move_seconds, body) if expiry else body


def read_capture(path: Path) -> list[RecordedFrame]:
    """The frames of `path` in order, without the handshake. Raises OSError, ValueError.

    `path` holds the bytes of the socket, or JSON lines: `{"t": epoch seconds, "event": {…}}`.
    """
    data = path.read_bytes()
    if data.startswith(b'{"t"'):
        return read_rows(path, "FreeSWITCH's events", _events)
    arrivals = _arrivals(path.with_name(f"{path.name}.ts"))
    frames: list[RecordedFrame] = []
    position, last_at = 0, 0
    while position < len(data):
        end = data.find(b"\n\n", position)
        if end < 0:
            break  # incomplete header: the recorder was stopped
        header = data[position:end]
        length = int(found[1]) if (found := _LENGTH.search(header)) else 0
        kind = found[1].decode() if (found := _TYPE.search(header)) else ""
        position = end + 2 + length
        if position > len(data):
            break  # incomplete body
        if kind in ("auth/request", "command/reply", "api/response"):
            continue
        body = data[end + 2 : position]
        last_at = int(found[1]) if (found := _TIME.search(body)) else last_at
        frames.append(_frame(kind, body, last_at, arrivals.at(position - 1) or last_at))
    if not any(frame.at for frame in frames):
        raise ValueError(f"{path}: no text/event-json frames: not a recording of `event json`")
    return frames


def _events(rows: Iterator[dict[str, Any]]) -> list[RecordedFrame]:
    """Frames of rows with a `t` and an `event`, as the switch would have sent them."""
    frames = []
    for row in rows:
        event = row["event"]
        body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        at = int(event["Event-Date-Timestamp"])
        frames.append(_frame("text/event-json", body, at, microseconds(row["t"])))
    return frames


def _frame(kind: str, body: bytes, at: int, received: int) -> RecordedFrame:
    name = found[1].decode() if (found := _NAME.search(body)) else ""
    custom = name == "CUSTOM"
    if custom:
        name = found[1].decode() if (found := _SUBCLASS.search(body)) else ""
    return RecordedFrame(kind, name, custom, body, at, received)


@dataclass(frozen=True, slots=True)
class _Arrivals:
    offsets: list[int]
    times: list[int]

    def at(self, offset: int) -> int | None:
        """When the byte at `offset` arrived; None if not recorded."""
        index = bisect_right(self.offsets, offset) - 1
        return self.times[index] if index >= 0 else None


def _arrivals(path: Path) -> _Arrivals:
    """Read lines of `epoch-µs offset length`; a `#` line marks the end of the connection."""
    offsets: list[int] = []
    times: list[int] = []
    if path.exists():
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                time, offset, _ = line.split()
                offsets.append(int(offset))
                times.append(int(time))
    return _Arrivals(offsets, times)
