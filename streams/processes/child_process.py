"""A worker process as its stage has it: started, asked over HTTP, started again, stopped."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from runtime import logs, metrics
from runtime.owner import stdin_of_owned
from streams.settings import StreamsSettings

log = logs.get(__name__)

# Seconds between restarts of a process that keeps ending; one that ran for the last number of
# seconds starts with the first again.
_BACKOFF = (0.2, 1.0, 3.0, 10.0)
_SOUND_SECONDS = 60.0
# Less than those wait who ask the stage.
_ANSWER_SECONDS = 1.0
# It saves its tables and leaves the group within 25 s.
STOP_SECONDS = 30.0


class ChildProcess:
    """Process `number` of a stage, counted from 1."""

    def __init__(self, number: int, settings: StreamsSettings) -> None:
        self.number = number
        self.restarts = 0
        self._environment = _environment(number, settings)
        # Bound here, once: the process has no port to lose to another, nor has the next one.
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=_ANSWER_SECONDS, trust_env=False
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._ended: float | None = None
        self._failures = 0  # restarts in a row

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; does not wait until it is ready."""
        descriptor = self._listener.fileno()
        self._started, self._ended = time.monotonic(), None
        # -P: a `streams/` in the working folder is not imported in place of the package.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "streams.child", str(self.number), str(descriptor)],
            env=self._environment,
            stdin=stdin_of_owned(),
            pass_fds=(descriptor,),
            start_new_session=True,  # Ctrl-C goes to the stage, which stops its processes
        )

    def revive(self) -> None:
        """Start it again if it has ended, after a pause."""
        process, now = self._process, time.monotonic()
        if process is None or process.poll() is None:
            return
        if self._ended is None:
            self._ended = now
            if now - self._started > _SOUND_SECONDS:
                self._failures = 0
            log.error(
                "a worker process ended; it is started again",
                process=self.number,
                pid=process.pid,
                status=process.returncode,
            )
        if now - self._ended >= _BACKOFF[min(self._failures, len(_BACKOFF) - 1)]:
            self._failures += 1
            self.restarts += 1
            metrics.WORKER_RESTARTS.add(1, {"process": str(self.number)})
            self.start()

    def ask(self, path: str) -> str | None:
        """The body of its answer to a GET request; None if there is none. For any thread."""
        process = self._process
        # Without a process a connection would be accepted, and wait for the next one.
        if process is None or process.poll() is not None:
            return None
        try:
            return self._http.get(path).text
        except httpx.HTTPError:
            return None

    def report(self, path: str) -> dict[str, Any] | None:
        """The same as the JSON object that it is."""
        try:
            found: dict[str, Any] = json.loads(self.ask(path) or "")
            return found
        except ValueError:
            return None

    def terminate(self) -> None:
        """Let it save its tables, commit and leave the group; does not wait."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, deadline: float) -> None:
        """Return when it has ended; it is killed at `deadline` (monotonic seconds)."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("a worker process did not end; it is killed", process=self.number)
            process.kill()
            process.wait()


def _environment(number: int, settings: StreamsSettings) -> dict[str, str]:
    """The stage's environment, with the settings of one process."""
    own = {
        "ROLLCALL_STREAMS_PROCESSES": "1",
        "ROLLCALL_STREAMS_DATA_FOLDER": str(Path(settings.data_folder) / f"process-{number}"),
    }
    if settings.instance is not None:
        own["ROLLCALL_STREAMS_INSTANCE"] = f"{settings.instance}-{number}"
    # A collector must not take several processes' series for one.
    attributes = os.environ.get("OTEL_RESOURCE_ATTRIBUTES")
    process = f"rollcall.process={number}"
    own["OTEL_RESOURCE_ATTRIBUTES"] = f"{attributes},{process}" if attributes else process
    return {**os.environ, **own}
