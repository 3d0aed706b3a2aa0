"""The Kafka of a scene: its own, or one that `python -m benchmarks` shares among benchmarks.

A shared broker starts once, so that its JVM is warm from the second benchmark on. Each benchmark
has a namespace of its own, whose topics are deleted at its end: the next one has neither its
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

from benchmarks.machine import prefer
from local.kafka import EmbeddedKafka
from local.network import free_port
from runtime.kafka import KafkaSettings

PARTITIONS = 4
# The environment variable of a shared broker: its address and its pid. Its name does not begin with
# ROLLCALL_: stages refuse such a variable if it is no setting.
SHARED = "BENCHMARK_BROKER"
_DELETE_SECONDS = 30.0


class Broker(NamedTuple):
    """A running broker."""

    kafka: KafkaSettings
    pid: int


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """A broker with its data in the folder, until the block ends."""
    embedded = EmbeddedKafka(folder / "kafka")
    embedded.start(free_port())
    try:
        for pid in (os.getpid(), embedded.pid or 0):
            prefer(pid)
        address = embedded.bootstrap_servers
        settings = KafkaSettings(bootstrap_servers=address, partitions=PARTITIONS)
        yield Broker(settings, embedded.pid or 0)
    finally:
        embedded.stop()


@contextmanager
def shared() -> Iterator[dict[str, str]]:
    """A broker for several benchmarks; gives the environment with which they find it."""
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        running(Path(folder)) as broker,
    ):
        yield {SHARED: f"{broker.kafka.bootstrap_servers} {broker.pid}"}


@contextmanager
def joined() -> Iterator[Broker | None]:
    """The shared broker, in an empty namespace; None where there is none."""
    if SHARED not in os.environ:
        yield None
        return
    address, pid = os.environ[SHARED].split()
    namespace = f"bench-{secrets.token_hex(4)}."
    settings = KafkaSettings(bootstrap_servers=address, partitions=PARTITIONS, namespace=namespace)
    try:
        yield Broker(settings, int(pid))
    finally:
        admin = AdminClient(settings.client())
        used = [name for name in admin.list_topics(timeout=10).topics if name.startswith(namespace)]
        for deleted in admin.delete_topics(used, operation_timeout=_DELETE_SECONDS).values():
            deleted.result(_DELETE_SECONDS)
