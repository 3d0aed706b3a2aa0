"""Waits until the JVM of a broker that has just started is warm.

In its first half minute under load the JVM's compiler takes a core. On two cores delays were three
to five times as long as afterwards, which is not so in a cluster that has been running.
"""

import time

from benchmarks.process import thread_cpu_seconds

_COMPILER = "C2 Compiler"
# The compiler is idle once it has used less than this share of a core for so long.
_IDLE_SHARE = 0.1
_POLL_SECONDS = 4.0
# Before that it may not have begun, unless it has compiled for so long already.
_LEAST_SECONDS = 12.0
_HAS_BEGUN_SECONDS = 6.0
_MOST_SECONDS = 60.0


def wait_until_warm(pid: int) -> float:
    """Wait, under load, until the compiler of the broker `pid` is idle; the seconds it took."""
    began, before = time.monotonic(), thread_cpu_seconds(pid, _COMPILER)
    while (spent := time.monotonic() - began) < _MOST_SECONDS:
        time.sleep(_POLL_SECONDS)
        compiled = thread_cpu_seconds(pid, _COMPILER)
        has_begun = spent >= _LEAST_SECONDS or compiled >= _HAS_BEGUN_SECONDS
        if has_begun and compiled - before < _IDLE_SHARE * _POLL_SECONDS:
            break
        before = compiled
    return time.monotonic() - began
