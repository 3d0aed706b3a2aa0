"""A stage as a process of its own, as `rollcall run` starts it: to be killed and started again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from local.network import free_port
from runtime.kafka import KafkaSettings
from tests.eventually import eventually


class StageProcess:
    """Starts `MODULE.run()` against a test's Kafka; `folder` holds its log and small files."""

    def __init__(self, module: str, folder: Path, kafka: KafkaSettings, **environment: str) -> None:
        self.module = module
        self.log = folder / f"{module}.log"
        self._environment = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "ROLLCALL_KAFKA_NAMESPACE": kafka.namespace,
            "ROLLCALL_SETTINGS": os.devnull,
            "ROLLCALL_STREAMS_DATA_FOLDER": str(folder / "faust"),
            # Most tests have no producer that sends heartbeats.
            "ROLLCALL_STREAMS_NODE_LEASE": "600",
            **environment,
        }
        self.start()

    def start(self) -> None:
        """Start a process (again) and wait until it is ready."""
        port = free_port()
        self.health = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"from {self.module} import run; run()"],
                env=os.environ | self._environment | {"ROLLCALL_HTTP_PORT": str(port)},
                stderr=log,
            )
        eventually(self._is_ready, 90, what=f"{self.module} ready; see {self.log}")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"{self.module} ended: {self.log.read_text()[-3000:]}"
        try:
            return httpx.get(self.health + "/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(self.health + "/status", trust_env=False).json()
        return found

    def kill(self) -> None:
        """SIGKILL: no graceful stop."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        self.process.terminate()
        return self.process.wait(60)

    def __enter__(self) -> "StageProcess":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.kill()
