"""The stage around several worker processes: starts them, watches them, answers for them.

Each is a member of the consumer group and owns the partitions that the group gives it. One that
ends is started again, while the others go on: what it had not committed is folded again.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prometheus_client import generate_latest

from runtime import logs
from runtime.stage import Stage
from streams.processes import answers
from streams.processes.child_process import STOP_SECONDS, ChildProcess
from streams.settings import StreamsSettings

log = logs.get(__name__)

_WATCH_SECONDS = 0.1


class Processes:
    """The answers of a stage's processes, asked at the same time. For any thread."""

    def __init__(self, processes: list[ChildProcess]) -> None:
        self._processes = processes
        self._threads = ThreadPoolExecutor(len(processes), thread_name_prefix="ask")

    def status(self) -> dict[str, Any]:
        """For /status."""
        return answers.status(
            {"process": one.number, "pid": one.pid, "restarts": one.restarts, **(found or {})}
            for one, found in self._reports("/status")
        )

    def hindrance(self) -> str | None:
        """For /readyz: the processes that are not ready, if any."""
        return self._reasons(answers.readiness, "/readyz")

    def stuck(self) -> str | None:
        """For /healthz: the processes whose main loop does not run, if any."""
        return self._reasons(answers.liveness, "/healthz")

    def metrics(self) -> bytes:
        """For /metrics."""
        texts = {answers.PARENT: generate_latest().decode()}
        found = self._threads.map(lambda one: one.ask("/metrics"), self._processes)
        for one, text in zip(self._processes, found, strict=True):
            if text is not None:
                texts[str(one.number)] = text
        return answers.metrics(texts)

    def _reasons(
        self, rule: Callable[[int, Mapping[str, Any] | None], str | None], path: str
    ) -> str | None:
        reasons = [rule(one.number, report) for one, report in self._reports(path)]
        return "; ".join(filter(None, reasons)) or None

    def _reports(self, path: str) -> list[tuple[ChildProcess, dict[str, Any] | None]]:
        found = self._threads.map(lambda one: one.report(path), self._processes)
        return list(zip(self._processes, found, strict=True))


def supervise(stage: Stage, settings: StreamsSettings, count: int) -> None:
    """Run `count` worker processes until the stage is stopped. Exits the process."""
    children = [ChildProcess(number, settings) for number in range(1, count + 1)]
    processes = Processes(children)
    stage.status = processes.status
    stage.report_metrics = processes.metrics
    stage.hindrances.append(processes.hindrance)
    stage.stuck_checks.append(processes.stuck)
    for child in children:
        child.start()
    log.info("worker processes started", processes=count)
    stage.ready.set()  # as far as this process is concerned
    while not stage.stop.wait(_WATCH_SECONDS):
        stage.heartbeat.beat()
        for child in children:
            child.revive()
    stage.heartbeat.rest()
    # All at once: one after the other, each would hand its partitions to the next.
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.wait(deadline)
    stage.exit()
