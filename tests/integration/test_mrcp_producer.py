"""From the MRCP server's log to the speech topic: a real Kafka, the stage, kills and rotations."""

import socket
import time
from pathlib import Path

import pytest

from runtime.kafka import KafkaSettings
from schemas.speech import SpeechEvent
from schemas.topics import DEAD_LETTERS, NODES, SPEECH
from schemas.vocabulary import NodeKind, SpeechKind
from tests.eventually import eventually
from tests.integration.freeswitch_process import records
from tests.stages import StageProcess
from tests.unit.mrcp_log import Reading, log_of

SPEECH_CAPTURES = Path(__file__).parents[1] / "captures" / "speech"
# As if they were written now: a session of days before would have ended.
FIRST, SECOND, KILLED = (
    log_of(SPEECH_CAPTURES / f"fs_{name}.mrcp", time.time())
    for name in ("pds_success", "detect_speech", "pds_server_killed")
)


def expected(log: Path) -> list[str]:
    return [event.id for event in Reading(log).read()]


def published(kafka: KafkaSettings) -> list[SpeechEvent]:
    """Without those that only a slow start of the stage makes."""
    events = [event for _, event in records(kafka, SPEECH)]
    return [event for event in events if event.kind is not SpeechKind.NO_RESULT]


@pytest.mark.timeout(120)
def test_each_session_once_over_kills_and_a_rotation(kafka: KafkaSettings, tmp_path: Path) -> None:
    log = tmp_path / "mrcp.log"
    log.write_bytes(FIRST[:-700])
    whole = tmp_path / "whole"
    whole.write_bytes(FIRST + SECOND)
    ids = expected(whole)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        StageProcess(
            "producers.mrcp.stage",
            tmp_path,
            kafka,
            ROLLCALL_MRCP_NODE="mrcp-1",
            ROLLCALL_MRCP_LOG=str(log),
            ROLLCALL_MRCP_TIMEZONE="UTC",
            ROLLCALL_MRCP_PORT=str(server.getsockname()[1]),
            ROLLCALL_MRCP_HEARTBEAT_SECONDS="0.2",
            ROLLCALL_PUBLISHER_SPOOL_FOLDER=str(tmp_path / "spool"),
        ) as stage,
    ):
        eventually(lambda: published(kafka))
        # One more heartbeat, and what was published before it is known to be.
        eventually((tmp_path / "spool" / "mrcp-mrcp-1.place").is_file)
        before = len(published(kafka))
        stage.kill()
        log.rename(tmp_path / "mrcp.log.1")
        with (tmp_path / "mrcp.log.1").open("ab") as rotated:
            rotated.write(FIRST[-700:])
        log.write_bytes(SECOND[:600])
        stage.start()
        with log.open("ab") as current:
            current.write(SECOND[600:])
        eventually(lambda: len(published(kafka)) >= len(ids))
        found = published(kafka)
        assert before < len(ids)
        assert sorted(event.id for event in found) == sorted(ids)
        # A killed server logs nothing: that nobody listens any more ends its session.
        with log.open("ab") as current:
            current.write(KILLED)
        eventually(lambda: stage.status()["sessions"] == 1)
        eventually(lambda: [e for _, e in records(kafka, NODES) if e.kind is NodeKind.UP])
        server.close()
        last = eventually(lambda: [e for e in published(kafka) if e.cause == "server-lost"])
        assert [event.kind for event in last] == [SpeechKind.ENDED]
        assert eventually(lambda: [e for _, e in records(kafka, NODES) if e.kind is NodeKind.DOWN])
        assert stage.terminate() == 0
    assert not records(kafka, DEAD_LETTERS)
