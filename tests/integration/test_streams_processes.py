"""Several worker processes of one stage: killed, stopped, and left by a stage that was killed."""

import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from local.processes import is_running
from runtime.kafka import KafkaSettings
from schemas.presence import Presence
from schemas.vocabulary import RegistrationKind
from tests.eventually import eventually
from tests.integration.test_streams_worker import drained, histories, registration
from tests.kafka_logs import write
from tests.stages import StageProcess

WORKER = "streams.stage"
USERS = 200


def stage(folder: Path, kafka: KafkaSettings, **more: str) -> StageProcess:
    own = {"ROLLCALL_STREAMS_PROCESSES": "2", "ROLLCALL_STREAMS_INSTANCE": "one"}
    return StageProcess(WORKER, folder, kafka, **own, **more)


def children(running: StageProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.status()["processes"]
    return found


def pids(running: StageProcess) -> list[int]:
    return [one["pid"] for one in children(running)]


def shared(running: StageProcess, kafka: KafkaSettings) -> bool:
    """Whether each process has its part of all partitions."""
    parts = [one.get("partitions", []) for one in children(running)]
    owned = sorted(number for part in parts for number in part)
    return all(parts) and owned == list(range(kafka.partitions))


def reachable(found: dict[str, list[Presence]]) -> dict[str, list[bool]]:
    return {aor: [one.reachable for one in history] for aor, history in found.items()}


def series(text: str) -> dict[tuple[str, str], float]:
    """Sums of /metrics, by the sample's name and process."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, sample.labels["process"]] += sample.value
    return found


def test_a_killed_process_is_started_again_and_presence_is_right(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    expected: dict[str, list[bool]] = defaultdict(list)
    events = []
    for turn in range(6):
        kind = RegistrationKind.UNREGISTERED if turn % 2 else RegistrationKind.REGISTERED
        for user in range(USERS):
            events.append(registration(user, turn * USERS + user, kind))
            expected[f"sip:{user}@example.test"].append(not turn % 2)
    third = len(events) // 3
    with stage(tmp_path, kafka, ROLLCALL_STREAMS_BATCH_RECORDS="50") as running:
        eventually(lambda: shared(running, kafka), 60, what="both have partitions")
        for number in (0, 1):
            other = pids(running)[1 - number]
            write(kafka, events[third * number : third * (number + 1)])
            eventually(lambda n=number: children(running)[n].get("folded", 0) > 0, 60)  # type: ignore[misc]  # bound now
            os.kill(pids(running)[number], signal.SIGKILL)
            eventually(lambda n=number: children(running)[n]["restarts"] == 1, 30)  # type: ignore[misc]  # bound now
            eventually(lambda: shared(running, kafka), 90, what="both have partitions again")
            assert pids(running)[1 - number] == other
        write(kafka, events[2 * third :])
        drained(kafka, 90)
        status = running.status()
        found = series(httpx.get(running.health + "/metrics", trust_env=False).text)
        assert running.terminate() == 0
    assert reachable(histories(kafka)) == expected
    assert status["users"] == USERS
    assert status["failed"] is False
    for process in ("1", "2"):
        assert found["rollcall_worker_restarts_total", process] == 1
        assert found["rollcall_presence_changes_total", process] > 0
        assert list((tmp_path / "faust" / f"process-{process}" / "tables").glob("*.table"))
    log = running.log.read_text()
    assert log.count("a worker process ended") == 2


def test_its_health_page_shows_the_processes(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Not ready without one of them; alive, unless the main loop of one is stuck."""
    with stage(tmp_path, kafka) as running:
        eventually(lambda: shared(running, kafka), 60, what="both have partitions")
        second = pids(running)[1]
        os.kill(second, signal.SIGSTOP)
        answer = httpx.get(running.health + "/readyz", trust_env=False)
        assert (answer.status_code, answer.json()) == (
            503,
            {"ready": False, "reasons": ["process 2 does not answer"]},
        )
        assert httpx.get(running.health + "/healthz", trust_env=False).status_code == 200
        os.kill(second, signal.SIGCONT)
        eventually(lambda: httpx.get(running.health + "/readyz", trust_env=False).is_success, 30)
        assert running.terminate() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_is_left_when_the_stage_ends(
    kafka: KafkaSettings, tmp_path: Path, number: signal.Signals
) -> None:
    with stage(tmp_path, kafka) as running:
        left = pids(running)
        running.process.send_signal(number)
        running.process.wait(60)
        eventually(lambda: not any(map(is_running, left)), 5, what="no process is left")
