"""The producer as a process, fed by recorded switches, into a real Kafka."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.replay.freeswitch import FreeSwitchReplay
from runtime.kafka import KafkaSettings
from schemas.topics import CALLS, CONNECTIONS, DEAD_LETTERS, NODES, REGISTRATIONS
from schemas.vocabulary import NodeKind
from tests.eventually import eventually
from tests.integration.freeswitch_process import CAPTURES, Producer, producer, records, translated
from tests.integration.scripted_switch import ScriptedSwitch

SOURCE_TOPICS = (REGISTRATIONS, CALLS, CONNECTIONS)


@contextmanager
def replay(capture: str, speed: float | None) -> Iterator[FreeSwitchReplay]:
    server = FreeSwitchReplay(CAPTURES / capture, speed=speed)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def about_users(kafka: KafkaSettings) -> dict[str, object]:
    return {record.id: record for _, record in records(kafka, *SOURCE_TOPICS)}


@pytest.mark.parametrize(
    "capture",
    ["calls.json", "reg_tcp_multi.json", "reg_sockclose_on.json", "tp_error_classic.json"],
)
def test_topics_hold_what_translation_alone_gives(
    kafka: KafkaSettings, tmp_path: Path, capture: str
) -> None:
    with (
        replay(capture, None) as server,
        producer(kafka, tmp_path, server.port) as running,
    ):
        eventually(lambda: running.has_all_of(server))
        assert server.shift is not None
        expected = translated(capture, server.shift)
        users = {i: e for i, e in expected.items() if "NodeEvent" not in type(e).__name__}
        assert about_users(kafka) == users
        status = running.status()
        assert status["node"] == "vm"
        assert status["dead_letters"] == status["duplicates"] == 0
        assert running.terminate() == 0


def test_keys_and_order_within_a_user(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        replay("reg_tcp_multi.json", None) as server,
        producer(kafka, tmp_path, server.port, node="east-1") as running,
    ):
        eventually(lambda: running.has_all_of(server))
        assert server.shift is not None
        expected = [
            e
            for e in translated("reg_tcp_multi.json", server.shift, "east-1").values()
            if getattr(e, "aor", None) == "sip:1001@sip.example.test"
        ]
    found = [e for key, e in records(kafka, REGISTRATIONS) if key == "sip:1001@sip.example.test"]
    assert found == expected


def test_node_lives_while_its_switch_does(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        replay("restart_before.json", None) as server,
        producer(kafka, tmp_path, server.port, heartbeat_seconds="0.1") as running,
    ):
        eventually(lambda: running.has_all_of(server))
        running.terminate()
    events = [event for _, event in records(kafka, NODES)]
    kinds = [event.kind for event in events]
    assert kinds[0] is NodeKind.UP
    assert kinds[-1] is NodeKind.DOWN, "no heartbeat after the switch has gone"
    assert events[-1].reason == "System Shutting Down"


def test_heartbeats_carry_the_nodes_clock(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        replay("reg_udp.json", None) as server,
        producer(kafka, tmp_path, server.port, heartbeat_seconds="0.1") as running,
    ):
        eventually(lambda: running.has_all_of(server))
        eventually(lambda: len(records(kafka, NODES)) > 15)
    events = [event for _, event in records(kafka, NODES)]
    own = [e.at for e in events if "/heartbeat/" in e.id and e.seq == events[-1].seq]
    assert own == sorted(own)
    assert 0.05 < (own[-1] - own[-2]).total_seconds() < 2


def test_killed_in_the_middle_and_started_again(kafka: KafkaSettings, tmp_path: Path) -> None:
    with replay("calls.json", 30) as server:
        with producer(kafka, tmp_path, server.port) as running:
            eventually(lambda: running.status().get("received", 0) > 60)
            running.kill()
        assert not server.finished
        with producer(kafka, tmp_path, server.port) as running:
            eventually(lambda: running.has_all_of(server))
            assert running.terminate() == 0
        assert server.shift is not None
        expected = translated("calls.json", server.shift)
    users = {i: e for i, e in expected.items() if "NodeEvent" not in type(e).__name__}
    assert about_users(kafka) == users


def test_sigterm_loses_nothing_that_was_received(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        replay("calls.json", None) as server,
        producer(kafka, tmp_path, server.port) as running,
    ):
        eventually(lambda: server.finished and running.status().get("received", 0) > 0)
        eventually(lambda: running.status()["received"] == server.sent_events)
        assert running.terminate() == 0
        assert server.shift is not None
        expected = translated("calls.json", server.shift)
    users = {i for i, e in expected.items() if "NodeEvent" not in type(e).__name__}
    assert set(about_users(kafka)) == users


def test_lost_connection_comes_back_with_a_gap(kafka: KafkaSettings, tmp_path: Path) -> None:
    """freeswitch#2061, node-esl#34: events are lost when the event socket reconnects."""
    with (
        replay("calls.json", 30) as server,
        producer(kafka, tmp_path, server.port) as running,
    ):
        eventually(lambda: running.status().get("received", 0) > 60)
        server.disconnect()
        eventually(lambda: running.has_all_of(server))
        status = running.status()
        assert status["duplicates"] > 0, "the recording came again from its beginning"
        assert running.metric(
            "rollcall_source_failures", source="freeswitch", reason="connection-lost"
        )
        assert server.shift is not None
        expected = translated("calls.json", server.shift)
    users = {i: e for i, e in expected.items() if "NodeEvent" not in type(e).__name__}
    assert about_users(kafka) == users
    kinds = [event.kind for _, event in records(kafka, NODES)]
    assert kinds.count(NodeKind.UP) == 2
    assert kinds.count(NodeKind.GAP) == 1


def test_hostile_frames_do_not_stop_the_rest(kafka: KafkaSettings, tmp_path: Path) -> None:
    recorded = (CAPTURES / "reg_blind.json").read_bytes()
    start = recorded.index(b"Content-Length:")
    huge = b'{"Event-Name":"CUSTOM","x":"' + b"a" * 100_000 + b'"}'
    bad = [b"[]", b"\xff\xfe{", huge, b'{"Event-Name":"CUSTOM","Event-Subclass":"sofia::register"}']
    frames = b"".join(
        b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(body), body)
        for body in bad
    )
    server = ScriptedSwitch(frames + recorded[start:])
    with server, producer(kafka, tmp_path, server.port, frame_max_bytes="65536") as running:
        eventually(lambda: running.status().get("received", 0) == len(bad) + 9)
        eventually(lambda: running.status()["queued"] == running.status()["undelivered"] == 0)
        assert running.status()["dead_letters"] == len(bad)
    assert len(records(kafka, REGISTRATIONS)) == 7
    letters = [letter for _, letter in records(kafka, DEAD_LETTERS)]
    assert {letter.field for letter in letters} == {None, "Core-UUID"}
    assert f"frame too large: {len(huge) + 54} bytes" in {letter.reason for letter in letters}


def test_wrong_password_is_named_once(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        replay("reg_blind.json", None) as server,
        producer(
            kafka, tmp_path, server.port, password="wrong", retry_max_seconds="0.2"
        ) as running,
    ):
        eventually(lambda: _failures(running, "wrong-password") >= 3)
        assert running.status()["connected"] is False
        ready = running.get("/readyz")
        assert ready is not None
        assert ready.status_code == 503
        assert running.log.read_text().count("WrongPassword") == 1


def test_refused_connection_until_the_switch_is_there(kafka: KafkaSettings, tmp_path: Path) -> None:
    server = FreeSwitchReplay(CAPTURES / "reg_blind.json", speed=None)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with producer(kafka, tmp_path, port, retry_max_seconds="0.2") as running:
        eventually(lambda: _failures(running, "unreachable") >= 2)
        assert running.log.read_text().count("SwitchUnreachable") == 1
        server = FreeSwitchReplay(CAPTURES / "reg_blind.json", speed=None, port=port)
        server.start()
        try:
            eventually(lambda: running.has_all_of(server))
        finally:
            server.stop()


def test_half_open_connection_is_left(kafka: KafkaSettings, tmp_path: Path) -> None:
    """A switch that sends its events and then nothing at all, on an open connection."""
    recorded = (CAPTURES / "reg_blind.json").read_bytes()
    silent = ScriptedSwitch(recorded[recorded.index(b"Content-Length:") :], answers=None)
    settings = {
        "probe_after_seconds": "0.3",
        "lease_silence_seconds": "0.6",
        "half_open_seconds": "1.5",
        "heartbeat_seconds": "0.1",
        "command_timeout_seconds": "0.5",
    }
    with silent, producer(kafka, tmp_path, silent.port, **settings) as running:
        eventually(lambda: _failures(running, "half-open") >= 1)
        assert "HalfOpen" in running.log.read_text()
        eventually(lambda: silent.connections >= 2)


def _failures(running: Producer, reason: str) -> float:
    return running.metric("rollcall_source_failures", reason=reason)
