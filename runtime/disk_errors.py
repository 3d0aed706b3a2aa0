"""Errors of a disk that do not name the file: a write to a full disk raises them without it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# No room on the disk, or none left for this user; a disk that breaks, or became read-only.
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds `path` to the OSErrors of a disk that name no file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in DISK_ERRORS:
            error.filename = str(path)
        raise
