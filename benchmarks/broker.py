"""The Kafka of a scene: its own, or one that `python -m benchmarks` lends to each in turn.

A lent broker starts once, and what its JVM has compiled for one benchmark serves the next. Each
borrower has a namespace of its own, whose topics go when it ends: the next one shares neither
records nor the work of compacting them.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka.admin import AdminClient

from local.kafka import EmbeddedKafka
from local.network import free_port
from runtime.kafka import KafkaSettings

PARTITIONS = 4
# In the environment of a benchmark that may borrow: the address of the broker, and its pid.
LENT = "ROLLCALL_BENCHMARK_BROKER"
_DELETE_SECONDS = 30.0


class Broker(NamedTuple):
    """A broker that runs."""

    kafka: KafkaSettings
    pid: int


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """One with its data in the folder, until the block ends."""
    embedded = EmbeddedKafka(folder / "kafka")
    embedded.start(free_port())
    try:
        address = embedded.bootstrap_servers
        settings = KafkaSettings(bootstrap_servers=address, partitions=PARTITIONS)
        yield Broker(settings, embedded.pid or 0)
    finally:
        embedded.stop()


@contextmanager
def lending() -> Iterator[dict[str, str]]:
    """A broker for several benchmarks; gives the environment that they find it by."""
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        running(Path(folder)) as broker,
    ):
        yield {LENT: f"{broker.kafka.bootstrap_servers} {broker.pid}"}


@contextmanager
def borrowed() -> Iterator[Broker | None]:
    """The broker that is lent, as an empty one; None where none is."""
    if LENT not in os.environ:
        yield None
        return
    address, pid = os.environ[LENT].split()
    namespace = f"bench-{secrets.token_hex(4)}."
    settings = KafkaSettings(bootstrap_servers=address, partitions=PARTITIONS, namespace=namespace)
    try:
        yield Broker(settings, int(pid))
    finally:
        admin = AdminClient(settings.client())
        used = [name for name in admin.list_topics(timeout=10).topics if name.startswith(namespace)]
        for deleted in admin.delete_topics(used, operation_timeout=_DELETE_SECONDS).values():
            deleted.result(_DELETE_SECONDS)
