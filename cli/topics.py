"""`rollcall topics`: prints the contract's topics; with --create, creates missing ones."""

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from cli.console import DEFAULT_FOLDER
from cli.kafka import kafka_settings, reachable_kafka
from runtime.kafka import ensure_topics
from schemas import topics as contract


def topics(create: bool) -> None:
    """Print the table, or create topics. Raises KafkaUnavailable, KafkaMisconfigured."""
    if create:
        kafka = reachable_kafka(DEFAULT_FOLDER)
        ensure_topics(kafka)
        typer.echo(f"all topics exist at {kafka.bootstrap_servers}")
        return
    kafka = kafka_settings(DEFAULT_FOLDER)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("topic", "partitions", "cleanup", "keeps", "key", "writers", "readers"):
        table.add_column(column, overflow="fold", no_wrap=column in ("topic", "cleanup", "keeps"))
    for topic in contract.ALL:
        keeps = f"{topic.retention.days} d" if topic.retention else "last per key"
        table.add_row(
            kafka.name(topic),
            str(kafka.partitions),
            topic.cleanup,
            keeps,
            topic.key,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
        )
    Console().print(table)
