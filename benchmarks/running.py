"""Runs one peer in processes of its own until its group has committed the whole input."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

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


@dataclass(slots=True)
class Peer:
    """A peer's processes; `cost` is known when they have ended."""

    kafka: KafkaSettings
    name: str
    group: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    cost: Cost = Cost(0.0, 0.0)

    def wait_joined(self, timeout: float) -> None:
        """Until each process has partitions of the group. Raises PeerFailed."""
        admin, deadline = AdminClient(self.kafka.client()), time.monotonic() + timeout
        while True:
            try:
                described = admin.describe_consumer_groups([self.group])[self.group].result(10)
            except KafkaException as error:
                _raise_unless_starting(error)
            else:
                having = [one for one in described.members if one.assignment.topic_partitions]
                if len(having) == len(self.processes):
                    return
            self._check(deadline)

    def wait_done(self, ends: dict[tuple[str, int], int], timeout: float) -> None:
        """Until the group has committed up to `ends`: the offset after the last record, by topic
        and partition. Raises PeerFailed."""
        partitions = [TopicPartition(topic, number) for topic, number in ends]
        whole = sum(ends.values())
        observer = Consumer(self.kafka.consumer("", **{"group.id": self.group}))
        deadline = time.monotonic() + timeout
        try:
            while True:
                committed = _committed(observer, partitions)
                done = sum(max(p.offset, 0) for p in committed)
                _progress(f"{self.name}: {done:,} of {whole:,} committed")
                if committed and all(p.offset >= ends[p.topic, p.partition] for p in committed):
                    return
                self._check(deadline)
        finally:
            observer.close()
            sys.stderr.write("\n")

    def _check(self, deadline: float) -> None:
        for process in self.processes:
            if process.poll() is not None:
                raise PeerFailed(f"{self.name} ended by itself with code {process.returncode}")
        if time.monotonic() > deadline:
            raise PeerFailed(f"{self.name} had not finished in time")
        time.sleep(POLL_SECONDS)


@contextmanager
def started(
    kafka: KafkaSettings,
    name: str,
    command: Sequence[str],
    job: Job,
    environment: dict[str, str],
    copies: int = 1,
) -> Iterator[Peer]:
    """Start the peer, `copies` of it that share the work; stop it by SIGTERM afterwards.

    A PeerFailed raised meanwhile gets the peer's last lines.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"rollcall-benchmark-{name}-"))
    began, cpu = time.monotonic(), _children_cpu()
    peer = Peer(kafka, name, job.group)
    with (folder / "log").open("wb") as log:
        try:
            for number in range(copies):
                own = folder / str(number)
                own.mkdir()
                settings = replace(job, folder=str(own)).environment()
                settings["ROLLCALL_STREAMS_DATA_FOLDER"] = str(own)
                environ = {**os.environ, **settings, **environment}
                process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
                peer.processes.append(process)
            yield peer
        except PeerFailed as error:
            raise PeerFailed(f"{error}\n{_tail(folder / 'log')}") from None
        finally:
            for process in peer.processes:
                _stop(process)
    peer.cost = Cost(time.monotonic() - began, _children_cpu() - cpu)
    shutil.rmtree(folder, ignore_errors=True)


def run(
    kafka: KafkaSettings,
    name: str,
    command: Sequence[str],
    job: Job,
    ends: dict[tuple[str, int], int],
    environment: dict[str, str],
    timeout: float,
) -> Cost:
    """The peer, from its start until it has committed up to `ends`. Raises PeerFailed."""
    with started(kafka, name, command, job, environment) as peer:
        peer.wait_done(ends, timeout)
    return peer.cost


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
        _raise_unless_starting(error)
        return []


def _raise_unless_starting(error: KafkaException) -> None:
    if error.args[0].code() not in _NO_COORDINATOR_YET:
        raise error


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
