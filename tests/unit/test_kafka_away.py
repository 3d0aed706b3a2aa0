"""Kafka is not there: what each command prints, and where librdkafka's own lines go."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from confluent_kafka import Consumer

from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.kafka_reach import require_kafka
from runtime.librdkafka_log import LibrdkafkaLog
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
_LINE = "[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#h:1 failed: Connection refused"


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens: its port is bound, so nobody else can come."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def mute() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def rollcall(folder: Path, address: str, *arguments: str) -> tuple[int, str, str, float]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if "KAFKA" not in k},
            "PYTHONPATH": str(ROOT),
            "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS": address,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


@pytest.mark.parametrize(
    "arguments",
    [
        ("who",),
        ("who", "--json"),
        ("watch",),
        ("explain", "sip:1001@example.test", "--json"),
        ("audit", "opensips:os1=http://127.0.0.1:9/mi"),
        ("topics", "--create"),
        ("replay", f"freeswitch={ROOT / 'tests' / 'captures' / 'freeswitch' / 'calls.json'}"),
    ],
    ids=lambda arguments: " ".join(arguments[:2])[:20],
)
def test_a_command_says_in_one_line_that_kafka_is_not_there(
    arguments: tuple[str, ...], closed: str, tmp_path: Path
) -> None:
    status, out, err, seconds = rollcall(tmp_path, closed, *arguments)
    assert status == 1
    assert out == ""
    assert err == (
        f"rollcall: Kafka at {closed} does not answer (kafka.bootstrap_servers, "
        "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS): Connection refused\n"
    )
    assert seconds < 10  # some 0.7 s; the machine may be busy


def test_the_doctor_names_the_setting_and_goes_on(closed: str, tmp_path: Path) -> None:
    status, out, err, _ = rollcall(tmp_path, closed, "doctor")
    assert status == 1
    assert "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS" in out
    assert "Connection refused" in out
    assert "user center" in out
    assert err == ""


def test_a_cluster_that_never_answers_is_given_up_in_time(mute: str) -> None:
    began = time.monotonic()
    with pytest.raises(KafkaUnavailable, match=f"{mute}.*no answer within 1 s"):
        require_kafka(KafkaSettings(bootstrap_servers=mute), timeout=1.0)
    assert time.monotonic() - began < 5


def test_a_host_that_is_not_known_is_the_reason() -> None:
    with pytest.raises(KafkaUnavailable, match="Failed to resolve"):
        require_kafka(KafkaSettings(bootstrap_servers="no-such-host.invalid:9092"))


def test_what_librdkafka_logs_of_a_client_goes_to_our_log(
    closed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with structlog.testing.capture_logs() as logged:
        settings = KafkaSettings(bootstrap_servers=closed)
        consumer = Consumer(settings.consumer("test"))

        def is_logged() -> bool:
            consumer.poll(0.05)
            return any("Connection refused" in one.get("detail", "") for one in logged)

        eventually(is_logged, 10, what="librdkafka's line is in the log")
        consumer.close()
    assert {one["event"] for one in logged} == {"librdkafka"}
    assert {one["log_level"] for one in logged} == {"warning"}
    assert "rdkafka" not in capfd.readouterr().err


def test_one_cause_is_logged_once() -> None:
    log = LibrdkafkaLog()
    with structlog.testing.capture_logs() as logged:
        for count in range(5):
            text = f"{_LINE} (after {count}ms in state CONNECT, {count} identical suppressed)"
            log.log(logging.ERROR, "%s", "FAIL", f"rdkafka#consumer-{count}", text)
        log.log(logging.CRITICAL, "%s", "FATAL", "rdkafka#producer-1", "epoch is fenced")
    assert [one["log_level"] for one in logged] == ["warning", "critical"]
    assert logged[0]["detail"].endswith("Connection refused")


def test_the_lines_are_json_in_a_stage(closed: str, tmp_path: Path) -> None:
    code = (
        "from confluent_kafka import Consumer\n"
        "from runtime import logs\n"
        "from runtime.kafka import KafkaSettings\n"
        "import sys, time\n"
        "logs.configure('test')\n"
        "consumer = Consumer(KafkaSettings(bootstrap_servers=sys.argv[1]).consumer('t'))\n"
        "until = time.monotonic() + 1\n"
        "while time.monotonic() < until: consumer.poll(0.1)\n"
        "consumer.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, closed],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["event"], one["facility"], one["stage"]) for one in lines] == [
        ("librdkafka", "FAIL", "test")
    ]
