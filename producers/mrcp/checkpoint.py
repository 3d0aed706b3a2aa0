"""How far the log was published, on disk: where to read on after a restart.

Sessions are not kept: the log is read again from the beginning of the oldest open one, and what was
published before is not published again.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from producers.mrcp.log_files import Place
from runtime import logs
from runtime.private_folders import make_private_folder
from schemas.codec import InvalidRecord, decode, encode

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`since`: where the oldest open session begins. `published`: the first byte that is new.

    `boot` and `seq`: as of the last record.
    """

    since: Place
    published: Place
    boot: str
    seq: int


class CheckpointFile:
    """One small file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: Checkpoint | None = None
        self._failure_logged = False

    def read(self) -> Checkpoint | None:
        """That of the last run; None where there is none, or it cannot be read."""
        try:
            return decode(Checkpoint, self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, InvalidRecord) as error:
            log.warning("cannot read the checkpoint", path=str(self._path), detail=str(error))
            return None

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the file if anything changed. The first failure is logged."""
        if checkpoint == self._written:
            return
        fresh = self._path.with_suffix(".new")
        try:
            make_private_folder(self._path.parent)
            fresh.write_bytes(encode(checkpoint))
            os.replace(fresh, self._path)
            self._written, self._failure_logged = checkpoint, False
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if not self._failure_logged:
                self._failure_logged = True
                log.warning("cannot write the checkpoint", detail=str(error))
