"""The environment of a benchmark: an empty Kafka, stages as deployments start them, heartbeats."""

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from benchmarks import broker, warming
from benchmarks.machine import prefer
from benchmarks.population import Prepared
from local.processes import last_lines
from local.stage_process import StageProcess
from runtime.kafka import ensure_topics
from schemas.cloudevents import event_headers
from schemas.codec import encode
from schemas.topic import Topic

READY_SECONDS = 300.0


class NotReached(Exception):
    """The benchmark's condition was not reached, or a result is wrong: there is no figure."""


def progress(text: str) -> None:
    """Print a line of progress on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until it holds. Raises NotReached."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotReached(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)


class _Stage(StageProcess):
    """A stage that the kernel prefers to what else the machine does."""

    def start(self) -> None:
        super().start()
        prefer(self.pid or 0)


class Scene:
    """One benchmark's environment; everything it started ends with it.

    `folder`: where Kafka's data stay for another benchmark. Without it they are deleted, and the
    broker may be a shared one (broker.py).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._stack = ExitStack()
        self._kept = folder

    def __enter__(self) -> "Scene":
        # The collector would walk a subscriber's records again and again, and nothing makes cycles.
        gc.disable()
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        )
        self.kafka, self._broker_pid = self._broker()
        ensure_topics(self.kafka)
        self._producer = Producer(
            self.kafka.producer(**{"linger.ms": 2, "queue.buffering.max.messages": 500_000})
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            for log in self.folder.glob("*/log"):
                progress(f"-- {log.parent.name}:\n{last_lines(log, 60)}")
        del self._producer  # else it would log the broker's end
        self._stack.close()

    def _broker(self) -> broker.Broker:
        shared = None if self._kept else self._stack.enter_context(broker.joined())
        if shared is not None:
            return shared
        progress("starting Kafka...")
        return self._stack.enter_context(broker.running(self._kept or self.folder))

    def wait_until_warm(self) -> None:
        """Under load, before delays are measured."""
        progress(f"  Kafka is warm after {warming.wait_until_warm(self._broker_pid):.0f} s")

    def wait_until_left(self, group: str) -> None:
        """Until the group is empty: a stopped worker with a name stays for its session timeout."""
        admin, name = AdminClient(self.kafka.client()), self.kafka.group(group)

        def is_empty() -> bool:
            try:
                described = admin.describe_consumer_groups([name])[name].result(10)
            except KafkaException:  # a broker that has just started coordinates no group yet
                return False
            return not described.members

        wait(is_empty, 60, f"no member in {name}")

    def stage(self, name: str, label: str | None = None, **environment: str) -> StageProcess:
        """Start a stage and wait until it is ready. `label` names one of several of a kind."""
        process = self.prepare_stage(name, label, **environment)
        process.start()
        process.wait_ready(time.monotonic() + READY_SECONDS)
        return process

    def prepare_stage(
        self, name: str, label: str | None = None, **environment: str
    ) -> StageProcess:
        """As `stage`, not started."""
        own = self.folder / (label or name)
        process = _Stage(
            name,
            own / "log",
            {
                "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                "ROLLCALL_KAFKA_NAMESPACE": self.kafka.namespace,
                "ROLLCALL_KAFKA_PARTITIONS": str(self.kafka.partitions),
                "ROLLCALL_SETTINGS": os.devnull,
                "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(own / "spool"),
                "ROLLCALL_STREAMS_DATA_FOLDER": str(own / "data"),
                "ROLLCALL_STREAMS_INSTANCE": label or name,
                **environment,
            },
        )
        self._stack.callback(process.stop)
        return process

    def publish(self, topic: Topic, records: Iterable[tuple[str, Any]]) -> None:
        """(key, event) records, as producers write them; returns when they are delivered."""
        self.send(topic, ((k, encode(e), event_headers(topic, e, k)) for k, e in records))

    def send(self, topic: Topic, records: Iterable[Prepared]) -> int:
        """Send records; returns their number when they are delivered. Raises NotReached."""
        count, name, producer = 0, self.kafka.name(topic), self._producer
        for key, value, headers in records:
            while True:
                try:
                    producer.produce(name, value, key, headers=headers)
                    break
                except BufferError:
                    producer.poll(0.05)
            count += 1
            if count % 100 == 0:
                producer.poll(0)
        if producer.flush(60):
            raise NotReached("not delivered within 60 s")
        return count
