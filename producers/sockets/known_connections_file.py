"""The known connections on disk: what ends while the watcher restarts is reported after it."""

import contextlib
import os
import struct
from pathlib import Path

from producers.sockets.known_connections import KnownConnection
from runtime import logs
from runtime.private_folders import make_private_folder

log = logs.get(__name__)

_ROW = struct.Struct("=QB36s")


class KnownConnectionsFile:
    """One small file, replaced as a whole. If it is lost, only the ends of a restart are missed."""

    def __init__(self, path: Path, boot: str) -> None:
        self._path = path
        self._boot = boot
        self._written: dict[int, KnownConnection] = {}
        self._failure_logged = False

    def read(self) -> dict[int, KnownConnection]:
        """The connections known in this boot of the kernel; none where there is no such file."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return {}
        return parse(data, self._boot)

    def write(self, known: dict[int, KnownConnection]) -> None:
        """Replace the file if anything changed. The first failure is logged."""
        if known.keys() == self._written.keys():
            return
        rows = (_ROW.pack(cookie, one.family, one.ends) for cookie, one in known.items())
        fresh = self._path.with_suffix(".new")
        try:
            make_private_folder(self._path.parent)
            fresh.write_bytes(_head(self._boot) + b"".join(rows))
            os.replace(fresh, self._path)
            self._written = dict(known)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if not self._failure_logged:
                self._failure_logged = True
                log.warning("cannot write the known-connections file", detail=str(error))


def parse(data: bytes, boot: str) -> dict[int, KnownConnection]:
    """A file's connections; none where it is of another boot, or damaged."""
    head = _head(boot)
    if not data.startswith(head) or (len(data) - len(head)) % _ROW.size:
        return {}
    rows = _ROW.iter_unpack(data[len(head) :])
    return {cookie: KnownConnection(family, ends) for cookie, family, ends in rows}


def _head(boot: str) -> bytes:
    return f"rollcall sockets 1 {boot}\n".encode()
