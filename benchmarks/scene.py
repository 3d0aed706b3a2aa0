"""A scene to measure in: Kafka of its own, stages as deployments start them, a subscriber."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, Producer

from local.kafka import EmbeddedKafka
from local.network import free_port
from local.stage_process import StageProcess
from runtime.kafka import KafkaSettings, ensure_topics
from schemas.cloudevents import event_headers
from schemas.codec import decode, encode
from schemas.node import NodeEvent
from schemas.origin import Address
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.topics import NODES, PRESENCE, Topic
from schemas.vocabulary import NodeKind, RegistrationKind, Source, Transport

READY_SECONDS = 90.0


class NotReached(Exception):
    """What the benchmark waits for did not come: there is no figure."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until it holds. Raises NotReached."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotReached(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)


class Scene:
    """Of one benchmark; everything it started ends with it."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> "Scene":
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        )
        embedded = EmbeddedKafka(self.folder / "kafka")
        say("starting Kafka...")
        embedded.start(free_port())
        self._stack.callback(embedded.stop)
        kafka = KafkaSettings(bootstrap_servers=embedded.bootstrap_servers, partitions=4)
        ensure_topics(kafka)
        self.attach(kafka)
        return self

    def attach(self, kafka: KafkaSettings) -> None:
        """Publish to a cluster that another process has started."""
        self.kafka = kafka
        self._producer = Producer(
            kafka.producer(**{"linger.ms": 2, "queue.buffering.max.messages": 500_000})
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def stage(self, name: str, **environment: str) -> StageProcess:
        """Start a stage and wait until it is ready."""
        process = StageProcess(
            name,
            self.folder / f"{name}.log",
            {
                "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                "ROLLCALL_KAFKA_PARTITIONS": "4",
                "ROLLCALL_SETTINGS": str(self.folder / "none.toml"),
                "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(self.folder / "spool"),
                "ROLLCALL_STREAMS_DATA_FOLDER": str(self.folder / "faust"),
                **environment,
            },
        )
        self._stack.callback(process.stop)
        process.start()
        process.wait_ready(time.monotonic() + READY_SECONDS)
        return process

    def publish(self, topic: Topic, records: Iterable[tuple[str, Any]]) -> None:
        """(key, event) records, as producers write them; returns when they are delivered."""
        for key, event in records:
            value, headers = encode(event), event_headers(topic, event, key)
            while True:
                try:
                    self._producer.produce(self.kafka.name(topic), value, key, headers=headers)
                    break
                except BufferError:
                    self._producer.poll(0.05)
            self._producer.poll(0)
        if self._producer.flush(60):
            raise NotReached("not delivered within 60 s")

    @contextmanager
    def beats(self, node: str, boot: str) -> Iterator[threading.Event]:
        """The node's heartbeat every second, until the event given is set."""
        stop = threading.Event()

        def beat() -> None:
            while True:
                self.publish(NODES, [(node, node_event(node, boot, NodeKind.HEARTBEAT))])
                if stop.wait(1.0):
                    return

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join()


def node_event(node: str, boot: str, kind: NodeKind) -> NodeEvent:
    at = datetime.now(UTC)
    return NodeEvent(
        id=f"{node}/{boot}/{kind}/{at.timestamp()}",
        source=Source.FREESWITCH,
        node=node,
        boot=boot,
        seq=0,
        at=at,
        kind=kind,
    )


def registration(
    node: str,
    boot: str,
    seq: int,
    aor: str,
    remote: Address,
    transport: Transport,
    kind: RegistrationKind,
    **more: Any,
) -> tuple[str, RegistrationEvent]:
    """(key, event) of one registration now, for an hour."""
    at, user = datetime.now(UTC), aor.removeprefix("sip:").partition("@")[0]
    contact = f"sip:{user}@{remote.ip}:{remote.port};transport={transport}"
    event = RegistrationEvent(
        id=f"{node}/{boot}/{seq}",
        source=Source.FREESWITCH,
        node=node,
        boot=boot,
        seq=seq,
        at=at,
        kind=kind,
        aor=aor,
        contact=contact,
        binding=contact,
        call_id=f"{user}@phone",
        transport=transport,
        remote=remote,
        expires_at=at + timedelta(hours=1),
        **more,
    )
    return aor, event


class PresenceReader:
    """Reads rollcall.presence as a subscriber does; notes when each record came (monotonic s)."""

    def __init__(self, kafka: KafkaSettings) -> None:
        settings = {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 10}
        self._consumer = Consumer(kafka.consumer("benchmark", **settings))
        self._consumer.subscribe([kafka.name(PRESENCE)])
        self.seen: list[tuple[float, Presence]] = []
        self.last: dict[str, Presence] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def count(self, condition: Callable[[Presence], bool]) -> int:
        """Users whose last record meets the condition."""
        return sum(condition(presence) for presence in list(self.last.values()))

    def _read(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, timeout=0.01):
                if message.error():
                    continue
                now = time.monotonic()
                presence = decode(Presence, message.value() or b"")
                known = self.last.get(presence.aor)
                if known is None or presence.version > known.version:
                    self.last[presence.aor] = presence
                    self.seen.append((now, presence))
