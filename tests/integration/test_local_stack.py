"""`rollcall up`: refuses a second start, restarts what dies, leaves no process behind."""

import os
import signal
from pathlib import Path

import httpx
import pytest

from local.processes import is_running
from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.gateway import TOKEN
from tests.integration.rollcall_process import Up, rollcall

pytestmark = pytest.mark.timeout(300)


def is_ready(up: Up, stage: str) -> bool:
    url = up.document()["stages"][stage]["http"]
    try:
        return httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_stack_starts_restarts_what_dies_and_stops(tmp_path: Path) -> None:
    (tmp_path / "rollcall.toml").write_text(f'[gateway]\ntokens = ["{TOKEN}"]\n')
    with Up(tmp_path) as up:
        stages = up.document()["stages"]
        center = ["reference-user-center", "user-center"]
        assert list(stages) == ["streams", "calls", "clickhouse", *center, "gateway"]
        assert all(is_ready(up, stage) for stage in stages)

        user = f"{up.document()['gateway']}/presence/sip:nobody@example.test"
        headers = {"authorization": f"Bearer {up.document()['gateway_token']}"}
        found = httpx.get(user, headers=headers, trust_env=False).json()
        assert found["error"].startswith("no presence of")

        second = rollcall("up", folder=tmp_path)
        assert second.returncode == 1
        assert "runs in" in second.stderr
        assert up.document()["pid"] == up.process.pid

        doctor = rollcall("doctor", folder=tmp_path)
        assert doctor.returncode == 0, doctor.stdout

        killed = up.pid("user-center")
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: up.pid("user-center") != killed, 30, what="another process")
        eventually(lambda: is_ready(up, "user-center"), 60, what="user-center is ready again")
        assert "user-center had died" in up.printed()

        broker = up.document()["kafka"]["pid"]
        os.kill(broker, signal.SIGKILL)
        eventually(lambda: up.document()["kafka"]["pid"] != broker, 60, what="another broker")
        assert rollcall("who", folder=tmp_path).returncode == 0

        assert up.stop() == 0
        assert up.left() == set()
        assert not (tmp_path / ".rollcall" / "stack.json").exists()


def test_stages_of_a_killed_stack_end_and_the_next_waits_for_them(
    tmp_path: Path, kafka: KafkaSettings
) -> None:
    with Up(tmp_path, kafka) as up:
        stages = {label: int(one["pid"]) for label, one in up.document()["stages"].items()}
        slow = stages.pop("clickhouse")
        os.kill(slow, signal.SIGSTOP)
        up.kill()
        eventually(lambda: not any(map(is_running, stages.values())), 60, what="their end")
        assert "none runs here" in rollcall("doctor", folder=tmp_path, kafka=kafka).stdout

        assert is_running(slow)
        up.start()
        assert not is_running(slow)
        assert up.stop() == 0
        assert up.left() == set()


def test_stack_reports_an_unreachable_cluster(tmp_path: Path) -> None:
    unreachable = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    done = rollcall("up", folder=tmp_path, kafka=unreachable)
    assert done.returncode == 1
    assert "rollcall: Kafka at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".rollcall" / "stack.json").exists()
