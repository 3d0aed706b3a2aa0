"""The circumstances of a run: the machine, and the versions of the software."""

import importlib.metadata
import os
import platform
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

from local.kafka import jars

_PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "msgspec", "quixstreams", "chdb")


# Among the kernel's groups of processes, one a session, a benchmark's come first (sched(7)).
AUTOGROUP_NICE = -10
_TICKS = os.sysconf("SC_CLK_TCK")


def prefer(pid: int) -> bool:
    """Prefer the process's session to others on the machine. False where that is not permitted.

    The kernel groups processes by session, and shares the cores among groups: `nice` says nothing
    about a process of another session. Each stage has one of its own.
    """
    try:
        Path(f"/proc/{pid}/autogroup").write_text(str(AUTOGROUP_NICE))
    except OSError:  # no such group in this kernel, or no privilege
        return False
    return True


class OthersWatch:
    """The cores that processes which are not this one's children have used since its making."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def cores(self, beside: float = 0.0) -> float:
        """`beside`: CPU seconds of own processes that have not ended yet."""
        seconds = time.monotonic() - self._began
        others = _busy_seconds() - self._busy - (_own_seconds() - self._own) - beside
        return round(max(0.0, others) / seconds, 2) if seconds else 0.0


def _busy_seconds() -> float:
    """CPU seconds of all processes: user, nice, system, interrupts (proc(5), stat)."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq = map(int, fields[:7])
    return (user + nice + system + irq + softirq) / _TICKS


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def machine() -> dict[str, str | float]:
    """The processor, its cores, the memory, the kernel."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        # Above the number of cores other processes were running too.
        "load_before": round(os.getloadavg()[0], 1),
        "autogroup": _autogroup(),
    }


def versions() -> dict[str, str]:
    """Of Python, the packages and Kafka."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "kafka": jars.version(), **found}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def _autogroup() -> str:
    """The preference of this process's session, such as `nice -10`."""
    try:
        return " ".join(Path("/proc/self/autogroup").read_text().split()[1:])
    except OSError:
        return "none"


def _first(path: str, name: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return None
