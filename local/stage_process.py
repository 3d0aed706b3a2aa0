"""Runs one stage as a child process, with the command that deployments use."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from local.network import free_port
from local.processes import last_lines, uninterrupted
from runtime.owner import stdin_of_owned
from runtime.private_folders import make_private_folder

READY_SECONDS = 90.0
STOP_SECONDS = 20.0
# A stage's command line in /proc, where each argument ends with a zero byte.
STAGE_COMMAND = "\0cli\0run\0"
# -P: a `streams/` or a `json.py` in the working folder is not imported in place of a package.
_INTERPRETER = (sys.executable, "-P")
# Seconds between restarts of a stage that keeps dying.
_BACKOFF = (0.2, 1.0, 3.0, 10.0)


class StageFailed(Exception):
    """A stage did not become ready; the message holds its last log lines."""


class StageProcess:
    """`rollcall run STAGE` with its HTTP port, its environment and its log file."""

    def __init__(self, stage: str, log: Path, environment: dict[str, str]) -> None:
        self.stage = stage
        self.log = log
        self.restarts = 0
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._died_at: float | None = None

    @property
    def http(self) -> str:
        """Base URL of /healthz, /readyz, /status and /metrics."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; does not wait until it is ready."""
        self._port = self._port or free_port()
        make_private_folder(self.log.parent)
        if self._process is None and self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))  # a log for each run of the stack
        environment = {**os.environ, **self._environment, "ROLLCALL_HTTP_PORT": str(self._port)}
        with uninterrupted(), self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_INTERPRETER, "-m", "cli", "run", self.stage, "--owned"],
                env=environment,
                stdin=stdin_of_owned(),
                stdout=log,
                stderr=log,
                # Ctrl-C goes to the stack, which stops its stages in order.
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether the stage answers /readyz with success."""
        try:
            return httpx.get(f"{self.http}/readyz", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def status(self) -> dict[str, Any]:
        """The stage's /status, empty while it does not answer."""
        try:
            answer = httpx.get(f"{self.http}/status", timeout=5, trust_env=False)
            found: dict[str, Any] = answer.json()
            return found
        except (httpx.HTTPError, ValueError):
            return {}

    def has_died(self) -> bool:
        """Whether the process ended without `stop`."""
        return self._process is not None and self._process.poll() is not None

    def wait_ready(self, deadline: float) -> None:
        """Wait until it is ready.

        Raises StageFailed if it ends, or is not ready at `deadline` (monotonic seconds).
        """
        while not self.is_ready():
            if self.has_died():
                raise StageFailed(f"{self.stage} ended:\n{last_lines(self.log, 15)}")
            if time.monotonic() > deadline:
                raise StageFailed(f"{self.stage} is not ready:\n{last_lines(self.log, 15)}")
            time.sleep(0.1)

    def revive(self) -> bool:
        """Restart it if it has died and its backoff is over; whether it was restarted."""
        if not self.has_died():
            return False
        now = time.monotonic()
        self._died_at = self._died_at or now
        if now - self._died_at < _BACKOFF[min(self.restarts, len(_BACKOFF) - 1)]:
            return False
        self._died_at = None
        self.restarts += 1
        self.start()
        return True

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Send SIGTERM, after `seconds` SIGKILL; returns when the process has ended."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
