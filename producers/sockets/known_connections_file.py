"""The known connections on disk: what ended while the watcher was away is told when it is back."""

import contextlib
import os
import struct
from pathlib import Path

from producers.sockets.known_connections import KnownConnection
from runtime import logs

log = logs.get(__name__)

_ROW = struct.Struct("=QB36s")


class KnownConnectionsFile:
    """One small file, replaced as a whole. Losing it costs only ends of the time it was for."""

    def __init__(self, path: Path, boot: str) -> None:
        self._path = path
        self._head = f"rollcall sockets 1 {boot}\n".encode()
        self._written: dict[int, KnownConnection] = {}
        self._told = False

    def read(self) -> dict[int, KnownConnection]:
        """What was known of this boot; nothing where there is no such file."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return {}
        if not data.startswith(self._head) or (len(data) - len(self._head)) % _ROW.size:
            return {}
        rows = _ROW.iter_unpack(data[len(self._head) :])
        return {cookie: KnownConnection(family, ends) for cookie, family, ends in rows}

    def write(self, known: dict[int, KnownConnection]) -> None:
        """Replace the file if anything changed. A disk that refuses is told once."""
        if known.keys() == self._written.keys():
            return
        rows = (_ROW.pack(cookie, one.family, one.ends) for cookie, one in known.items())
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(self._head + b"".join(rows))
            os.replace(fresh, self._path)
            self._written = dict(known)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if not self._told:
                self._told = True
                log.warning("cannot write the known connections down", detail=str(error))
