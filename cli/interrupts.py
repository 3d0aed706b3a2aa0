"""Ctrl-C while a command is still being imported ends it at once: there is nothing to undo yet.

With Python's own handler it would be an exception within some module's import, with a traceback,
and a few libraries would lose it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def end_at_interrupt() -> None:
    """Let SIGINT end the process, as by default; where the caller ignores it, it stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def raising_interrupt() -> Iterator[None]:
    """Within it SIGINT raises KeyboardInterrupt, so that a command undoes what it has begun."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        end_at_interrupt()
