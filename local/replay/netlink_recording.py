"""Reads recorded destroyed sockets, and encodes them in the kernel's bytes for a watcher.

A recording is JSON lines: `t` (epoch seconds), `local`, `remote`, `cookie` (hex), `state`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.replay.recording_rows import microseconds, read_rows
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
    def kind(self) -> str:
        """Notifications wait for nothing but each other."""
        return ""

    @property
    def data(self) -> bytes:
        return destroyed(self.socket)


def read_sockets(path: Path) -> list[RecordedSocket]:
    """The notifications of a recording, in order. Raises OSError, ValueError."""
    return read_rows(path, "destroyed sockets", _sockets)


def _sockets(rows: Iterator[dict[str, Any]]) -> list[RecordedSocket]:
    return [_read(row) for row in rows if "cookie" in row and "local" in row]


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
