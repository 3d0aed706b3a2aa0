"""The `rollcall` command as a process, as a user starts it, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from local.processes import is_running, stop_pid
from runtime.kafka import KafkaSettings
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "cli"]


def environment(kafka: KafkaSettings | None = None) -> dict[str, str]:
    """Of a command; with `kafka` it talks to that cluster and namespace."""
    # Starting a killed producer again may take long on a machine that is busy with tests.
    found = {**os.environ, "PYTHONPATH": str(ROOT), "ROLLCALL_STREAMS_NODE_LEASE": "60"}
    if kafka is not None:
        found |= {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "ROLLCALL_KAFKA_NAMESPACE": kafka.namespace,
        }
    return found


def rollcall(
    *arguments: str, folder: Path, kafka: KafkaSettings | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(kafka),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


class Up:
    """`rollcall up` in a folder; at the end none of its processes is left."""

    def __init__(self, folder: Path, kafka: KafkaSettings | None = None) -> None:
        self.folder = folder
        self.output = folder / "up.log"
        self._file = folder / ".rollcall" / "stack.json"
        self._kafka = kafka
        self._seen: set[int] = set()

    def __enter__(self) -> "Up":
        self.start()
        return self

    def start(self) -> None:
        """Start it, and wait until it prints that it runs."""
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "up"],
                cwd=self.folder,
                env=environment(self._kafka),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._seen.add(self.process.pid)
        eventually(self._runs, 120, what="rollcall up runs")

    def _runs(self) -> bool:
        printed = self.printed()
        assert self.process.poll() is None, printed
        if "Ctrl-C stops everything" not in printed:
            return False
        self.document()
        return True

    def printed(self) -> str:
        """What it has printed so far."""
        return self.output.read_text()

    def document(self) -> dict[str, Any]:
        """The current content of stack.json."""
        found: dict[str, Any] = json.loads(self._file.read_text())
        self._seen |= {stage["pid"] for stage in found["stages"].values()}
        self._seen |= {found["kafka"]["pid"]} if found["kafka"]["pid"] else set()
        return found

    def pid(self, stage: str) -> int:
        """The pid of a stage by its label."""
        return int(self.document()["stages"][stage]["pid"])

    def stop(self) -> int:
        """Stop it like Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def kill(self) -> None:
        """Kill it, without a chance to clean up."""
        self.process.kill()
        self.process.wait()

    def left(self) -> set[int]:
        """Pids of this stack that still run."""
        return {pid for pid in self._seen if is_running(pid)}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(90)
        for pid in self.left():
            stop_pid(pid, 5)
