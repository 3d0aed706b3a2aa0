"""The one-machine stack: embedded Kafka and every stage as a process, started, watched, stopped."""

import base64
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.kafka import EmbeddedKafka
from local.network import usual_port
from local.processes import is_running, stop_pid, uninterrupted
from local.stage_process import READY_SECONDS, STAGE_COMMAND, STOP_SECONDS, StageProcess
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.kafka_reach import require_kafka
from runtime.private_folders import make_private_folder
from runtime.settings import load

Say = Callable[[str], None]
USER_CENTER_PORT = 8095
GATEWAY_PORT = 8096
STAGES = ("streams", "clickhouse", "reference-user-center", "user-center", "gateway")


class StackRunning(Exception):
    """A stack runs in this folder already: use it, or stop it first."""


class Stack:
    """What runs on this machine for Rollcall, in one folder that may be deleted when stopped."""

    def __init__(self, folder: Path, say: Say, stages: Iterable[str] = STAGES) -> None:
        self.folder = folder.absolute()
        self._say = say
        self._names = tuple(stages)
        self._kafka: EmbeddedKafka | None = None
        self.stages: dict[str, StageProcess] = {}
        self.kafka = KafkaSettings()
        self.user_center_url = ""
        self.gateway_url = ""

    @property
    def file(self) -> Path:
        return self.folder / "stack.json"

    def start(self) -> None:
        """Start all, in order, and return when every stage is ready.

        Raises StackRunning, StageFailed, BadSettings, KafkaUnavailable, KafkaMisconfigured and what
        EmbeddedKafka.start raises; what was started by then is stopped again.
        """
        if (running := read_stack(self.folder)) is not None:
            raise StackRunning(
                f"a stack runs in {self.folder} already (pid {running['pid']}); stop it first"
            )
        make_private_folder(self.folder)
        self.folder.chmod(0o700)  # also one of an older version
        self._stop_orphans()
        try:
            self._start_kafka()
            environment = self._environment()
            for name in self._names:
                self._say(f"starting {name}…")
                self.add(name, environment)
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def _stop_orphans(self) -> None:
        """Stages of a stack that was killed live on, hold locks and read the same topics."""
        for label, pid in _stage_pids(_read(self.file)).items():
            if is_running(pid, STAGE_COMMAND):
                self._say(f"stopping {label}, left over from a stack that was killed…")
                stop_pid(pid, STOP_SECONDS)

    def _start_kafka(self) -> None:
        self.kafka = load(KafkaSettings)
        if "bootstrap_servers" in self.kafka.model_fields_set:
            self._say(f"using Kafka at {self.kafka.bootstrap_servers}")
            require_kafka(self.kafka)
        else:
            self._kafka = EmbeddedKafka(self.folder / "kafka")
            self._kafka.start(say=self._say)
            servers = self._kafka.bootstrap_servers
            self.kafka = load(KafkaSettings, bootstrap_servers=servers)
        ensure_topics(self.kafka)

    def add(
        self, stage: str, environment: dict[str, str], label: str | None = None
    ) -> StageProcess:
        """Start one more stage under this stack's watch. `label` tells several of a kind apart."""
        label = label or stage
        process = StageProcess(
            stage, self.folder / "logs" / f"{label}.log", self._base() | environment
        )
        with uninterrupted():
            process.start()
            self.stages[label] = process
        self._write()
        return process

    def forget(self, process: StageProcess) -> None:
        """Watch this stage no longer; its owner has stopped it."""
        self.stages = {label: p for label, p in self.stages.items() if p is not process}
        self._write()

    def wait_ready(self) -> None:
        """Raises StageFailed."""
        deadline = time.monotonic() + READY_SECONDS
        for process in self.stages.values():
            process.wait_ready(deadline)
        self._write()

    def watch(self) -> None:
        """Start again what has died, and say so. Call often.

        Raises what starting Kafka raises: without it nothing here can go on.
        """
        if self._kafka is not None and self._kafka.has_died():
            self._say(f"Kafka had died; starting it again (see {self._kafka.log}.1)")
            self._kafka.restart()
            self._write()
        for label, process in self.stages.items():
            if process.revive():
                self._say(f"{label} had died; started again (see {process.log})")
                self._write()

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for process in reversed(self.stages.values()):
            process.stop()
        if self._kafka is not None:
            self._kafka.stop()
        if _read(self.file).get("pid") == os.getpid():  # never another stack's
            self.file.unlink()

    def _base(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "ROLLCALL_STREAMS_DATA_FOLDER": str(self.folder / "streams"),
            # The same after a restart, and no other folder's: several may use one cluster.
            "ROLLCALL_STREAMS_INSTANCE": str(uuid5(NAMESPACE_URL, self.folder.resolve().as_uri())),
            "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(self.folder / "spool"),
        }

    def _environment(self) -> dict[str, str]:
        """Of the stages beyond what all have: folders, and a user center of our own if none."""
        environment = {}
        if "ROLLCALL_CLICKHOUSE_URL" not in os.environ:
            environment["ROLLCALL_CLICKHOUSE_FOLDER"] = str(self.folder / "clickhouse")
        if "reference-user-center" in self._names:
            port = usual_port(USER_CENTER_PORT)
            self.user_center_url = f"http://127.0.0.1:{port}"
            secret = self._secret()
            environment |= {
                "ROLLCALL_REFERENCE_USER_CENTER_PORT": str(port),
                "ROLLCALL_REFERENCE_USER_CENTER_DATA": str(self.folder),
                "ROLLCALL_REFERENCE_USER_CENTER_SECRET": secret,
                "ROLLCALL_USER_CENTER_URL": f"{self.user_center_url}/presence",
                "ROLLCALL_USER_CENTER_SECRET": secret,
            }
        if "gateway" in self._names:
            port = usual_port(GATEWAY_PORT)
            self.gateway_url = f"http://127.0.0.1:{port}"
            environment |= {
                "ROLLCALL_GATEWAY_HOST": "127.0.0.1",
                "ROLLCALL_GATEWAY_PORT": str(port),
            }
        return environment

    def _secret(self) -> str:
        """The webhook secret of this folder, made once and readable by its owner only."""
        path = self.folder / "user-center.secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
        return path.read_text().strip()

    def _write(self) -> None:
        document = {
            "pid": os.getpid(),
            "kafka": {
                "bootstrap_servers": self.kafka.bootstrap_servers,
                "namespace": self.kafka.namespace,
                "pid": self._kafka.pid if self._kafka else None,
            },
            "stages": {
                label: {"pid": p.pid, "http": p.http, "log": str(p.log)}
                for label, p in self.stages.items()
            },
            "clickhouse": os.environ.get("ROLLCALL_CLICKHOUSE_URL")
            or str(self.folder / "clickhouse"),
            "user_center": self.user_center_url or None,
            "gateway": self.gateway_url or None,
        }
        draft = self.file.with_suffix(".tmp")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(document, indent=2) + "\n")
        draft.replace(self.file)


def read_stack(folder: Path) -> dict[str, Any] | None:
    """What `stack.json` in the folder says, None where no stack runs (a stale file counts not)."""
    document = _read(folder / "stack.json")
    try:
        return document if is_running(int(document["pid"])) else None
    except (ValueError, KeyError, TypeError):
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _stage_pids(document: dict[str, Any]) -> dict[str, int]:
    stages = document.get("stages") or {}
    return {label: stage["pid"] for label, stage in stages.items() if stage.get("pid")}
