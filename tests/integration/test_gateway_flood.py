"""The gateway as a process among hostile connections: others, its health and its memory."""

import contextlib
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from runtime.kafka import KafkaSettings, ensure_topics
from tests.eventually import eventually
from tests.gateway import EventStream, WebSocket, gateway
from tests.integration.conftest import delete_topics
from tests.stages import StageProcess
from tests.user_center import presence, publish

ANN = "sip:ann@one.test"
HOSTILE = 600
PENDING = 100


@pytest.fixture(scope="module")
def kafka(broker: str) -> Iterator[KafkaSettings]:
    settings = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(settings)
    publish(settings, [presence(ANN, 1)])
    yield settings
    delete_topics(settings)


@pytest.fixture(scope="module")
def stage(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    limits = {"LIMITS__PENDING_MAX": str(PENDING), "LIMITS__REQUEST_TIMEOUT": "5"}
    with gateway(folder, kafka, SUBSCRIBERS_MAX="200", **limits) as process:
        yield process


def hostile(url: str, count: int, stack: ExitStack) -> None:
    """Connections that send nothing, or only the beginning of a request."""
    parts = urlsplit(url)
    for number in range(count):
        client = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
        stack.enter_context(closing(client))
        if number % 2:
            with contextlib.suppress(ConnectionError):
                client.sendall(b"GET /presence HTTP/1.1\r\nhost: x\r\n")


def memory_mb(stage: StageProcess) -> float:
    text = Path(f"/proc/{stage.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def test_others_and_health_are_served_among_hostile_connections(
    stage: StageProcess, kafka: KafkaSettings
) -> None:
    url = str(stage.status()["url"])
    stream, web_socket = EventStream(url, f"aor={ANN}"), WebSocket(url, f"aor={ANN}")
    assert stream.wait_live().last == web_socket.wait_live().last == {ANN: 1}
    before = memory_mb(stage)
    with ExitStack() as connections:
        hostile(url, HOSTILE, connections)
        hostile(stage.health, HOSTILE // 2, connections)
        for version in range(2, 12):
            for _ in range(3):
                assert httpx.get(f"{stage.health}/readyz", trust_env=False).status_code == 200
            assert httpx.get(f"{stage.health}/metrics", trust_env=False).status_code == 200
            publish(kafka, [presence(ANN, version)])
            eventually(lambda v=version: stream.last == web_socket.last == {ANN: v})  # type: ignore[misc]  # bound now
            assert httpx.get(f"{url}/presence/{ANN}", trust_env=False).json()["version"] == version
        assert EventStream(url, f"aor={ANN}").wait_live().last == {ANN: 11}
        status = stage.status()
        assert status["connections"] <= 200 + PENDING
        assert status["refused"]["pending"] >= HOSTILE - PENDING - 10
        assert memory_mb(stage) - before < 60
    # Nothing lives for ever: the rest is ended by its time.
    with ExitStack() as connections:
        hostile(url, 50, connections)
        eventually(lambda: stage.status()["connections"] <= 10, 20, what="the hostile ended")
    assert stream.ended is None
    assert web_socket.ended is None
    lines = [one for one in stage.log.read_text().splitlines() if '"request refused"' in one]
    assert 0 < len(lines) < 100, "a flood fills no log"


def test_a_stop_ends_streams_over_the_set_time_and_the_process_in_order(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    with gateway(tmp_path, kafka, LIMITS__STOP_SPREAD="2") as stage:
        url = str(stage.status()["url"])
        streams = [EventStream(url, f"aor={ANN}").wait_live() for _ in range(8)]
        began = time.monotonic()
        stage.process.terminate()
        ends: dict[int, float] = {}

        def all_ended() -> bool:
            for number, one in enumerate(streams):
                if one.ended:
                    ends.setdefault(number, time.monotonic() - began)
            return len(ends) == len(streams)

        eventually(all_ended, 30)
        assert {one.ended for one in streams} == {"closed"}
        assert max(ends.values()) - min(ends.values()) >= 1
        assert stage.process.wait(30) == 0
