"""`rollcall replay mrcp=FILE`: a recorded server's log, and what its producer reads of it."""

import base64
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from local.replay.conductor import Conductor
from local.replay.mrcp import MrcpReplay
from local.replay.mrcp_recording import read_mrcp
from producers.mrcp.log_entries import LogEntries
from producers.mrcp.message import START
from schemas.speech import SpeechEvent
from schemas.vocabulary import SpeechKind
from tests.eventually import eventually
from tests.unit.mrcp_log import Reading, data, line, log_of

CAPTURES = Path(__file__).parents[3] / "captures"
SPEECH, LOGS = CAPTURES / "speech", CAPTURES / "mrcp"
KILLED, AFTER = sorted((LOGS / "killed").iterdir())
AT = 1_795_502_816.25
CONNECTION = "127.0.0.1:1544 <-> 192.0.2.7:4000"
CHANNEL = "Channel-Identifier: a@speechrecog"


def message(first: str, *headers: str) -> bytes:
    """A message whose first line is `first` after version and length."""
    rest = f" {first}\r\n" + "".join(f"{header}\r\n" for header in headers) + "\r\n"
    size = len("MRCP/2.0 ") + len(rest)
    size += len(str(size + 4))  # no test has a length near a power of ten
    return f"MRCP/2.0 {size}{rest}".encode()


def played(
    recording: Path, folder: Path, speed: float | None = None, zone: ZoneInfo | None = None
) -> list[SpeechEvent]:
    """Play it, to the real producer without Kafka."""
    log = folder / "played.log"
    replay = MrcpReplay(recording, log=log, speed=speed, zone=zone)
    reading = Reading(log)
    replay.start()
    try:
        eventually(lambda: replay.finished)
        found = reading.read()
        assert replay.received(reading.reader.status()) == replay.sent_events
        return found
    finally:
        replay.stop()


def recorded(log: Path) -> list[SpeechEvent]:
    """What the producer reads of the log itself."""
    return Reading(log).read()


def recorded_of(capture: Path, folder: Path) -> list[SpeechEvent]:
    """The same of the log of recorded connections."""
    log = folder / "recorded.log"
    log.write_bytes(log_of(capture))
    return recorded(log)


def plain(events: list[SpeechEvent]) -> list[tuple[object, ...]]:
    """Without moved times."""
    return [(e.id, e.kind, e.leg, e.cause, e.latency) for e in events]


def shifts(before: list[SpeechEvent], after: list[SpeechEvent]) -> set[timedelta]:
    return {b.at - a.at for a, b in zip(before, after, strict=True)}


@pytest.mark.parametrize("log", [*LOGS.glob("*.log"), KILLED], ids=lambda log: log.name[:20])
def test_a_played_log_is_read_as_the_recorded_one(log: Path, tmp_path: Path) -> None:
    before, after = recorded(log), played(log, tmp_path, zone=ZoneInfo("UTC"))
    assert before
    assert plain(after) == plain(before)
    assert len(shifts(before, after)) == 1  # all by one constant


@pytest.mark.parametrize("capture", sorted(SPEECH.glob("*.mrcp")), ids=lambda one: one.stem)
def test_played_connections_are_the_servers_log(capture: Path, tmp_path: Path) -> None:
    before = recorded_of(capture, tmp_path)
    if not before:  # of a server that was down
        with pytest.raises(ValueError, match="contains no MRCPv2 messages"):
            read_mrcp(capture)
        return
    after = played(capture, tmp_path)
    assert plain(after) == plain(before)
    assert len(shifts(before, after)) == 1


def test_the_recording_ends_now_at_any_speed(tmp_path: Path) -> None:
    for speed in (None, 50.0):
        began = datetime.now(UTC)
        last = played(SPEECH / "fs_pds_success.mrcp", tmp_path, speed)[-1]
        # Its result was 0.6 s before the end.
        assert began - timedelta(seconds=2) < last.at < datetime.now(UTC)


def test_pauses_are_not_waited_for_alone(tmp_path: Path) -> None:
    log = tmp_path / "recorded.log"
    log.write_bytes(
        b"".join(
            data(AT + minute * 60, "Receive", CONNECTION, message(f"SPEAK {minute}", CHANNEL))
            for minute in range(60)
        )
    )
    began = time.monotonic()
    played(log, tmp_path)
    assert time.monotonic() - began < 30  # with a second each it were a minute


def test_a_result_that_comes_late_is_reported_late(tmp_path: Path) -> None:
    """As the producer of a live server does, by its clock, before it reads the result."""
    log = tmp_path / "recorded.log"
    log.write_bytes(
        line(AT, f"Accepted TCP/MRCPv2 Connection {CONNECTION}")
        + data(AT, "Receive", CONNECTION, message("RECOGNIZE 1", CHANNEL))
        + data(
            AT + 12,
            "Send",
            CONNECTION,
            message("RECOGNITION-COMPLETE 1 COMPLETE", CHANNEL, "Completion-Cause: 000 success"),
        )
    )
    started, silent, result, ended = played(log, tmp_path)
    assert (started.kind, silent.kind, result.kind, ended.kind) == (
        SpeechKind.STARTED,
        SpeechKind.NO_RESULT,
        SpeechKind.RESULT,
        SpeechKind.ENDED,
    )
    assert silent.at - started.at == timedelta(seconds=10)
    assert ended.at - started.at == timedelta(seconds=12)


def test_both_processes_of_a_killed_server(tmp_path: Path) -> None:
    both = tmp_path / "both.log"
    both.write_bytes(KILLED.read_bytes() + AFTER.read_bytes())
    causes = Counter(e.cause for e in played(both, tmp_path) if e.kind is SpeechKind.ENDED)
    assert causes["server-lost"] == 1


def test_times_of_a_log_are_of_the_given_zone() -> None:
    log = LOGS / "pieces.log"
    utc, berlin = (read_mrcp(log, ZoneInfo(name))[0].received for name in ("UTC", "Europe/Berlin"))
    assert datetime.fromtimestamp(utc / 1e6, UTC) == datetime(2026, 11, 30, 0, 44, 8, 215311, UTC)
    assert utc - berlin == 3_600_000_000


def test_lines_without_a_time_and_holes_are_left_out(tmp_path: Path) -> None:
    stamp = line(AT, "x")[:26]
    one = data(AT, "Receive", CONNECTION, message("RECOGNIZE 1", CHANNEL))
    log = tmp_path / "recorded.log"
    log.write_bytes(b"\0" * 9 + b"no time, " + stamp + b" [INFO]   no entry\n" + one)
    (only,) = read_mrcp(log, ZoneInfo("UTC"))
    assert only.moved(0) == one
    assert only.moved(1_000_000) == data(
        AT + 1, "Receive", CONNECTION, message("RECOGNIZE 1", CHANNEL)
    )


def test_a_line_without_end_is_left_out(tmp_path: Path) -> None:
    one = data(AT, "Receive", CONNECTION, message("RECOGNIZE 1", CHANNEL))
    log = tmp_path / "recorded.log"
    log.write_bytes(b"x" * 3 * 32_768 + one)  # up to the end of a piece that is read
    assert read_mrcp(log, ZoneInfo("UTC"))[-1].moved(0) == one


def test_a_long_piece_is_logged_in_several(tmp_path: Path) -> None:
    """A longer entry would be cut, as UniMRCP does."""
    text = message("DEFINE-GRAMMAR 1", CHANNEL, f"X: {'y' * 700}") + b"\n" * 5000
    row = {"t": AT, "dir": "c2s", "conn": "192.0.2.7:4000", "b64": base64.b64encode(text).decode()}
    capture = tmp_path / "recorded.mrcp"
    capture.write_text(json.dumps(row))
    entries = list(LogEntries().feed(b"".join(one.moved(0) for one in read_mrcp(capture))))
    assert len(entries) == 6
    assert b"".join(entry.data for entry in entries) == text
    assert entries[0].data.startswith(START)


def test_several_recordings_have_one_shift(tmp_path: Path) -> None:
    conductor = Conductor(None)
    other = conductor.join([1_795_502_000_000_000])
    log = tmp_path / "played.log"
    replay = MrcpReplay(SPEECH / "fs_speak.mrcp", log=log, conductor=conductor)
    replay.start()
    assert other.begin()
    assert other.wait_for(0)
    other.sent(0)
    eventually(lambda: replay.finished)
    replay.stop()
    (first, *_) = Reading(log).read()
    (before, *_) = recorded_of(SPEECH / "fs_speak.mrcp", tmp_path)
    assert first.at - before.at == timedelta(microseconds=conductor.shift or 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no log\n",
        line(AT, "Create MRCPv2 Agent [a]"),
        b'{"t": 1}\n',
        b'{"t": 1, "dir": "c2s", "conn": "a", "b64": "x"}\n',
        b'{"t": 1, "dir": "c2s", "conn": "a", "tcp": "SYN"}\n',
        b'{"t": -1, "dir": "c2s", "conn": "a", "tcp": "SYN"}\n',
        b'{"t": "1", "dir": "c2s", "conn": "a", "tcp": "SYN"}\n',
    ],
)
def test_other_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recording|contains no"):
        read_mrcp(path)
