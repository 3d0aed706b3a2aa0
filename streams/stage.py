"""`rollcall run streams`: the stage around the worker, or around several worker processes."""

import asyncio
import gc
import os
import socket

from runtime import logs
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.partition_counts import WrongPartitionCounts
from runtime.settings import load
from runtime.stage import Stage, StageStopped
from streams.processes.supervisor import supervise
from streams.settings import StreamsSettings
from streams.worker import Worker

log = logs.get(__name__)

# How long leaving the group may take. While Kafka is unavailable Faust would wait for ever.
_LEAVE_SECONDS = 10.0


def run(listener: socket.socket | None = None) -> None:
    """Fold until the stage is stopped. Exits with 1 if a batch failed: a fresh start retries it.

    With `streams.processes` other than 1, worker processes fold. `listener`: see Stage.start.
    """
    # A batch makes tens of thousands of short-lived objects: the default thresholds would walk
    # the indexes of a million users every few batches.
    gc.set_threshold(200_000, 20, 100)
    kafka, settings = load(KafkaSettings), load(StreamsSettings)
    stage = Stage("streams")
    stage.start(listener=listener)
    try:
        stage.wait_for_kafka(lambda: ensure_topics(kafka))
    except StageStopped:
        return
    count = settings.process_count(kafka.partitions, _cores())
    if count > 1:
        supervise(stage, settings, count)
    else:
        asyncio.run(_work(stage, kafka, settings))


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # where there are no affinities, as on macOS


async def _stay_idle(stage: Stage, worker: Worker) -> None:
    """Not ready, for the operator to see why, until the stage is stopped.

    Started again it would only be refused (ensure_topics), and log the reason between restarts.
    """
    stage.ready.clear()
    stage.heartbeat.rest()
    leaving = asyncio.ensure_future(worker.stop_without_commit())
    await asyncio.wait([leaving], timeout=_LEAVE_SECONDS)
    # Again, at the end of the log.
    log.info("nothing is folded; see docs/operations.md", trouble=worker.hindrance())
    await asyncio.to_thread(stage.stop.wait)
    stage.exit()


async def _work(stage: Stage, kafka: KafkaSettings, settings: StreamsSettings) -> None:
    worker = Worker(kafka, settings)
    stage.status = worker.status
    stage.hindrances.append(worker.hindrance)
    worker.start()
    failure: BaseException | None = None
    while not stage.stop.is_set():
        stage.heartbeat.beat()
        if (failure := worker.failure) is not None:
            if isinstance(failure, WrongPartitionCounts):
                await _stay_idle(stage, worker)
            break
        if (failure := worker.ended()) is not None:
            log.critical("Faust has ended", exc_info=failure)
            break
        if not stage.ready.is_set() and worker.is_live():
            stage.ready.set()
        await asyncio.sleep(0.05)
    stage.heartbeat.rest()  # the stop has its own deadline
    if failure is not None:
        # Not gracefully: that would commit what was not made durable.
        os._exit(1)
    await worker.save()  # while the folds continue: the next worker reads the rest
    stopping = asyncio.ensure_future(worker.stop())
    done, _ = await asyncio.wait([stopping], timeout=_LEAVE_SECONDS)
    if done:
        await stopping
    else:
        # What is not committed is folded again.
        log.warning("stopped without Kafka's answer", seconds=_LEAVE_SECONDS)
    stage.exit()
