"""OS threads and locks for the publisher, real ones also in a process that gevent has patched.

A patched thread would be a greenlet of the caller's thread, and librdkafka's blocking poll would
then stop every other greenlet. Locks from here must be held briefly, and nothing that gevent may
have patched (logging, sleep) may be called while one is held.
"""

import _thread
import sys
from typing import Any


def _original(name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")  # not loaded: nothing is patched
    return monkey.get_original("_thread", name) if monkey else getattr(_thread, name)


start_new_thread = _original("start_new_thread")
allocate_lock = _original("allocate_lock")
