"""The one-machine stack: starts, watches and stops an embedded Kafka and the stages' processes."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from local.kafka import EmbeddedKafka
from local.kafka.embedded import DEFAULT_PORT
from local.network import free_port
from local.processes import uninterrupted
from local.stack_environment import OWN_KAFKA, StackEnvironment
from local.stack_file import read_stack, recorded_owner, stack_file, write_stack
from local.stack_folder import prepare_folder, stop_orphans
from local.stage_process import READY_SECONDS, StageProcess
from runtime.disk_errors import naming
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.kafka_reach import require_kafka
from runtime.settings import load

Report = Callable[[str], None]
ABORT_SECONDS = 1.2
# From Ctrl-C to the killing of everything, where `abort` has not done it.
END_SECONDS = 2.4
STAGES = ("streams", "calls", "clickhouse", "reference-user-center", "user-center", "gateway")


class StackRunning(Exception):
    """A stack already runs in this folder: use it, or stop it first."""


def kafka_of(running: dict[str, Any]) -> KafkaSettings:
    """The Kafka of a running stack, by the document of its stack.json. Raises BadSettings."""
    kafka = running["kafka"]
    own = OWN_KAFKA if kafka.get("isolated") else {"namespace": kafka["namespace"]}
    return load(KafkaSettings, bootstrap_servers=kafka["bootstrap_servers"], **own)


class Stack:
    """A stack in one folder, which may be deleted while it is stopped; `report` gets progress."""

    def __init__(
        self,
        folder: Path,
        report: Report,
        stages: Iterable[str] = STAGES,
        *,
        isolated: bool = False,
    ) -> None:
        """`isolated`: with a Kafka and a chDB of its own even where the settings name others."""
        self.folder = folder.absolute()
        self._isolated = isolated
        self._report = report
        self._names = tuple(stages)
        self._kafka: EmbeddedKafka | None = None
        self.stages: dict[str, StageProcess] = {}
        self.kafka = KafkaSettings()
        self._own = StackEnvironment(self.folder, isolated=isolated, report=report)

    @property
    def user_center_url(self) -> str:
        """Empty where the stack has none; so below."""
        return self._own.user_center_url

    @property
    def gateway_url(self) -> str:
        return self._own.gateway_url

    @property
    def gateway_token(self) -> str | None:
        """The token that sees everything, where the gateway needs one."""
        return self._own.gateway_token

    @property
    def file(self) -> Path:
        """Where the addresses of what runs are written."""
        return stack_file(self.folder)

    def start(self) -> None:
        """Start everything in order, and return when every stage is ready.

        Raises StackRunning, NoRoom, OSError, StageFailed, BadSettings, KafkaUnavailable,
        KafkaMisconfigured and what EmbeddedKafka.start raises; what has been started is stopped
        again.
        """
        if (running := read_stack(self.folder)) is not None:
            raise StackRunning(
                f"a stack runs in {self.folder} already (pid {running['pid']}); stop it first"
            )
        prepare_folder(self.folder)
        stop_orphans(self.folder, self._report)
        try:
            with naming(self.folder):
                self._start_kafka()
            environment = self._own.of_stages(self._names)
            for name in self._names:
                self._report(f"starting {name}…")
                self.add(name, environment)
            self.wait_ready()
        except BaseException:
            if self._isolated:
                self.abort()
            else:
                self.stop()
            raise

    def _start_kafka(self) -> None:
        self.kafka = load(KafkaSettings)
        if "bootstrap_servers" in self.kafka.model_fields_set and not self._isolated:
            self._report(f"using Kafka at {self.kafka.bootstrap_servers}")
            require_kafka(self.kafka)
        else:
            self._kafka = EmbeddedKafka(self.folder / "kafka")
            # An isolated one is not found by commands that try the usual port.
            port = free_port() if self._isolated else DEFAULT_PORT
            self._kafka.start(port, self._report)
            own = OWN_KAFKA if self._isolated else {}
            servers = self._kafka.bootstrap_servers
            self.kafka = load(KafkaSettings, bootstrap_servers=servers, **own)
        ensure_topics(self.kafka)

    def add(
        self, stage: str, environment: dict[str, str], label: str | None = None
    ) -> StageProcess:
        """Start one more stage and watch it; `label` distinguishes several of one kind."""
        label = label or stage
        process = StageProcess(
            stage,
            self.folder / "logs" / f"{label}.log",
            self._own.of_kafka(self.kafka) | environment,
        )
        with uninterrupted():
            process.start()
            self.stages[label] = process
        self._write()
        return process

    def forget(self, process: StageProcess) -> None:
        """Stop watching a stage that its owner has stopped."""
        self.stages = {label: p for label, p in self.stages.items() if p is not process}
        self._write()

    def wait_ready(self) -> None:
        """Wait until every stage is ready. Raises StageFailed."""
        deadline = time.monotonic() + READY_SECONDS
        for process in self.stages.values():
            process.wait_ready(deadline)
        self._write()

    def watch(self) -> None:
        """Restart what has died, and report it. Call it often.

        Raises what starting Kafka raises: no stage can work without it.
        """
        if self._kafka is not None and self._kafka.has_died():
            why = ": its disk is full" if self._kafka.disk_is_full() else ""
            self._report(f"Kafka had died{why}; restarting it (see {self._kafka.log}.1)")
            self._kafka.restart()
            self._write()
        for label, process in self.stages.items():
            if process.revive():
                self._report(f"{label} had died; restarted (see {process.log})")
                self._write()

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for process in reversed(self.stages.values()):
            process.stop()
        if self._kafka is not None:
            self._kafka.stop()
        self._unlink()

    def abort(self, seconds: float = ABORT_SECONDS) -> None:
        """Stop everything at once, and kill what is slow: for data that can be made again.

        A second Ctrl-C waits for it.
        """
        deadline = time.monotonic() + seconds
        parts: list[StageProcess | EmbeddedKafka] = [*self.stages.values()]
        if self._kafka is not None:
            parts.append(self._kafka)
        with uninterrupted():
            for part in parts:
                part.terminate()
            for part in parts:
                part.stop(max(0.0, deadline - time.monotonic()))
            self._unlink()

    def _unlink(self) -> None:
        if recorded_owner(self.folder) == os.getpid():  # never another stack's file
            self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        document = {
            "pid": os.getpid(),
            "kafka": {
                "bootstrap_servers": self.kafka.bootstrap_servers,
                "namespace": self.kafka.namespace,
                "isolated": self._isolated,
                "pid": self._kafka.pid if self._kafka else None,
            },
            "stages": {
                label: {"pid": p.pid, "http": p.http, "log": str(p.log)}
                for label, p in self.stages.items()
            },
            **self._own.document(),
        }
        with naming(self.file):
            write_stack(self.folder, document)
