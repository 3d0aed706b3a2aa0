"""The producer as a process: real sockets in, a real MI beside it, a real Kafka behind it."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.network import free_port
from local.replay.opensips import OpenSipsReplay
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.topic import Topic
from schemas.topics import CONNECTIONS, DEAD_LETTERS, NODES, REGISTRATIONS
from schemas.vocabulary import NodeKind, RegistrationKind
from tests.eventually import eventually
from tests.integration.scripted_mi import ScriptedMi
from tests.kafka_logs import read
from tests.stages import StageProcess
from tests.unit.opensips_capture import CAPTURES, Play

UP_SINCE = "Tue Nov 24 06:01:20 2026"


class Producer(StageProcess):
    """The stage with its two ports."""

    def __init__(self, folder: Path, kafka: KafkaSettings, **settings: str) -> None:
        self.datagram, self.stream = free_port(), free_port()
        environment = {
            "ROLLCALL_OPENSIPS_NODE": "os1",
            "ROLLCALL_OPENSIPS_LISTEN_DATAGRAM": f"127.0.0.1:{self.datagram}",
            "ROLLCALL_OPENSIPS_LISTEN_STREAM": f"127.0.0.1:{self.stream}",
            "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(folder / "spool"),
            **{f"ROLLCALL_OPENSIPS_{name.upper()}": value for name, value in settings.items()},
        }
        super().__init__("producers.opensips.stage", folder, kafka, **environment)

    def has_all_of(self, replay: OpenSipsReplay) -> bool:
        status = self.status()
        return (
            replay.finished
            and status["received_bytes"] == replay.sent_events
            and not (status["queued"] or status["undelivered"] or status["spooled"])
        )

    def metric(self, name: str) -> str:
        text = httpx.get(self.health + "/metrics", trust_env=False).text
        return "".join(line for line in text.splitlines() if line.startswith(name))


@pytest.fixture
def mi() -> Iterator[ScriptedMi]:
    scripted = ScriptedMi()
    scripted.results |= {
        "uptime": {"Now": "x", "Up since": UP_SINCE},
        "version": {"Server": "OpenSIPS (3.6.8 (x86_64/linux))"},
        "ul_dump": json.loads((CAPTURES / "ul_dump.json").read_text())["result"],
        "list_tcp_conns": {"Connections": [{"Remote": "127.0.0.1:46002"}]},
    }
    scripted.start()
    yield scripted
    scripted.stop()


@contextmanager
def producer(kafka: KafkaSettings, folder: Path, **settings: str) -> Iterator[Producer]:
    running = Producer(folder, kafka, **settings)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def events(kafka: KafkaSettings, topic: Topic) -> list[Any]:
    """Records in the order of the producer's own sequence, whatever their partitions."""
    found = [codec.validate(topic.model, message.value() or b"") for message in read(kafka, topic)]
    return sorted(found, key=lambda event: getattr(event, "seq", 0))


def play(running: Producer, capture: str) -> None:
    port = running.stream if capture.endswith(".stream") else running.datagram
    replay = OpenSipsReplay(CAPTURES / capture, target=("127.0.0.1", port))
    replay.start()
    try:
        eventually(lambda: running.has_all_of(replay), what=capture)
    finally:
        replay.stop()


@pytest.mark.parametrize(
    "capture", ["reg_tcp.datagram", "reg_tcp.stream", "v24_reg_tcp.datagram", "v24_reg_tcp.stream"]
)
def test_topics_hold_the_translations_records(
    kafka: KafkaSettings, tmp_path: Path, capture: str
) -> None:
    with producer(kafka, tmp_path) as running:
        play(running, capture)
        assert running.terminate() == 0
    expected = Play().play(CAPTURES / capture)
    for topic in (REGISTRATIONS, CONNECTIONS):
        found = events(kafka, topic)
        assert [(e.kind, e.remote) for e in found] == [
            (e.kind, e.remote) for e in expected.events(topic)
        ]
        assert len({e.id for e in found}) == len(found)
    assert len({e.boot for topic in (REGISTRATIONS, NODES) for e in events(kafka, topic)}) == 1


def test_input_that_is_no_event_is_a_dead_letter_and_others_are_published(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    with producer(kafka, tmp_path) as running:
        with closing(socket.socket(type=socket.SOCK_DGRAM)) as sender:
            for data in (b"\xff\x00", b'{"jsonrpc":"2.0","method":"E_UL_CONTACT_INSERT"}', b"{"):
                sender.sendto(data, ("127.0.0.1", running.datagram))
        eventually(lambda: running.status()["dead_letters"] == 3)
        assert running.status()["queued"] == 0
        assert running.terminate() == 0
    assert {event.source for event in events(kafka, DEAD_LETTERS)} == {"opensips/os1"}


def test_end_of_a_stream_is_a_gap_and_requests_are_acknowledged(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    message = b'{"id":7,"jsonrpc":"2.0","method":"E_UL_AOR_INSERT","params":{"aor":"a@b"}}'
    with producer(kafka, tmp_path) as running:
        with closing(socket.create_connection(("127.0.0.1", running.stream))) as connection:
            connection.sendall(message + message[:30])
            connection.settimeout(10)
            assert json.loads(connection.recv(1000)) == {"jsonrpc": "2.0", "result": "OK", "id": 7}
        with closing(socket.create_connection(("127.0.0.1", running.stream))) as connection:
            connection.sendall(message)  # is not read as the rest of what was cut
            assert connection.recv(1000)
        eventually(lambda: running.status()["dead_letters"] == 1)
        assert running.status()["events"] == 2
        assert running.terminate() == 0


def test_overflow_is_counted_and_published(kafka: KafkaSettings, tmp_path: Path) -> None:
    """OpenSIPS#1155, freeswitch#2143, freeswitch#2308: a slow consumer loses events silently."""
    message = b'{"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.0.2.1"}}'
    with producer(kafka, tmp_path, queue_max_messages="5") as running:
        with closing(socket.socket(type=socket.SOCK_DGRAM)) as sender:

            def overflows() -> bool:
                for _ in range(2000):
                    sender.sendto(message, ("127.0.0.1", running.datagram))
                return bool(running.status()["overflowed"])

            eventually(overflows)
        eventually(lambda: running.status()["queued"] == 0)
        status = running.status()
        assert status["events"] + status["overflowed"] == status["received"]
        assert "rollcall_source_overflows" in running.metric("rollcall_source_overflows")
        assert running.terminate() == 0
    gaps = [event for event in events(kafka, NODES) if event.kind is NodeKind.GAP]
    assert any("queue was full" in gap.reason for gap in gaps)


def test_snapshot_at_the_start_and_again_after_a_restart(
    kafka: KafkaSettings, tmp_path: Path, mi: ScriptedMi
) -> None:
    def snapshots() -> int:
        return sum(
            event.kind is RegistrationKind.SNAPSHOT_ENDED for event in events(kafka, REGISTRATIONS)
        )

    with producer(kafka, tmp_path, mi_url=mi.url) as running:
        eventually(lambda: snapshots() == kafka.partitions)
        mi.results["ul_dump"] = {"Domains": [{"name": "location", "AORs": []}]}
        mi.results["uptime"] = {"Up since": "Tue Nov 24 09:00:00 2026"}
        eventually(lambda: snapshots() == 2 * kafka.partitions)
        assert running.terminate() == 0
    rows = [e for e in events(kafka, REGISTRATIONS) if e.kind is RegistrationKind.SNAPSHOT_ROW]
    assert len(rows) == 4
    marks = events(kafka, NODES)
    ups = [event for event in marks if event.kind is NodeKind.UP]
    assert [event.boot for event in ups] == [
        "up-tue-nov-24-06-01-20-2026",
        "up-tue-nov-24-09-00-00-2026",
    ]
    assert ups[0].version == "OpenSIPS (3.6.8 (x86_64/linux))"


def test_restart_of_the_producer_is_no_restart_of_the_server(
    kafka: KafkaSettings, tmp_path: Path, mi: ScriptedMi
) -> None:
    with producer(kafka, tmp_path, mi_url=mi.url) as running:
        play(running, "tcp_kill9.datagram")
        running.kill()
        running.start()
        play(running, "reg_tcp.datagram")
        assert running.terminate() == 0
    found = events(kafka, REGISTRATIONS)
    assert {event.boot for event in [*found, *events(kafka, NODES)]} == {
        "up-tue-nov-24-06-01-20-2026"
    }
    own = [event for event in found if event.snapshot is None]
    assert [event.seq for event in own] == sorted({event.seq for event in own})


def test_no_heartbeat_without_an_answer(
    kafka: KafkaSettings, tmp_path: Path, mi: ScriptedMi
) -> None:
    def beats() -> int:
        return sum(event.kind is NodeKind.HEARTBEAT for event in events(kafka, NODES))

    settings = {
        "mi_url": mi.url,
        "mi_timeout_seconds": "1",
        "heartbeat_seconds": "0.1",
        "lease_silence_seconds": "1.5",
    }
    with producer(kafka, tmp_path, **settings) as running:
        eventually(lambda: running.status()["mi_answers"] and beats() > 0)
        mi.stop()
        eventually(lambda: not running.status()["mi_answers"])
        eventually(lambda: "unreachable" in running.metric("rollcall_source_failures"))
        # The lease runs out: two looks a while apart find no more beats.
        before = -1

        def silent() -> bool:
            nonlocal before
            before, known = beats(), before
            return before == known

        eventually(silent, interval=0.5)
        mi.start()
        eventually(lambda: beats() > before)
        assert running.terminate() == 0
