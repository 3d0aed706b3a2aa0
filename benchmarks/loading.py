"""Puts the data set into Kafka as the producers do, and remembers where each event went."""

import sys
import time
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from benchmarks.dataset import DataSet, Expected
from benchmarks.topics import SHARE, WHOLE, input_topic
from runtime.kafka import KafkaSettings
from schemas.cloudevents import event_headers
from schemas.codec import encode
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS


@dataclass
class Input:
    """One loaded topic: what it must come to, and each event's (partition, offset)."""

    topic: str
    expected: Expected = field(default_factory=Expected)
    positions: dict[str, tuple[int, int]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    def delivered(self, event_id: str, error: KafkaError | None, message: Message) -> None:
        """Delivery callback; a repeated event keeps its first place, where it had its effect."""
        if error is not None:
            raise KafkaException(error)
        partition, offset = message.partition() or 0, message.offset() or 0
        self.positions.setdefault(event_id, (partition, offset))
        self.ends[partition] = max(self.ends.get(partition, 0), offset + 1)


def load(kafka: KafkaSettings, data: DataSet, share_events: int) -> tuple[Input, Input]:
    """Produce everything to one topic, and the events of some users also to another.

    The share is cut by users, not by time, so that it has the same mix of events: about
    `share_events` of them. Returns (whole, share).
    """
    whole, share = Input(input_topic(WHOLE)), Input(input_topic(SHARE))
    share_users = max(1, data.users * share_events // data.events)
    producer = Producer(
        kafka.producer(**{"linger.ms": 20, "queue.buffering.max.messages": 200_000})
    )
    began = time.monotonic()
    for count, (number, event) in enumerate(data):
        _send(producer, event, [whole, share] if number < share_users else [whole])
        if count % 100 == 0:
            producer.poll(0)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} events of the data set were not delivered within 60 s")
    seconds = time.monotonic() - began
    sys.stderr.write(f"loaded {data.events:,} events in {seconds:.1f} s\n")
    return whole, share


def _send(producer: Producer, event: RegistrationEvent, inputs: list[Input]) -> None:
    key, value = event.aor or "", encode(event)
    headers = event_headers(REGISTRATIONS, event, key)
    for target in inputs:
        target.expected.add(event)
        delivered = partial(target.delivered, event.id)
        while True:
            try:
                producer.produce(target.topic, value, key, headers=headers, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
