"""librdkafka's log lines: in this program's log, each cause once."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from confluent_kafka import Consumer

from runtime.kafka import KafkaSettings
from runtime.librdkafka_log import LibrdkafkaLog
from tests.eventually import eventually

ROOT = Path(__file__).parents[3]
_LINE = "[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#h:1 failed: Connection refused"


def test_what_librdkafka_logs_of_a_client_goes_to_our_log(
    closed_address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with structlog.testing.capture_logs() as logged:
        settings = KafkaSettings(bootstrap_servers=closed_address)
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


def test_the_lines_are_json_in_a_stage(closed_address: str, tmp_path: Path) -> None:
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
        [sys.executable, "-c", code, closed_address],
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
