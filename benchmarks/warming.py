"""Whether a broker that has just started is as one that has run for a while.

In its first half minute under load the JVM's compiler takes a core, of the two that everybody
shares here: delays were three to five times as long as afterwards. No cluster in use is like that.
"""

import os
import time
from pathlib import Path

# The compiler rests once it has taken less than this share of a core for so long.
_AT_REST = 0.1
_LOOK_SECONDS = 4.0
_MOST_SECONDS = 60.0


def wait_until_warm(pid: int | None) -> float:
    """Wait, under load, until the compiler of the broker `pid` rests; the seconds it took."""
    began, before = time.monotonic(), _compiled(pid)
    while time.monotonic() - began < _MOST_SECONDS:
        time.sleep(_LOOK_SECONDS)
        compiled = _compiled(pid)
        if compiled - before < _AT_REST * _LOOK_SECONDS:
            break
        before = compiled
    return time.monotonic() - began


def _compiled(pid: int | None) -> float:
    """CPU seconds of the JVM's optimising compiler."""
    ticks = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            name, _, fields = thread.read_text().rpartition(")")
        except OSError:  # it has ended
            continue
        if "(C2 Compiler" in name:
            ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")
