"""The one-machine stack: starts, watches and stops an embedded Kafka and the stages' processes."""

import base64
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.kafka import EmbeddedKafka
from local.kafka.embedded import DEFAULT_PORT
from local.network import free_port, usual_port
from local.processes import is_running, stop_pid, uninterrupted
from local.stack_file import read_stack, recorded_owner, recorded_stages, stack_file, write_stack
from local.stage_process import READY_SECONDS, STAGE_COMMAND, STOP_SECONDS, StageProcess
from runtime.disk_errors import naming
from runtime.kafka import KafkaSettings, SecurityProtocol, ensure_topics
from runtime.kafka_reach import require_kafka
from runtime.private_folders import make_private_folder
from runtime.settings import load
from sinks.gateway.settings import GatewaySettings

Report = Callable[[str], None]
USER_CENTER_PORT = 8095
GATEWAY_PORT = 8096
ABORT_SECONDS = 1.2
# From Ctrl-C to the killing of everything, where `abort` has not done it.
END_SECONDS = 2.4
ROOM_BYTES = 100 * 2**20
STAGES = ("streams", "clickhouse", "reference-user-center", "user-center", "gateway")

# What the settings of another cluster would change, as an isolated stack's broker needs it.
OWN_KAFKA: dict[str, Any] = {
    "namespace": "",
    "replication_factor": 1,
    "security_protocol": SecurityProtocol.PLAINTEXT,
    "sasl_mechanism": "",
}


class StackRunning(Exception):
    """A stack already runs in this folder: use it, or stop it first."""


def kafka_of(running: dict[str, Any]) -> KafkaSettings:
    """The Kafka of a running stack, by the document of its stack.json. Raises BadSettings."""
    kafka = running["kafka"]
    own = OWN_KAFKA if kafka.get("isolated") else {"namespace": kafka["namespace"]}
    return load(KafkaSettings, bootstrap_servers=kafka["bootstrap_servers"], **own)


class NoRoom(Exception):
    """The disk of the stack's folder is full, or nearly: free it, or use another folder."""


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
        self.user_center_url = ""
        self._user_center_token = ""
        self.gateway_url = ""
        self.gateway_token: str | None = None

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
        make_private_folder(self.folder)
        self._require_room()
        self.folder.chmod(0o700)  # also a folder made by an older version
        self._stop_orphans()
        try:
            with naming(self.folder):
                self._start_kafka()
            environment = self._environment()
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

    def _require_room(self) -> None:
        """Kafka and chDB die of a full disk, at any time. Raises NoRoom, OSError."""
        if not self.folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.folder))
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "cannot be written", str(self.folder))
        free = shutil.disk_usage(self.folder).free
        if free < ROOM_BYTES:
            raise NoRoom(
                f"no space left for {self.folder}: {free // 2**20} MB are free on its disk, a "
                f"stack needs {ROOM_BYTES // 2**20} MB"
            )

    def _stop_orphans(self) -> None:
        """Stop stages left by a killed stack: they hold locks and read the same topics."""
        for label, pid in recorded_stages(self.folder).items():
            if is_running(pid, STAGE_COMMAND):
                self._report(f"stopping {label}, left by a stack that was killed…")
                stop_pid(pid, STOP_SECONDS)

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
            stage, self.folder / "logs" / f"{label}.log", self._base() | environment
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

    def _base(self) -> dict[str, str]:
        own = OWN_KAFKA if self._isolated else {"namespace": self.kafka.namespace}
        kafka = {"bootstrap_servers": self.kafka.bootstrap_servers} | own
        return {
            # Over a settings file, and over KAFKA_BOOTSTRAP_SERVERS.
            **{f"ROLLCALL_KAFKA_{name.upper()}": str(value) for name, value in kafka.items()},
            "ROLLCALL_STREAMS_DATA_FOLDER": str(self.folder / "streams"),
            # Stable over restarts, and different for each folder: several may use one cluster.
            "ROLLCALL_STREAMS_INSTANCE": str(uuid5(NAMESPACE_URL, self.folder.resolve().as_uri())),
            "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(self.folder / "spool"),
        }

    def _environment(self) -> dict[str, str]:
        """More of the stages' environment: folders, ports, the user center's secret."""
        environment = {}
        if self._isolated:
            environment["ROLLCALL_CLICKHOUSE_URL"] = ""
        if self._isolated or not os.environ.get("ROLLCALL_CLICKHOUSE_URL"):
            environment["ROLLCALL_CLICKHOUSE_FOLDER"] = str(self.folder / "clickhouse")
        if "reference-user-center" in self._names:
            port = usual_port(USER_CENTER_PORT, "the user center", self._report)
            self.user_center_url = f"http://127.0.0.1:{port}"
            secret = self._kept("user-center.secret", _new_webhook_secret)
            self._user_center_token = self._kept("user-center.token", secrets.token_urlsafe)
            environment |= {
                "ROLLCALL_REFERENCE_USER_CENTER_PORT": str(port),
                "ROLLCALL_REFERENCE_USER_CENTER_DATA": str(self.folder),
                "ROLLCALL_REFERENCE_USER_CENTER_SECRET": secret,
                "ROLLCALL_REFERENCE_USER_CENTER_TOKEN": self._user_center_token,
                "ROLLCALL_USER_CENTER_URL": f"{self.user_center_url}/presence",
                "ROLLCALL_USER_CENTER_SECRET": secret,
            }
        if "gateway" in self._names:
            port = usual_port(GATEWAY_PORT, "the gateway", self._report)
            self.gateway_url = f"http://127.0.0.1:{port}"
            self.gateway_token = load(GatewaySettings).token_of_everything()
            environment |= {
                "ROLLCALL_GATEWAY_HOST": "127.0.0.1",
                "ROLLCALL_GATEWAY_PORT": str(port),
            }
        return environment

    def _kept(self, name: str, new: Callable[[], str]) -> str:
        """A secret of this folder, made once and readable only by its owner."""
        path = self.folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(new())
        return path.read_text().strip()

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
            "clickhouse": (not self._isolated and os.environ.get("ROLLCALL_CLICKHOUSE_URL"))
            or str(self.folder / "clickhouse"),
            "user_center": self.user_center_url or None,
            "user_center_token": self._user_center_token or None,
            "gateway": self.gateway_url or None,
            "gateway_token": self.gateway_token,
        }
        with naming(self.file):
            write_stack(self.folder, document)


def _new_webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
