"""Follows a log over its rotations: bytes in order, of which file and from where.

A file is known by its inode and its first bytes, so one that was renamed is found again, and one
that was emptied or replaced under its name is not mistaken for it.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runtime import logs

log = logs.get(__name__)

_CHUNK = 32_768
_HEAD_BYTES = 64  # the first entry's time and more
_COMPRESSED = (".gz", ".xz", ".bz2", ".zst")


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of a file: its offset, and the file by inode and first bytes (at most 64, as hex)."""

    inode: int
    head: str
    offset: int


class LogFiles:
    """`path`: the current file, or a link to it, as `unimrcpserver_current.log`. One thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._name = ""
        self._offset = 0
        self._head = b""
        self._failure_logged = False
        # Rotations and truncations that were followed, and those after which bytes are missing.
        self.turns = 0
        self.gaps = 0

    @property
    def is_open(self) -> bool:
        return self._file is not None

    @property
    def place(self) -> Place | None:
        """Of the next byte to be read."""
        if self._file is None:
            return None
        return Place(os.fstat(self._file.fileno()).st_ino, self._head.hex(), self._offset)

    def resume(self, place: Place) -> bool:
        """Go on at a place of an earlier run; False where its file is gone or emptied."""
        for name in self._siblings():
            if self._open(name) and self._is_at(place):
                self._offset = place.offset
                return True
        self.close()
        return False

    def read(self) -> tuple[bytes, bool]:
        """The next bytes, and whether they are the first of a file (another one, or emptied).

        No bytes: there are none now. Raises OSError where an open file cannot be read.
        """
        if self._file is None:
            return self._first(), True
        if self._was_emptied():
            log.warning("the log was emptied under its name", path=self._name)
            self.turns += 1
            self._offset, self._head = 0, b""
            return self._next(), True
        data = self._next()
        if data or not self._turn():
            return data, False
        return self._next(), True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _first(self) -> bytes:
        try:
            name = self._path.resolve(strict=True)
        except OSError as error:
            self._log_failure(error)
            return b""
        return self._next() if self._open(name) else b""

    def _next(self) -> bytes:
        assert self._file is not None
        data = os.pread(self._file.fileno(), _CHUNK, self._offset)
        self._offset += len(data)
        if len(self._head) < _HEAD_BYTES:
            self._head = os.pread(self._file.fileno(), _HEAD_BYTES, 0)
        return data

    def _turn(self) -> bool:
        """At the end of a file: open the one that was begun after it, if there is one."""
        assert self._file is not None
        try:
            current = self._path.resolve(strict=True)
            is_same = os.path.samestat(current.stat(), os.fstat(self._file.fileno()))
        except OSError:
            return False  # between two files
        if is_same:
            return False
        if os.fstat(self._file.fileno()).st_size > self._offset:
            return False  # written between the last read and the turn
        names = [name for name in self._siblings() if self._is_begun_later(name)]
        return self._open(names[0] if names else current) and self._count_turn()

    def _count_turn(self) -> bool:
        self.turns += 1
        return True

    def _siblings(self) -> list[Path]:
        """All files of this log, the one last written to last; the current one is the last."""
        with suppress(OSError):
            current = self._path.resolve(strict=True)
            if current != self._path.absolute():  # a link: UniMRCP's names have the time in them
                prefix = self._path.name.removesuffix("_current.log")
                found = {*current.parent.glob(f"{prefix}_*.log"), current}
                found -= {self._path, current.parent / self._path.name}
            else:
                found = {*current.parent.glob(f"{current.name}*"), current}
            files = [n for n in found if n.suffix not in _COMPRESSED and not n.is_symlink()]
            written = {name: name.stat().st_mtime_ns for name in files}
            return sorted(files, key=lambda name: (name == current, written[name], name))
        return []

    def _is_begun_later(self, name: Path) -> bool:
        assert self._file is not None
        own = os.fstat(self._file.fileno())
        with suppress(OSError):
            other = name.stat()
            return not os.path.samestat(own, other) and other.st_mtime_ns >= own.st_mtime_ns
        return False

    def _open(self, name: Path) -> bool:
        try:
            opened = name.open("rb")
        except OSError as error:
            self._log_failure(error)
            return False
        self.close()
        self._file, self._name, self._offset = opened, str(name), 0
        self._head = os.pread(opened.fileno(), _HEAD_BYTES, 0)
        self._failure_logged = False
        return True

    def _is_at(self, place: Place) -> bool:
        assert self._file is not None
        found = os.fstat(self._file.fileno())
        head = bytes.fromhex(place.head)
        return (
            found.st_ino == place.inode
            and found.st_size >= place.offset
            and self._head.startswith(head)
        )

    def _was_emptied(self) -> bool:
        assert self._file is not None
        is_shorter = os.fstat(self._file.fileno()).st_size < self._offset
        return is_shorter or not os.pread(self._file.fileno(), _HEAD_BYTES, 0).startswith(
            self._head
        )

    def _log_failure(self, error: OSError) -> None:
        if not self._failure_logged:
            self._failure_logged = True
            log.warning("the log cannot be opened", path=str(self._path), detail=str(error))
