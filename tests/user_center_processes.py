"""The two user center stages as processes of their own, as `rollcall run` starts them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from local.network import free_port
from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.user_center import READ_TOKEN, SECRET

Process = subprocess.Popen[bytes]


@contextmanager
def reference_user_center(folder: Path, **settings: str) -> Iterator[tuple[Process, str]]:
    """The process, ready, and its base URL; `settings` of its section by name."""
    section = {"SECRET": SECRET, "PORT": "0", "DATA": str(folder), "TOKEN": READ_TOKEN, **settings}
    environment = {f"ROLLCALL_REFERENCE_USER_CENTER_{k}": v for k, v in section.items()}
    module = "local.reference_user_center.stage"
    with _running(module, environment) as (process, health):
        yield process, status(health)["url"]


@contextmanager
def sink(kafka: KafkaSettings, url: str, **settings: str) -> Iterator[tuple[Process, str]]:
    """The process, ready, and the base URL of its health server."""
    section = {"SECRET": SECRET, "URL": url, **settings}
    environment = {f"ROLLCALL_USER_CENTER_{k}": v for k, v in section.items()}
    environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
    environment["ROLLCALL_KAFKA_NAMESPACE"] = kafka.namespace
    with _running("sinks.user_center.stage", environment) as running:
        yield running


def status(health: str) -> dict[str, Any]:
    """A stage's /status."""
    found: dict[str, Any] = httpx.get(health + "/status", trust_env=False).json()
    return found


@contextmanager
def _running(module: str, environment: dict[str, str]) -> Iterator[tuple[Process, str]]:
    port = free_port()
    health = f"http://127.0.0.1:{port}"
    ours = {"ROLLCALL_HTTP_PORT": str(port), "ROLLCALL_SETTINGS": os.devnull}
    process = subprocess.Popen(
        [sys.executable, "-c", f"from {module} import run; run()"],
        env=os.environ | ours | environment,
    )

    def ready() -> bool:
        assert process.poll() is None, "the stage ended at its start"
        try:
            return httpx.get(health + "/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(ready, 60, what=f"{module} ready")
        yield process, health
    finally:
        process.kill()
        process.wait()
