"""Recorded MRCPv2 control connections as UniMRCP's log has them (`mrcp_server_connection.c`)."""

import json
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.replay import mrcp_control
from local.replay.mrcp_control import data_entry, entry
from producers.mrcp.checkpoint import Checkpoint
from producers.mrcp.listener import Listener
from producers.mrcp.local_time import LocalTimes
from producers.mrcp.log_files import LogFiles
from producers.mrcp.log_reader import LogReader
from producers.mrcp.translation import Context
from producers.translated import Translated
from schemas.speech import SpeechEvent

SERVER = "127.0.0.1:1544"
line, data = entry, data_entry


def log_of(capture: Path, began: float | None = None) -> bytes:
    """The log of a recording's server (`NAME.mrcp`); a killed one removes no channel.

    `began`: when it is to have begun, in seconds since the epoch.
    """
    rows = [json.loads(text) for text in capture.read_text().splitlines()]
    shift = began - rows[0]["t"] if began is not None else 0.0
    return mrcp_control.log_of({**row, "t": row["t"] + shift} for row in rows)


class Reading:
    """The producer without Kafka and kernel: `read` takes all there is, `tick` what time shows."""

    def __init__(
        self, log: Path, *, with_text: bool = False, checkpoint: Checkpoint | None = None
    ) -> None:
        self.refused: list[tuple[bytes, str, str | None]] = []
        self.listens: bool | None = None
        self.files = LogFiles(log)
        weakref.finalize(self, self.files.close)
        self.reader = LogReader(
            self.files,
            LocalTimes(UTC),
            Listener(None, lambda: self.listens),
            Context("mrcp-1", with_text),
            lambda *refused: self.refused.append(refused),
        )
        self.reader.resume(checkpoint)

    def read(self) -> list[SpeechEvent]:
        found = []
        while (records := self.reader.read()) is not None:
            found += speech(records)
        return found

    def tick(self, now: datetime) -> list[Translated]:
        return self.reader.tick(now)


def speech(records: list[Translated]) -> list[SpeechEvent]:
    return [record.event for record in records if isinstance(record.event, SpeechEvent)]


def sessions_of(capture: Path, folder: Path, **options: Any) -> list[SpeechEvent]:
    """Everything that the log of a recording's server publishes."""
    log = folder / f"{capture.name}.log"
    log.write_bytes(log_of(capture))
    return Reading(log, **options).read()
