"""Whether a broker that has just started is as one that has run for a while.

In its first half minute under load the JVM's compiler takes a core, of the two that everybody
shares here: delays were three to five times as long as afterwards. No cluster in use is like that.
"""

import time

from benchmarks.process import thread_cpu_seconds

_COMPILER = "C2 Compiler"
# The compiler rests once it has taken less than this share of a core for so long.
_AT_REST = 0.1
_LOOK_SECONDS = 4.0
# Before that it may not have begun, unless it has compiled for so long already, since its start.
_LEAST_SECONDS = 12.0
_HAS_BEGUN_SECONDS = 6.0
_MOST_SECONDS = 60.0


def wait_until_warm(pid: int) -> float:
    """Wait, under load, until the compiler of the broker `pid` rests; the seconds it took."""
    began, before = time.monotonic(), thread_cpu_seconds(pid, _COMPILER)
    while (spent := time.monotonic() - began) < _MOST_SECONDS:
        time.sleep(_LOOK_SECONDS)
        compiled = thread_cpu_seconds(pid, _COMPILER)
        has_begun = spent >= _LEAST_SECONDS or compiled >= _HAS_BEGUN_SECONDS
        if has_begun and compiled - before < _AT_REST * _LOOK_SECONDS:
            break
        before = compiled
    return time.monotonic() - began
