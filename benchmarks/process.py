"""The cost of a process: memory and CPU time as Linux counts them, and its lag."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import KafkaSettings
from schemas.topics import CONNECTIONS, REGISTRATIONS

_TICKS = os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory now; with `VmHWM` its peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def forget_peak(pid: int) -> None:
    """Reset `VmHWM`: it is the peak from now on (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """CPU time of all its threads since its start."""
    return _spent(Path(f"/proc/{pid}/stat").read_text())


def thread_cpu_seconds(pid: int, name: str) -> float:
    """CPU time of those of its threads whose names begin so."""
    seconds = 0.0
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it has ended
            stat = path.read_text()
            if f"({name}" in stat:
                seconds += _spent(stat)
    return seconds


def _spent(stat: str) -> float:
    """CPU seconds in a line of proc(5)'s stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop the process in the block, for a backlog. Shorter than a lease and a session timeout."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class LagWatch:
    """The peak of the worker's lag while the block runs: records written, not committed yet.

    Of registrations and connections, sampled four times a second. Offsets are committed twice a
    second, so it has up to half a second's records more than are waiting.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        names = [kafka.name(topic) for topic in (REGISTRATIONS, CONNECTIONS)]
        self._partitions = [
            TopicPartition(name, number) for name in names for number in range(kafka.partitions)
        ]
        self._observer = Consumer(kafka.consumer("streams"))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> "LagWatch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._observer.close()

    def now(self) -> int:
        """Raises KafkaException."""
        lag = 0
        for one in self._observer.committed(self._partitions, timeout=10):
            low, high = self._observer.get_watermark_offsets(one, timeout=10)
            lag += high - max(one.offset, low)
        return lag

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            try:
                self.peak = max(self.peak, self.now())
            except KafkaException:
                continue  # the group is being rebalanced
