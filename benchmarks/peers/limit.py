"""Peer: librdkafka in, decode, librdkafka out, no state: the limit of one Python process."""

import signal
import threading
import time

from confluent_kafka import Consumer, Producer

from benchmarks.peers import Job
from runtime.kafka import KafkaSettings
from schemas.codec import decode
from schemas.topics import CALLS, CONNECTIONS, REGISTRATIONS

BATCH = 10_000
COMMIT_INTERVAL = 1.0


def main() -> None:
    job = Job.given()
    kafka = KafkaSettings(bootstrap_servers=job.bootstrap_servers)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    producer = Producer(
        kafka.producer(**{"linger.ms": 20, "queue.buffering.max.messages": 50 * BATCH})
    )
    consumer = Consumer(kafka.consumer("limit", **{"group.id": job.group}))
    inputs = job.input.split(",")
    consumer.subscribe(inputs)
    models = {
        name: topic.model
        for name in inputs
        for topic in (REGISTRATIONS, CALLS, CONNECTIONS)
        if name.endswith(topic.name)
    }
    produce, output = producer.produce, job.output
    due = time.monotonic() + COMMIT_INTERVAL
    while not stop.is_set():
        for message in consumer.consume(BATCH, timeout=0.2):
            value = message.value() or b""
            decode(models[message.topic()], value)
            produce(output, value, message.key())
        producer.poll(0)
        if time.monotonic() >= due:
            producer.flush()
            consumer.commit(asynchronous=True)
            due = time.monotonic() + COMMIT_INTERVAL
    consumer.close()


if __name__ == "__main__":
    main()
