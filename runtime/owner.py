"""Ends this process with the one that started it, which holds the other end of its stdin.

The pipe ends when its owner does, also by SIGKILL. A process left behind would keep its partitions
and locks, and join whatever Kafka is at its address next.
"""

import os
import signal
import threading
from collections.abc import Callable
from functools import cache

_STDIN = 0


@cache
def stdin_of_owned() -> int:
    """The descriptor to give as stdin to processes that end with this one.

    All have the same pipe, whose other end is this process's alone, and stays open as long as it.
    """
    reading, _writing = os.pipe()
    return reading


def end_by_sigterm() -> None:
    """Stop this process as its owner would."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_owner(end: Callable[[], object] = end_by_sigterm, stdin: int = _STDIN) -> None:
    """Call `end`, in a thread, when the pipe at descriptor `stdin` ends. Nobody writes to it."""

    def watch() -> None:
        while os.read(stdin, 1024):
            pass
        end()

    threading.Thread(target=watch, name="owner", daemon=True).start()
