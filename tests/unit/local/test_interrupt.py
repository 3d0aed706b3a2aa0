"""A command ends in time after a signal, also where the main thread never sees it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from local.interrupt import ended_within
from tests.unit.cli.running import ROOT


@pytest.fixture(autouse=True)
def lost_signal() -> Iterator[None]:
    """SIGHUP, whose handler does nothing: as if its exception had been lost."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_lost_signal_aborts_and_ends() -> None:
    calls: list[str] = []
    ended = threading.Event()

    def end(status: int) -> None:
        calls.append(f"end {status}")
        ended.set()

    with ended_within(0.05, lambda: calls.append("abort"), end):
        os.kill(os.getpid(), signal.SIGHUP)
        assert ended.wait(10)
    assert calls == ["abort", "end 130"]


def test_what_is_over_in_time_is_not_aborted() -> None:
    calls: list[object] = []
    with ended_within(30, lambda: calls.append("abort"), calls.append):
        os.kill(os.getpid(), signal.SIGHUP)
    assert calls == []
    assert signal.set_wakeup_fd(-1) == -1


def test_a_process_that_swallows_ctrl_c_ends_in_time() -> None:
    """As a callback or a finalizer does, in which the exception is raised."""
    code = (
        "import signal, time\n"
        "from local.interrupt import ended_within\n"
        "with ended_within(0.2, lambda: print('aborted', flush=True)):\n"
        "    signal.signal(signal.SIGINT, lambda *_: None)\n"
        "    print('ready', flush=True)\n"
        "    while True:\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.read() == b"aborted\n"
        assert child.wait(10) == 130
        assert time.monotonic() - began < 5
