"""Heartbeats of a benchmark's nodes, as their producers send them."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluent_kafka import Producer

from benchmarks.scene import progress
from runtime.kafka import KafkaSettings
from schemas.cloudevents import event_headers
from schemas.codec import encode
from schemas.node import NodeEvent
from schemas.topics import NODES
from schemas.vocabulary import NodeKind, Source

# Heartbeats are due every second; later ones may end a lease, which is not the worker's fault.
LATE_BEAT_SECONDS = 2.0


@dataclass(slots=True)
class Beats:
    """Set `silenced` to stop them. `last`: when the last one was sent, monotonic seconds."""

    silenced: threading.Event = field(default_factory=threading.Event)
    last: float = 0.0


@contextmanager
def beating(kafka: KafkaSettings, nodes: Iterable[str], boot: str) -> Iterator[Beats]:
    """Send the nodes' heartbeats every second, until they are silenced or the block ends."""
    beats, names = Beats(), list(nodes)
    # A producer of their own: they must not queue behind other records.
    producer = Producer(kafka.producer())

    def beat() -> None:
        while True:
            now = time.monotonic()
            if beats.last and now - beats.last > LATE_BEAT_SECONDS:
                progress(f"  a heartbeat was sent {now - beats.last:.1f} s after the one before")
            beats.last = now
            for name in names:
                event = node_event(name, boot, NodeKind.HEARTBEAT)
                headers = event_headers(NODES, event, name)
                producer.produce(kafka.name(NODES), encode(event), name, headers=headers)
            producer.flush(1)
            if beats.silenced.wait(1.0):
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield beats
    finally:
        beats.silenced.set()
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
