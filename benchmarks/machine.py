"""The circumstances of a run: the machine, and the versions of the software."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from local.kafka import jars

_PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "msgspec", "quixstreams", "chdb")


def machine() -> dict[str, str | float]:
    """The processor, its cores, the memory, the kernel."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        # Above the number of cores other processes were running too.
        "load_before": round(os.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """Of Python, the packages and Kafka."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "kafka": jars.version(), **found}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def _first(path: str, name: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return None
