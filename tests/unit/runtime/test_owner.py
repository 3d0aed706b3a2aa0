"""A process ends when the other end of its stdin is gone."""

import os
import signal
import subprocess
import sys
import threading

from local.processes import is_running
from runtime.owner import end_with_owner
from tests.eventually import eventually

_OWNED = """
import signal
from runtime.owner import end_with_owner
end_with_owner()
print("here", flush=True)
signal.pause()
"""
# It starts two, and says their pids when they are there.
_OWNER = f"""
import signal, subprocess, sys
from runtime.owner import stdin_of_owned
owned = [
    subprocess.Popen([sys.executable, "-c", {_OWNED!r}], stdin=stdin_of_owned(), stdout=-1)
    for _ in range(2)
]
print(*(one.pid for one in owned if one.stdout.readline()), flush=True)
signal.pause()
"""


def test_called_when_the_pipe_ends_and_not_before() -> None:
    reading, writing = os.pipe()
    ended = threading.Event()
    end_with_owner(ended.set, reading)
    assert not ended.wait(0.05)
    os.close(writing)
    assert ended.wait(10)
    os.close(reading)


def test_processes_end_with_a_killed_owner() -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_running, pids))
        owner.kill()
        eventually(lambda: not any(map(is_running, pids)), what="the end of both")


def test_a_process_ends_by_sigterm() -> None:
    command = [sys.executable, "-c", _OWNED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.stdin.close()
        assert process.wait(10) == -signal.SIGTERM
