"""Reads recorded destroyed sockets, and encodes them in the kernel's bytes for a watcher.

A recording is JSON lines: `t` (epoch seconds), `local`, `remote`, `cookie` (hex), `state`.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.replay.recording_times import MALFORMED, microseconds
from producers.sockets.netlink import Socket, destroyed
from schemas.origin import Address

# A client's kernel chooses its port from here on (net.ipv4.ip_local_port_range).
_EPHEMERAL_FROM = 32768
_CLOSE = 7  # TCP_CLOSE


@dataclass(frozen=True, slots=True)
class RecordedSocket:
    """One notification, read at `received`, µs."""

    socket: Socket
    received: int

    @property
    def at(self) -> int:
        return self.received

    @property
    def data(self) -> bytes:
        return destroyed(self.socket)


def read_sockets(path: Path) -> list[RecordedSocket]:
    """The notifications of a recording, in order. Raises OSError, ValueError."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
        found = [_read(row) for row in rows if "cookie" in row and "local" in row]
    except (*MALFORMED, UnicodeDecodeError, struct.error) as error:
        raise ValueError(f"{path}: not a recording of destroyed sockets") from error
    if not found:
        raise ValueError(f"{path}: contains no destroyed sockets")
    return found


def _read(row: dict[str, Any]) -> RecordedSocket:
    socket = Socket.of(
        _address(row["local"]), _address(row["remote"]), _CLOSE, int(row["cookie"], 16)
    )
    destroyed(socket)  # raises struct.error where a number does not fit
    return RecordedSocket(socket, microseconds(row["t"]))


def _address(text: str) -> Address:
    ip, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"{text!r} is not IP:PORT")
    return Address(ip=ip.strip("[]"), port=int(port))


def server_ports(recorded: list[RecordedSocket]) -> list[int]:
    """The ports on which servers listened, by the recording."""
    return sorted({one.socket.local_port for one in recorded} - set(range(_EPHEMERAL_FROM, 65536)))
