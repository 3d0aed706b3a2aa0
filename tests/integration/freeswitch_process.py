"""The FreeSWITCH producer as a process of its own, and what it left in Kafka."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Consumer, TopicPartition

from local.network import free_port
from local.replay.freeswitch import FreeSwitchReplay
from producers.freeswitch import event as events
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.framing import Frame, Framing
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.topic import Topic
from schemas.topics import CALLS, CONNECTIONS, DEAD_LETTERS, NODES, REGISTRATIONS

CAPTURES = Path(__file__).parents[1] / "captures" / "freeswitch"
TOPICS = (REGISTRATIONS, CALLS, CONNECTIONS, NODES, DEAD_LETTERS)


class Producer:
    """A running producer process and its HTTP port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(f"{self._url}{path}", timeout=5)
        except httpx.TransportError:
            return None

    def status(self) -> dict[str, Any]:
        response = self.get("/status")
        return response.json() if response is not None else {}

    def metric(self, name: str, **labels: str) -> float:
        """The value of the first series with these labels; 0 where there is none."""
        response = self.get("/metrics")
        for line in response.text.splitlines() if response is not None else ():
            if line.startswith(name) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rpartition(" ")[2])
        return 0

    def has_all_of(self, server: FreeSwitchReplay) -> bool:
        """Whether everything the server has to send is in Kafka."""
        if not server.finished:
            return False
        status = self.status()
        received: int = status.get("received", 0)
        return received >= server.sent_events and status["queued"] == status["undelivered"] == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self, timeout: float = 30) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


@contextmanager
def producer(
    kafka: KafkaSettings, spool: Path, switch_port: int, **settings: str
) -> Iterator[Producer]:
    """Start a producer against `switch_port`; `settings` as ROLLCALL_FREESWITCH_NAME."""
    port = free_port()
    environment = {
        **os.environ,
        "ROLLCALL_SETTINGS": os.devnull,
        "ROLLCALL_HTTP_PORT": str(port),
        "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ROLLCALL_KAFKA_NAMESPACE": kafka.namespace,
        "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(spool),
        "ROLLCALL_FREESWITCH_PORT": str(switch_port),
        "ROLLCALL_FREESWITCH_DTMF": "true",  # everything that can be read
        **{f"ROLLCALL_FREESWITCH_{name.upper()}": value for name, value in settings.items()},
    }
    log = spool / f"producer-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from producers.freeswitch.stage import run; run()"],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield Producer(process, port, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def translated(capture: str, shift: int, node: str | None = None) -> dict[str, Any]:
    """Event id → record, as translation alone makes them of the re-based capture."""
    context = Context(node, timedelta(seconds=60))
    result: dict[str, Any] = {}
    for frame in FreeSwitchReplay(CAPTURES / capture, speed=None).frames:
        for read in Framing(2**22).feed(frame.bytes(shift)):
            assert isinstance(read, Frame)
            if frame.type == "text/event-json":
                for record in translation.translate(events.parse(read.body), context):
                    result[record.event.id] = record.event
    return result


def records(kafka: KafkaSettings, *topics: Topic) -> list[tuple[str, Any]]:
    """(key, record) of everything in these topics, each partition in order."""
    consumer = Consumer(kafka.consumer("test"))
    try:
        found = []
        for topic in topics:
            for partition in range(kafka.partitions):
                found += _partition(consumer, kafka, topic, partition)
        return found
    finally:
        consumer.close()


def _partition(
    consumer: Consumer, kafka: KafkaSettings, topic: Topic, partition: int
) -> list[tuple[str, Any]]:
    where = TopicPartition(kafka.name(topic), partition, 0)
    _, end = consumer.get_watermark_offsets(where, timeout=10)
    consumer.assign([where])
    found = []
    position = 0
    while position < end:
        message = consumer.poll(10)
        assert message is not None, f"{where} has {end} records"
        assert message.error() is None
        position = message.offset() + 1
        found.append(
            ((message.key() or b"").decode(), codec.validate(topic.model, message.value() or b""))
        )
    return found
