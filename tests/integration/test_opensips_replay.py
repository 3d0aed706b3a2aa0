"""`rollcall replay opensips=FILE`: recordings through the real producer, streams and Kafka."""

from pathlib import Path

from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind
from tests.integration.rollcall_process import rollcall
from tests.kafka_logs import read
from tests.replaying import changes, into, lines
from tests.stages import StageProcess
from tests.unit.opensips_capture import CAPTURES, EDGES
from tests.unit.producers.opensips.test_captures import EXPECTED, EXPECTED_OF_ONE


def test_replay_gives_the_expected_presence(kafka: KafkaSettings, tmp_path: Path) -> None:
    """One capture of each form; their users are different ones."""
    streams = StageProcess("streams.stage", tmp_path, kafka)
    try:
        for file, truth in (
            ("reg_tcp.stream", EXPECTED["reg_tcp"]),
            ("ping_timeout.datagram", EXPECTED["ping_timeout"]),
            ("v24_expiry.datagram", EXPECTED["v24_expiry"]),
            ("v24_nat_received.stream", EXPECTED["v24_nat_received"]),
            ("tcp_kill9_removed.datagram", EXPECTED["tcp_kill9_removed"]),
            ("stream_down.stream", EXPECTED_OF_ONE["stream_down.stream"]),
        ):
            source = f"opensips={CAPTURES / file}"
            done = rollcall(
                *("replay", source, "--node", file, *into(kafka), "--json"),
                folder=tmp_path,
                kafka=kafka,
            )
            assert changes(lines(done)) == truth, file
    finally:
        streams.terminate()


def test_two_sources_are_played_on_one_clock(kafka: KafkaSettings, tmp_path: Path) -> None:
    """The edge's and the registrar's view of each REGISTER, in the order they were recorded."""
    streams = StageProcess("streams.stage", tmp_path, kafka)
    try:
        for speed in ((), ("--speed", "2")):
            nodes = [f"fs{len(speed)}", f"edge{len(speed)}"]
            done = rollcall(
                "replay",
                f"freeswitch={EDGES / 'B0_two_users.fs.json'}",
                f"opensips={EDGES / 'B0_two_users.datagram'}",
                *(argument for node in nodes for argument in ("--node", node)),
                *speed,
                *into(kafka),
                "--json",
                folder=tmp_path,
                kafka=kafka,
            )
            assert set(changes(lines(done))) == {"1005", "1006"}
    finally:
        streams.terminate()
    found = [
        codec.validate(RegistrationEvent, m.value() or b"") for m in read(kafka, REGISTRATIONS)
    ]
    user = [event for event in found if event.aor == "sip:1006@sip.example.test"]
    # usrloc reports it before FreeSWITCH's event is received, at each of the three REGISTERs.
    assert [event.node for event in user if event.node in ("fs0", "edge0")] == ["edge0", "fs0"] * 3
    # At speed 2 they are one to eight milliseconds apart on their way through two processes.
    for node in ("fs2", "edge2"):
        kinds = [event.kind for event in user if event.node == node]
        assert len(kinds) == 3
        assert kinds[-1] is RegistrationKind.UNREGISTERED
