"""Ctrl-C ends a command in time, also where the main thread does not see it.

Python raises KeyboardInterrupt in the main thread, between two instructions. A call into librdkafka
delays it for the call's timeout, and an exception in a callback or a finalizer is lost.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STATUS = 130  # what shells report for SIGINT
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@contextmanager
def ended_within(
    seconds: float, abort: Callable[[], None], end: Callable[[int], object] = os._exit
) -> Iterator[None]:
    """If the body is not over `seconds` after a signal, `abort` is called by another thread, and
    the process ends.

    Only for signals that have a handler in Python.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = threading.Event()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch() -> None:
        while number := os.read(reading, 1):
            if number[0] in _SIGNALS and not over.wait(seconds):
                abort()
                end(_STATUS)

    watcher = threading.Thread(target=watch, name="interrupt", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writing)
        watcher.join()
        os.close(reading)
