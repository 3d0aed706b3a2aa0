"""Runs one peer in its own process until its group has committed the whole input."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks.peers import Job
from runtime.kafka import KafkaSettings

POLL_SECONDS = 0.5
STOP_SECONDS = 30.0
_NO_COORDINATOR_YET = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


class PeerFailed(Exception):
    """A peer ended by itself or did not finish in time; the message has its last lines."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The time of a run, its start included."""

    wall_seconds: float
    cpu_seconds: float


def run(
    kafka: KafkaSettings,
    name: str,
    command: Sequence[str],
    job: Job,
    ends: dict[tuple[str, int], int],
    environment: dict[str, str],
    timeout: float,
    copies: int = 1,
    between: Sequence[str] = (),
) -> Cost:
    """Start the peer, wait until its group has committed up to `ends`, stop it by SIGTERM.

    `ends`: the offset after the last record, by topic and partition. `copies` of it share the work.
    `between`: topics that the peer both writes and reads, which it must also have read to the end.
    Raises PeerFailed.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"rollcall-benchmark-{name}-"))
    began, cpu = time.monotonic(), _children_cpu()
    processes = []
    with (folder / "log").open("wb") as log:
        try:
            for number in range(copies):
                own = folder / str(number)
                own.mkdir()
                settings = replace(job, folder=str(own)).environment()
                settings["ROLLCALL_STREAMS_DATA_FOLDER"] = str(own)
                environ = {**os.environ, **settings, **environment}
                processes.append(subprocess.Popen(command, env=environ, stdout=log, stderr=log))
            _wait(kafka, name, processes, job, ends, timeout)
            if own_ends := ends_of(kafka, between):
                _wait(kafka, name, processes, job, own_ends, timeout)
        except PeerFailed as error:
            raise PeerFailed(f"{error}\n{_tail(folder / 'log')}") from None
        finally:
            for process in processes:
                _stop(process)
    cost = Cost(time.monotonic() - began, _children_cpu() - cpu)
    shutil.rmtree(folder, ignore_errors=True)
    return cost


def _wait(
    kafka: KafkaSettings,
    name: str,
    processes: list[subprocess.Popen[bytes]],
    job: Job,
    ends: dict[tuple[str, int], int],
    timeout: float,
) -> None:
    partitions = [TopicPartition(topic, number) for topic, number in ends]
    whole = sum(ends.values())
    observer = Consumer(kafka.consumer("", **{"group.id": job.group}))
    deadline = time.monotonic() + timeout
    try:
        while True:
            committed = _committed(observer, partitions)
            done = sum(max(p.offset, 0) for p in committed)
            _progress(f"{name}: {done:,} of {whole:,} committed")
            if committed and all(p.offset >= ends[p.topic, p.partition] for p in committed):
                return
            for process in processes:
                if process.poll() is not None:
                    raise PeerFailed(f"{name} ended by itself with code {process.returncode}")
            if time.monotonic() > deadline:
                raise PeerFailed(f"{name} had not finished after {timeout:.0f} s")
            time.sleep(POLL_SECONDS)
    finally:
        observer.close()
        sys.stderr.write("\n")


def ends_of(kafka: KafkaSettings, names: Sequence[str]) -> dict[tuple[str, int], int]:
    """The offset after the last record, of the partitions that have any."""
    observer = Consumer(kafka.consumer("benchmark-ends"))
    try:
        ends = {
            (name, number): observer.get_watermark_offsets(TopicPartition(name, number))[1]
            for name in names
            for number in range(kafka.partitions)
        }
    finally:
        observer.close()
    return {at: end for at, end in ends.items() if end}


def _committed(observer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """The group's offsets; none while the broker still creates its topic of offsets."""
    try:
        committed: list[TopicPartition] = observer.committed(partitions, timeout=30)
        return committed
    except KafkaException as error:
        if error.args[0].code() in _NO_COORDINATOR_YET:
            return []
        raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _progress(text: str) -> None:
    sys.stderr.write(f"\r{text}" if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()


def _tail(log: Path, size: int = 4000) -> str:
    return log.read_bytes()[-size:].decode(errors="replace")
