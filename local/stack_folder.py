"""The folder of a one-machine stack: made private, checked for room, freed of left-over stages."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from local.processes import is_running, stop_pid
from local.stack_file import recorded_stages
from local.stage_process import STAGE_COMMAND, STOP_SECONDS
from runtime.private_folders import make_private_folder

ROOM_BYTES = 100 * 2**20


class NoRoom(Exception):
    """The disk of the stack's folder is full, or nearly: free it, or use another folder."""


def prepare_folder(folder: Path) -> None:
    """Make the folder, readable only by its owner. Raises NoRoom, OSError."""
    make_private_folder(folder)
    # Kafka and chDB die of a full disk, at any time.
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot be written", str(folder))
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise NoRoom(
            f"no space left for {folder}: {free // 2**20} MB are free on its disk, a "
            f"stack needs {ROOM_BYTES // 2**20} MB"
        )
    folder.chmod(0o700)  # also a folder made by an older version


def stop_orphans(folder: Path, report: Callable[[str], None]) -> None:
    """Stop stages left by a killed stack: they hold locks and read the same topics."""
    for label, pid in recorded_stages(folder).items():
        if is_running(pid, STAGE_COMMAND):
            report(f"stopping {label}, left by a stack that was killed…")
            stop_pid(pid, STOP_SECONDS)
