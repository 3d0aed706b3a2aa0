"""Questions to a stack that has ended: its Kafka is started on the data it left."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cli.console import DEMO_FOLDER
from cli.kafka import kafka_settings, reachable_kafka
from local.kafka import EmbeddedKafka
from local.network import free_port
from local.stack import kafka_of
from local.stack_environment import OWN_KAFKA
from local.stack_file import read_stack
from runtime.kafka import KafkaSettings, KafkaUnavailable, wait_for_leaders
from runtime.kafka_reach import require_kafka
from runtime.settings import BadArgument, load
from schemas import topics


@contextmanager
def readable_kafka(folder: Path | None) -> Iterator[KafkaSettings]:
    """The Kafka of the stack in `folder`, which runs or has left data; it answers.

    `folder` None: the Kafka that commands use; where none runs, the data that the demo left. Raises
    BadArgument, BadSettings, KafkaUnavailable, and what EmbeddedKafka.start raises.
    """
    if folder is not None and (running := read_stack(folder)) is not None:
        kafka = kafka_of(running)
        require_kafka(kafka)
        yield kafka
    elif folder is not None:
        if not _has_data(folder):
            raise BadArgument(f"no stack runs in {folder}, and none has left data there")
        with _started(folder) as kafka:
            yield kafka
    else:
        try:
            kafka = reachable_kafka()
        except KafkaUnavailable:
            if "bootstrap_servers" in kafka_settings().model_fields_set or not _has_data(
                DEMO_FOLDER
            ):
                raise
        else:
            yield kafka
            return
        with _started(DEMO_FOLDER) as kafka:
            yield kafka


def _has_data(folder: Path) -> bool:
    return (folder / "kafka" / "data" / "meta.properties").is_file()


@contextmanager
def _started(folder: Path) -> Iterator[KafkaSettings]:
    typer.echo(f"no stack runs in {folder}: reading the data that it left…", err=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # unwinds: the broker is stopped
        signal.signal(number, lambda *_: sys.exit(143))
    broker = EmbeddedKafka(folder / "kafka")
    try:
        broker.start(free_port())
        own = OWN_KAFKA if folder.name == DEMO_FOLDER.name else {}
        kafka = load(KafkaSettings, bootstrap_servers=broker.bootstrap_servers, **own)
        wait_for_leaders(kafka, [kafka.name(topic) for topic in topics.ALL])
        yield kafka
    finally:
        broker.stop()
