"""An open loop in a process of its own: each record is produced when it is due.

It does not wait for the pipeline, and delays count from the due time: a stall delays all records
after it, as in production.
"""

import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any, Protocol

from confluent_kafka import Producer

from benchmarks.population import Prepared
from benchmarks.scene import NotReached
from runtime.kafka import KafkaSettings
from schemas.topic import Topic

_STOP_SECONDS = 60.0
# The loop looks so often at most, and at least, for what is due, in seconds.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.001


def due_at(index: int, rate: int) -> int:
    """When record number `index`, from 0, is due: nanoseconds after the beginning."""
    return -(-index * 1_000_000_000 // rate)


def due_by(elapsed: int, rate: int) -> int:
    """How many records are due so many nanoseconds after the beginning: the first is at once."""
    return 1 + elapsed * rate // 1_000_000_000


class Records(Protocol):
    """The records to produce. They go to the other process, so they can be pickled."""

    def record(self, index: int, due: int) -> Prepared | None:
        """Record number `index`, from 0, due at `due` (monotonic ns); None: no record then."""


class OpenLoop:
    """Runs from construction to `stop`."""

    def __init__(
        self, kafka: KafkaSettings, topic: Topic, rate: int, records: Records, **producer: Any
    ) -> None:
        """`rate`: records a second. `producer`: further settings of librdkafka."""
        context = multiprocessing.get_context("spawn")  # this process has threads
        self._stop = context.Event()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run,
            args=(kafka, producer, kafka.name(topic), rate, records, self._stop, theirs),
            daemon=True,
        )
        self._process.start()
        self._pipe.recv()  # it has begun

    def stop(self) -> int:
        """Stop; returns how many records were due, which are delivered. Raises NotReached."""
        self._stop.set()
        if not self._pipe.poll(_STOP_SECONDS):
            raise NotReached("the open loop does not end")
        sent: int = self._pipe.recv()
        self._process.join()
        return sent


def _run(
    kafka: KafkaSettings,
    options: dict[str, Any],
    topic: str,
    rate: int,
    records: Records,
    stop: Event,
    pipe: Connection,
) -> None:
    producer = Producer(kafka.producer(**options))
    producer.list_topics(timeout=10)  # connected, before the clock starts
    pipe.send(None)
    began, sent = time.monotonic_ns(), 0
    while not stop.is_set():
        until = due_by(time.monotonic_ns() - began, rate)
        while sent < until:
            prepared = records.record(sent, began + due_at(sent, rate))
            sent += 1
            if prepared is not None:
                key, value, headers = prepared
                producer.produce(topic, value, key, headers=headers)
        producer.poll(0)
        # A record that waits for its turn here would count as late by the pipeline.
        due_in = (began + due_at(sent, rate) - time.monotonic_ns()) / 1e9
        time.sleep(min(max(due_in, _SHORTEST_PAUSE), _LONGEST_PAUSE))
    producer.flush(_STOP_SECONDS)
    pipe.send(sent)
