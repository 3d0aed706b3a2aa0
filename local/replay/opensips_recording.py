"""Reads a recording of OpenSIPS' events: datagrams, or the reads of a stream; moves their epochs.

A recording is JSON lines: `t` (epoch seconds), `b64`, and for a stream `conn` and `kind`.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.replay.recording_rows import microseconds, move_epochs, read_rows

# Epochs as JSON (`"expires":1795500687`) and as 2.4 lines (`expires::1795500687`).
_EPOCH = re.compile(rb'((?:"(?:expires|time|created)":|\n(?:expires|time|created)::))([0-9]{10})\b')
_NAME = re.compile(rb'(?:^|"method":")(E_[A-Z0-9_]+)')
_KINDS = {
    b"E_UL_": "registrations",
    b"E_EDGE_REGISTER": "registrations",
    b"E_CORE_TCP_DISCONNECT": "connections",
    b"E_DLG_": "calls",
    b"E_ACC_": "calls",
}


@dataclass(frozen=True, slots=True)
class RecordedPiece:
    """One datagram, or one read of connection `connection`; `data` is empty at its end.

    `received` is the recorder's time, µs: the events carry none.
    """

    connection: int
    data: bytes
    received: int

    @property
    def kind(self) -> str:
        """What its first event is about: registrations, connections or calls, else empty."""
        found = _NAME.search(self.data)
        name = found[1] if found else b""
        return next((kind for start, kind in _KINDS.items() if name.startswith(start)), "")

    def moved(self, shift: int) -> bytes:
        """The data with every epoch moved by `shift` µs, otherwise unchanged."""
        return move_epochs(_EPOCH, self.data, shift)


def read_pieces(path: Path) -> list[RecordedPiece]:
    """The pieces of a recording, in order. Raises OSError, ValueError."""
    return read_rows(path, "events of OpenSIPS", _pieces)


def _pieces(rows: Iterator[dict[str, Any]]) -> list[RecordedPiece]:
    pieces = [
        RecordedPiece(
            int(row.get("conn", 0)),
            base64.b64decode(row.get("b64") or ""),
            microseconds(row["t"]),
        )
        for row in rows
        if row.get("kind", "data") in ("data", "eof")
    ]
    # Rows without bytes are of another recorder.
    return pieces if any(piece.data for piece in pieces) else []
