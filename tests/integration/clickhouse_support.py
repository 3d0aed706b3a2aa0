"""What the ClickHouse sink's tests share: feeding Kafka, running sinks, counting rows."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from local.network import free_port
from runtime.kafka import KafkaSettings
from schemas.topic import Topic
from sinks.clickhouse import migration
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived import views
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.sink import Sink
from tests.clickhouse_records import value

ROOT = Path(__file__).parents[2]
Record = tuple[Topic, str, Any]  # topic, key, a record, its bytes or None


def feed(kafka: KafkaSettings, records: Iterable[Record]) -> int:
    """Publish in order, as producers do; how many were."""
    failures: list[object] = []
    producer = Producer(kafka.producer(**{"queue.buffering.max.messages": 1_000_000}))
    count = 0
    for count, (topic, key, record) in enumerate(records, start=1):  # noqa: B007 - used after the loop
        producer.produce(
            kafka.name(topic),
            key=key,
            value=record if record is None or isinstance(record, bytes) else value(record),
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
        producer.poll(0)
    assert producer.flush(60) == 0
    assert not failures
    return count


def settings(folder: Path, **fields: Any) -> ClickHouseSettings:
    """Small batches, so that a test meets their edges often."""
    defaults: dict[str, Any] = {"folder": folder, "batch_rows": 500, "batch_seconds": 0.2}
    return ClickHouseSettings(**{**defaults, "retry_seconds": 1.0, **fields})


@contextlib.contextmanager
def opened(chosen: ClickHouseSettings) -> Iterator[Database]:
    """The store, migrated; closed afterwards (a process can open one chDB folder at a time)."""
    database = Database(chosen)
    try:
        migration.migrate(database, migration.load())
        views.make(database)
        yield database
    finally:
        database.close()


class Running:
    """A sink in a thread of this process."""

    def __init__(
        self, kafka: KafkaSettings, chosen: ClickHouseSettings, database: Database
    ) -> None:
        self.stop = threading.Event()
        self.assigned = threading.Event()
        self.sink = Sink(kafka, chosen, database, self.stop, self.assigned.set)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.sink.run()
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        self.stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error


@contextlib.contextmanager
def running(
    kafka: KafkaSettings, chosen: ClickHouseSettings, database: Database
) -> Iterator[Running]:
    sink = Running(kafka, chosen, database)
    try:
        yield sink
    finally:
        sink.finish()


class Process:
    """The real stage in a process of its own."""

    def __init__(self, kafka: KafkaSettings, chosen: ClickHouseSettings, code: str = "") -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        environment = {
            **os.environ,
            "ROLLCALL_SETTINGS": os.devnull,
            "ROLLCALL_HTTP_PORT": str(port),
            "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "ROLLCALL_KAFKA_NAMESPACE": kafka.namespace,
            "ROLLCALL_CLICKHOUSE_FOLDER": str(chosen.folder),
            "ROLLCALL_CLICKHOUSE_BATCH_ROWS": str(chosen.batch_rows),
            "ROLLCALL_CLICKHOUSE_BATCH_SECONDS": str(chosen.batch_seconds),
            "ROLLCALL_CLICKHOUSE_RETRY_SECONDS": str(chosen.retry_seconds),
        }
        start = f"{code}\nfrom sinks.clickhouse.stage import run\nrun()"
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", start], env=environment, cwd=ROOT
        )

    def status(self) -> dict[str, Any]:
        """The stage's /status; {} while nothing answers."""
        try:
            return dict(httpx.get(f"{self.url}/status", timeout=30).json())
        except httpx.TransportError:
            return {}

    def rows(self, table: str) -> int:
        return int(self.status().get("rows", {}).get(table) or 0)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def terminate(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def wait(self, timeout: float) -> int:
        return self._process.wait(timeout)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self.kill()
