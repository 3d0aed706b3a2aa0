"""Kafka is unavailable: what each command prints, and its exit status."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


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
def test_command_reports_in_one_line_that_kafka_does_not_answer(
    arguments: tuple[str, ...], closed_address: str, tmp_path: Path
) -> None:
    *_, start = rollcall(tmp_path, closed_address, "topics")  # asks nobody
    status, out, err, seconds = rollcall(tmp_path, closed_address, *arguments)
    assert status == 1
    assert out == ""
    assert err == (
        f"rollcall: Kafka at {closed_address} does not answer (kafka.bootstrap_servers, "
        "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS): Connection refused\n"
    )
    # Some 0.7 s where a start takes 0.4; it waited for 15 and more. The machine may be busy.
    assert seconds < 3 + 10 * start


def test_doctor_names_the_setting_and_checks_the_rest(closed_address: str, tmp_path: Path) -> None:
    status, out, err, _ = rollcall(tmp_path, closed_address, "doctor")
    assert status == 1
    assert "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS" in out
    assert "Connection refused" in out
    assert "user center" in out
    assert err == ""
