"""Processes of this machine by pid: are they alive, end them, and what did they say last."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType


def is_running(pid: int, command_holds: str = "") -> bool:
    """Whether the process lives and, if given, its command line holds that text.

    Pids are reused, so ask for the text where a stranger could be hit. Where there is no /proc the
    text is not checked.
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
    # A zombie has no command line left: it is dead, only not yet waited for.
    return bool(command) and command_holds.encode() in command


@contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGINT and SIGTERM wait until its end: whoever unwinds must know of a process just started.

    Only the main thread meets signals; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        del frame
        held.append(number)

    # A process started meanwhile does not inherit them: exec resets handlers, but not a mask.
    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def stop_pid(pid: int, timeout: float) -> None:
    """SIGTERM, then after `timeout` seconds SIGKILL; returns when the process is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not is_running(pid):
                return
            time.sleep(0.05)


def last_lines(path: Path, count: int) -> str:
    """The last lines of a log file; a note where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return f"({path} cannot be read)"
    return "\n".join(lines[-count:])
