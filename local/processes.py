"""Processes of this machine by pid: whether they run, how to stop them, their last log lines."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType


def is_running(pid: int, command_holds: str = "") -> bool:
    """Whether the process runs and, if given, has that text in its command line.

    Pids are reused, so give the text where another process could be meant. It is not checked
    without /proc.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return not command_holds
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
    # A zombie has no command line: it has ended, but was not waited for.
    return bool(command) and command_holds.encode() in command


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays SIGINT and SIGTERM to its end, so that a process just started is recorded first.

    Does nothing outside the main thread, the only one that gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        del frame
        held.append(number)

    # A child does not inherit handlers: exec resets them, unlike a signal mask.
    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def stop_pid(pid: int, timeout: float) -> None:
    """Send SIGTERM, after `timeout` seconds SIGKILL; returns when the process has ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not is_running(pid):
                return
            time.sleep(0.05)


def last_lines(path: Path, count: int) -> str:
    """The last lines of a log file, or a note that it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return f"({path} cannot be read)"
    return "\n".join(lines[-count:])
