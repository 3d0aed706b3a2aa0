"""Sessions out of the MRCP server's log: recorded connections, kills, restarts, rotations."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.node import NodeEvent
from schemas.speech import SpeechEvent
from schemas.vocabulary import NodeKind, SpeechKind, SpeechResource
from tests.unit.mrcp_log import Reading, data, line, log_of, sessions_of, speech

CAPTURES = Path(__file__).parents[3] / "captures" / "speech"
CONNECTION = "127.0.0.1:1544 <-> 127.0.0.1:40586"
CHANNEL = "3fd977b05cf948a9@speechrecog"
T = 1795502816.0
START = "Create MRCPv2 Agent [MRCPv2-Agent-1] 127.0.0.1:1544 [100]"


def capture(name: str) -> Path:
    return CAPTURES / f"{name}.mrcp"


def message(first: str, headers: str) -> bytes:
    rest = f" {first}\r\nChannel-Identifier: {CHANNEL}\r\n{headers}\r\n".encode()
    size = len("MRCP/2.0 ") + len(rest)
    size += 2 if size < 98 else 3
    return f"MRCP/2.0 {size}".encode() + rest


def received(after: float, first: str, headers: str = "") -> bytes:
    return data(T + after, "Receive", CONNECTION, message(first, headers))


def sent(after: float, first: str, headers: str = "") -> bytes:
    return data(T + after, "Send", CONNECTION, message(first, headers))


UUID = "Vendor-Specific-Parameters: a=b;x-call-uuid=leg-1\r\n"
BEGUN = (
    line(T, f"Accepted TCP/MRCPv2 Connection {CONNECTION}")
    + received(0.1, "RECOGNIZE 2", UUID)
    + sent(0.2, "2 200 IN-PROGRESS")
)


def read(tmp_path: Path, log: bytes) -> tuple[Reading, list[SpeechEvent]]:
    path = tmp_path / "mrcp.log"
    path.write_bytes(log)
    reading = Reading(path)
    return reading, reading.read()


def ends(events: list[SpeechEvent]) -> list[str | None]:
    return [event.cause for event in events if event.kind is SpeechKind.ENDED]


@pytest.mark.parametrize(
    ("name", "causes"),
    [
        ("fs_pds_success", ["success"]),
        ("fs_pds_globalvar", ["success"]),
        ("fs_detect_speech", ["success"]),
        ("fs_park_fire_duplicates", ["success"]),
        ("fs_pds_noinput", ["no-input-timeout"]),
        ("fs_pds_nomatch", ["no-match"]),
        ("fs_pds_badgrammar", ["grammar-compilation-failure"]),
        ("fs_pds_caller_hangup", ["stopped"]),
        ("fs_bridge_nofire", ["success"]),
        ("fs_speak", ["normal"]),
        ("fs_pds_server_killed", []),
        ("fs_pds_server_down", []),
    ],
)
def test_each_request_is_one_session_with_its_cause(
    name: str, causes: list[str], tmp_path: Path
) -> None:
    events = sessions_of(capture(name), tmp_path)
    assert ends(events) == causes
    assert len({event.session for event in events}) == (1 if events else 0)
    assert len({event.id for event in events}) == len(events)
    speaks = name == "fs_speak"
    resource = SpeechResource.SYNTHESISER if speaks else SpeechResource.RECOGNISER
    assert all(event.resource is resource for event in events)


@pytest.mark.parametrize("name", ["fs_pds_success", "fs_bridge_nofire", "fs_pds_nomatch"])
def test_times_are_those_of_the_packets(name: str, tmp_path: Path) -> None:
    """Within a millisecond; `leg` is what the dialplan gave as x-call-uuid."""
    last = sessions_of(capture(name), tmp_path)[-1]
    text = capture(name).with_suffix(".truth.jsonl").with_name(f"{name}.mrcp").read_text()
    assert last.leg in text
    assert last.latency == pytest.approx(0.47, abs=0.001)


def test_a_grammar_that_is_refused_is_a_session_without_a_leg(tmp_path: Path) -> None:
    first, *_ = events = sessions_of(capture("fs_pds_badgrammar"), tmp_path)
    assert [event.kind.value for event in events] == ["started", "result", "ended"]
    assert first.leg == first.channel == "a92854b1ef7b49d6@speechrecog"


def test_spoken_text_only_where_it_is_wanted(tmp_path: Path) -> None:
    assert all(e.text is None for e in sessions_of(capture("fs_pds_success"), tmp_path))
    events = sessions_of(capture("fs_pds_success"), tmp_path, with_text=True)
    assert "<instance>one</instance>" in (events[-1].text or "")


def test_unknown_causes_are_kept_as_text(tmp_path: Path) -> None:
    for number, (header, cause) in enumerate(
        [
            ("Completion-Cause: 042 Too Loud\r\n", "too-loud"),
            ("Completion-Cause: 042\r\n", "042"),
            ("Completion-Cause: 001\r\n", "no-match"),
            ("", "not-reported"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        log = BEGUN + sent(1, "RECOGNITION-COMPLETE 2 COMPLETE", header)
        assert ends(read(folder, log)[1]) == [cause]


def test_a_refused_request_ends_with_its_status(tmp_path: Path) -> None:
    log = received(0.1, "RECOGNIZE 2", UUID) + sent(0.2, "2 407 COMPLETE")
    assert ends(read(tmp_path, log)[1]) == ["status-407"]


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (line(T + 2, f"Remove Control Channel <{CHANNEL}> [0]"), "closed"),
        (line(T + 2, f"TCP/MRCPv2 Peer Disconnected {CONNECTION}"), "closed"),
        (received(2, "STOP 3") + sent(2, "3 200 COMPLETE"), "stopped"),
        (line(T + 5, START), "server-lost"),
    ],
)
def test_a_session_always_ends(tmp_path: Path, log: bytes, cause: str) -> None:
    assert ends(read(tmp_path, BEGUN + log)[1]) == [cause]


def test_a_killed_server_ends_its_sessions_though_it_logs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mrcp.log"
    path.write_bytes(log_of(capture("fs_pds_server_killed")))
    reading = Reading(path)
    began, *_ = reading.read()
    now = began.at + timedelta(seconds=2)
    reading.listens = True
    (up,) = reading.tick(now)
    reading.listens = False
    lost = [record for n in range(5) for record in reading.tick(now + timedelta(seconds=1 + n))]
    ended, down = (record.event for record in lost)
    assert isinstance(up.event, NodeEvent)
    assert up.event.kind is NodeKind.UP
    assert (ended.kind, ended.cause, ended.session) == (
        SpeechKind.ENDED,
        "server-lost",
        began.session,
    )
    assert ended.ended_at == now + timedelta(seconds=4)
    assert down.kind is NodeKind.DOWN


def test_a_log_that_goes_on_without_a_listener_is_another_servers(tmp_path: Path) -> None:
    reading, (began, *_) = read(tmp_path, BEGUN)
    reading.listens = False
    reading.tick(began.at)
    with (tmp_path / "mrcp.log").open("ab") as log:
        log.write(line(T + 3, "Add Session <a>"))
    reading.read()
    records = [r for n in range(9) for r in reading.tick(began.at + timedelta(seconds=n))]
    assert not speech(records)


def test_a_recogniser_without_a_result_is_reported_once(tmp_path: Path) -> None:
    reading, (began, *_) = read(tmp_path, BEGUN)

    def kinds(seconds: float) -> list[str]:
        return [e.kind for e in speech(reading.tick(began.at + timedelta(seconds=seconds)))]

    assert [kinds(9), kinds(11), kinds(12)] == [[], [SpeechKind.NO_RESULT], []]


def test_no_end_is_waited_for_longer_than_a_call(tmp_path: Path) -> None:
    reading, (began, *_) = read(tmp_path, BEGUN)
    events = speech(reading.tick(began.at + timedelta(hours=4, seconds=1)))
    assert ends(events) == ["end-lost"]


WHOLE = (
    line(T - 1, START)
    + BEGUN
    + sent(0.5, "START-OF-INPUT 2 IN-PROGRESS")
    + sent(0.9, "RECOGNITION-COMPLETE 2 COMPLETE", "Completion-Cause: 000 success\r\n")
    + received(1.0, "RECOGNIZE 3", UUID)
    + sent(1.1, "3 200 IN-PROGRESS")
    + received(2.0, "STOP 4")
    + sent(2.1, "4 200 COMPLETE", "Active-Request-Id-List: 3\r\n")
    + line(T + 3, f"Remove Control Channel <{CHANNEL}> [0]")
)


def test_a_restart_at_any_byte_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    expected = [event.id for event in read(tmp_path, WHOLE)[1]]
    assert len(expected) == 6
    for cut in range(1, len(WHOLE), 7):
        path = tmp_path / f"{cut}.log"
        path.write_bytes(WHOLE[:cut])
        first = Reading(path)
        found = [event.id for event in first.read()]
        path.write_bytes(WHOLE)
        second = Reading(path, checkpoint=first.reader.checkpoint())
        rest = second.read()
        assert found + [event.id for event in rest] == expected, cut
        assert {event.boot for event in rest} <= {f"start-{int((T - 1) * 1e6)}"}
        assert not second.refused


def test_a_restart_over_a_rotation_knows_the_session_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "mrcp.log"
    path.write_bytes(BEGUN)
    first = Reading(path)
    first.read()
    checkpoint = first.reader.checkpoint()
    path.rename(tmp_path / "mrcp.log.1")
    path.write_bytes(
        sent(1, "RECOGNITION-COMPLETE 2 COMPLETE", "Completion-Cause: 000 success\r\n")
    )
    events = Reading(path, checkpoint=checkpoint).read()
    assert [(event.kind.value, event.leg) for event in events] == [
        ("result", "leg-1"),
        ("ended", "leg-1"),
    ]


def test_a_log_that_is_gone_is_a_gap_and_the_new_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mrcp.log"
    path.write_bytes(line(T, "Add Session <a>"))
    first = Reading(path)
    first.read()
    path.unlink()
    path.write_bytes(line(T + 5, "Add Session <b>") + BEGUN)
    second = Reading(path, checkpoint=first.reader.checkpoint())
    assert len(second.read()) == 1
    assert second.reader.status()["gaps"] == 1


def test_what_is_no_message_is_refused_without_its_words(tmp_path: Path) -> None:
    broken = data(T + 1, "Receive", CONNECTION, b"HTTP/1.1 200 OK\r\n\r\nmy PIN is one two")
    reading, _ = read(tmp_path, BEGUN + broken)
    ((payload, reason, _),) = reading.refused
    assert payload == b"HTTP/1.1 200 OK"
    assert "PIN" not in reason


LOGS = CAPTURES.parent / "mrcp"


@pytest.mark.parametrize("name", ["masked", "cut", "pieces"])
def test_logs_of_a_real_server(name: str) -> None:
    """UniMRCP 1.8.0, two recognitions each: masked, and a grammar of 4,500 bytes.

    `cut`: received at once, so that the log's entry is too long; `pieces`: in 1,024 bytes each.
    """
    reading = Reading(LOGS / f"{name}.log")
    events = reading.read()
    assert not reading.refused
    assert ends(events) == ["success", "success"]
    assert len({event.leg for event in events}) == 2
    assert [e.latency for e in events if e.kind is SpeechKind.ENDED] == pytest.approx(
        [0.45, 0.45], abs=0.02
    )


def test_a_killed_real_server_that_is_started_again(tmp_path: Path) -> None:
    """Killed in the third recognition; its next process writes a file of its own."""
    first, second = sorted((LOGS / "killed").glob("unimrcpserver_*.log"))
    link = tmp_path / "unimrcpserver_current.log"
    for number, log in enumerate((first, second)):
        copy = tmp_path / log.name
        copy.write_bytes(log.read_bytes())
        os.utime(copy, ns=(number, number))
    link.symlink_to(tmp_path / first.name)
    reading = Reading(link)
    before = reading.read()
    assert (ends(before), reading.reader.status()["sessions"]) == (["success"] * 3, 1)
    link.unlink()
    link.symlink_to(tmp_path / second.name)
    lost, *after = [event for event in reading.read() if event.kind is SpeechKind.ENDED]
    assert (lost.cause, lost.boot) == ("server-lost", before[0].boot)
    assert {event.cause for event in after} == {"success"}
    assert {event.boot for event in after}.isdisjoint({lost.boot})
