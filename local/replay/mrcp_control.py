"""Recorded MRCPv2 control connections → the log that UniMRCP would have written of them. Pure.

A recording is JSON lines: `t` (epoch seconds), `dir` (`c2s`, `s2c`), `conn` (the client's address),
and `b64` (what was sent) or `tcp` (`SYN`, `FIN`). The lines are those of
`mrcp_server_connection.c`, their times in UTC.
"""

import base64
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from local.replay.recording_rows import microseconds
from producers.mrcp.message import NotMrcp, read_message

# UniMRCP's port; the recorded rows name the client only.
_SERVER = "127.0.0.1:1544"
# UniMRCP's own size of a piece (`rx-buffer-size`): longer entries than 4,094 bytes are cut.
_PIECE_BYTES = 1024


def entry(at: float, text: str) -> bytes:
    """One entry of a log, its time in UTC."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{stamp(moment)} [INFO]   {text}\n".encode("utf-8", "replace")


def data_entry(at: float, verb: str, connection: str, payload: bytes) -> bytes:
    """One piece of a control connection; `verb`: Receive or Send."""
    head = entry(at, f"{verb} MRCPv2 Data {connection} [{len(payload)} bytes]")
    return head + payload + b"\n"


def stamp(moment: datetime) -> str:
    """A time as UniMRCP writes it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}:{moment.microsecond:06d}"


def log_of(rows: Iterable[dict[str, Any]]) -> bytes:
    """The log of one control connection after the other; a killed server removes no channel.

    Raises ValueError, KeyError, TypeError when a row is malformed.
    """
    return b"".join(_entries(rows))


def _entries(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    channel, is_killed = "", False
    for row in rows:
        at = microseconds(row["t"]) / 1e6
        connection = f"{_SERVER} <-> {row['conn']}"
        sent = row["dir"] == "s2c"
        if "b64" in row:
            payload = base64.b64decode(row["b64"])
            with suppress(NotMrcp):  # the middle of a message
                channel = read_message(payload).channel or channel
            for begin in range(0, len(payload), _PIECE_BYTES):
                piece = payload[begin : begin + _PIECE_BYTES]
                yield data_entry(at, "Send" if sent else "Receive", connection, piece)
        elif row["tcp"] == "SYN" and not sent:
            yield entry(at, f"Accepted TCP/MRCPv2 Connection {connection}")
        elif row["tcp"] == "FIN":
            # The server's side ends first only where its process has gone.
            is_killed = is_killed or (sent and bool(channel))
            if not sent and not is_killed:
                yield entry(at, f"TCP/MRCPv2 Peer Disconnected {connection}")
                yield entry(at, f"Remove Control Channel <{channel}> [0]")
                channel = ""
