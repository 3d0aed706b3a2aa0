"""Ctrl-C while a command is still being imported ends it at once: there is nothing to undo yet.

With Python's own handler it would be an exception within some module's import, with a traceback,
and a few libraries would lose it.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_SECONDS = 0.05  # by then the finalizer is over


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. Of a KeyboardInterrupt itself CPython remembers that it left code run by `exec`, as
    dataclasses are made within a late import, and `python -m` then ends by SIGINT although it was
    handled (run_eval_code_obj, Python/pythonrun.c)."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Interrupted


def end_at_interrupt() -> None:
    """Let SIGINT end the process, as by default; where the caller ignores it, it stays ignored."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _interrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def raising_interrupt() -> Iterator[None]:
    """Within it SIGINT raises Interrupted, so that a command undoes what it has begun.

    Also where Python has lost the exception, for it was raised within a finalizer: then the main
    thread gets the signal again.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    before = sys.unraisablehook
    again: list[threading.Timer] = []

    def note(lost: "sys.UnraisableHookArgs") -> None:
        if not isinstance(lost.exc_value, Interrupted):
            before(lost)
            return
        main = threading.main_thread().ident or 0
        again.append(threading.Timer(_AGAIN_SECONDS, signal.pthread_kill, (main, signal.SIGINT)))
        again[-1].start()

    sys.unraisablehook = note
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = before
        end_at_interrupt()
