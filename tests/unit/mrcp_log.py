"""Recorded MRCPv2 control connections as UniMRCP's log has them (`mrcp_server_connection.c`)."""

import base64
import json
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from producers.mrcp.checkpoint import Checkpoint
from producers.mrcp.listener import Listener
from producers.mrcp.local_time import LocalTimes
from producers.mrcp.log_files import LogFiles
from producers.mrcp.log_reader import LogReader
from producers.mrcp.message import read_message
from producers.mrcp.translation import Context
from producers.translated import Translated
from schemas.speech import SpeechEvent

SERVER = "127.0.0.1:1544"


def line(at: float, text: str) -> bytes:
    """One entry, its time in UTC."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}:{moment.microsecond:06d} [INFO]   {text}\n".encode()


def data(at: float, verb: str, connection: str, payload: bytes) -> bytes:
    """One piece of a control connection; `verb`: Receive or Send."""
    head = line(at, f"{verb} MRCPv2 Data {connection} [{len(payload)} bytes]")
    return head + payload + b"\n"


def log_of(capture: Path, began: float | None = None) -> bytes:
    """The log of a recording's server (`NAME.mrcp`); a killed one removes no channel.

    `began`: when it is to have begun, in seconds since the epoch.
    """
    rows = [json.loads(text) for text in capture.read_text().splitlines()]
    shift = began - rows[0]["t"] if began is not None else 0.0
    return b"".join(_entries([{**row, "t": row["t"] + shift} for row in rows]))


def _entries(rows: list[dict[str, Any]]) -> Iterator[bytes]:
    channel, is_killed = "", False
    for row in rows:
        connection = f"{SERVER} <-> {row['conn']}"
        sent = row["dir"] == "s2c"
        if "b64" in row:
            payload = base64.b64decode(row["b64"])
            channel = read_message(payload).channel
            yield data(row["t"], "Send" if sent else "Receive", connection, payload)
        elif row["tcp"] == "SYN" and not sent:
            yield line(row["t"], f"Accepted TCP/MRCPv2 Connection {connection}")
        elif row["tcp"] == "FIN":
            is_killed = is_killed or (sent and bool(channel))
            if not sent and not is_killed:
                yield line(row["t"], f"TCP/MRCPv2 Peer Disconnected {connection}")
                yield line(row["t"], f"Remove Control Channel <{channel}> [0]")
                channel = ""


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
