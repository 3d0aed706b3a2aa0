"""Writes a recorded MRCP server's log: what `rollcall replay mrcp=FILE` plays.

    replay = MrcpReplay(Path("killed.log"), log=Path("mrcp.log"))
    replay.start()          # writes from its own thread once `ready` is true
    replay.finished         # True when everything has been written

Each entry gets its time moved by one constant, so that the last one is written at its own time, and
speech sessions join the calls that are played with it on one clock. So a log that is played faster
than recorded has times that are past: the producer must not hold its own clock against them, and
gets no heartbeat after its first.
"""

import socket
from datetime import tzinfo
from pathlib import Path
from typing import Any, BinaryIO

from local.replay.conductor import Conductor
from local.replay.mrcp_recording import RecordedEntry, read_mrcp
from local.replay.pace import Feedback
from local.replay.recorded_sender import RecordedSender
from producers.mrcp.log_entries import LogEntries

# Only the first heartbeat finds the log and makes the stage ready. What time alone shows is then
# by the log's times; and without a saved place a killed producer begins again, as its count does.
_HEARTBEAT_SECONDS = 86_400
_POLL_SECONDS = 0.02


class MrcpReplay(RecordedSender[RecordedEntry]):
    """Writes one recording for one producer. It counts entries, as the producer does."""

    def __init__(
        self,
        capture: Path,
        *,
        log: Path,
        zone: tzinfo | None = None,
        speed: float | None = None,
        feedback: Feedback | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """`log` is written; `zone` is that of a recorded log's times, None: this host's.

        Raises OSError, ValueError when `capture` is not a recording of an MRCP server.
        """
        # Its times are in it: alone and unpaced, no pause is needed.
        self._conductor = conductor or Conductor(speed, pause_max=0.0)
        super().__init__(
            "mrcp",
            read_mrcp(capture, zone),
            speed=speed,
            feedback=feedback,
            conductor=self._conductor,
        )
        self._log = log
        self._file: BinaryIO | None = None
        self._listener: socket.socket | None = None
        self._entries = LogEntries()

    def start(self) -> None:
        """Create the log, listen as the server does, and start the thread. Raises OSError."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._log.open("wb", buffering=0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        super().start()

    def stop(self) -> None:
        """Stop writing, and close the log."""
        super().stop()
        for opened in (self._file, self._listener):
            if opened is not None:
                opened.close()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a producer that reads the log; only after `start`."""
        assert self._listener is not None, "start first"
        return {
            "ROLLCALL_MRCP_NODE": node or "mrcp",
            "ROLLCALL_MRCP_LOG": str(self._log),
            "ROLLCALL_MRCP_TIMEZONE": "UTC",
            "ROLLCALL_MRCP_PORT": str(self._listener.getsockname()[1]),
            "ROLLCALL_MRCP_POLL_SECONDS": str(_POLL_SECONDS),
            "ROLLCALL_MRCP_HEARTBEAT_SECONDS": str(_HEARTBEAT_SECONDS),
        }

    def received(self, status: dict[str, Any]) -> int:
        """The entries that a producer has read, by its /status."""
        count: int = status["entries"]
        return count

    def send(self, piece: RecordedEntry) -> int:
        """Write an entry; how many the producer can read now: of some the end shows later."""
        assert self._file is not None, "start first"
        data = piece.moved(self._conductor.shift or 0)
        self._file.write(data)
        return sum(1 for _ in self._entries.feed(data))
