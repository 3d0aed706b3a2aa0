"""What all stages share: they wait for Kafka until they are stopped."""

import subprocess
import sys

import pytest

from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from runtime.stage import Stage, StageStopped


def test_a_stage_waits_until_kafka_answers() -> None:
    failures = [KafkaUnavailable("no answer")] * 3

    def connect() -> str:
        if failures:
            raise failures.pop()
        return "connected"

    assert Stage("test").wait_for_kafka(connect, pause=0) == "connected"
    assert not failures


def test_a_stop_ends_the_wait() -> None:
    stage = Stage("test")

    def connect() -> None:
        stage.stop.set()
        raise KafkaUnavailable("no answer")

    with pytest.raises(StageStopped):
        stage.wait_for_kafka(connect, pause=60)


def test_a_misconfiguration_is_raised_at_once() -> None:
    def connect() -> None:
        raise KafkaMisconfigured("wrong password")

    with pytest.raises(KafkaMisconfigured):
        Stage("test").wait_for_kafka(connect)


# After the interpreter's end the C library calls usleep(status), as exit handlers of native
# libraries take their time.
_SLOW_EXIT = """
import ctypes, sys, time
from local.network import free_port
from runtime.stage import Stage
libc = ctypes.CDLL(None)
libc.on_exit(libc.usleep, None)
Stage("test").start(free_port())
time.sleep(0.2 + int(sys.argv[1]) / 80)
sys.exit(120_000)
"""


def test_a_stage_ends_with_its_status_though_its_http_thread_goes_on() -> None:
    # At eight points of a timer's period of 0.1 s: a thread in uvloop was a SIGSEGV at some.
    for number in range(8):
        command = [sys.executable, "-c", _SLOW_EXIT, str(number)]
        ended = subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60)
        assert ended.returncode == 120_000 & 0xFF
