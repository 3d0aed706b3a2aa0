"""`rollcall topics`: prints the contract's topics; with --create, creates missing ones."""

import typer
from rich.console import Console

from cli.kafka import kafka_settings, reachable_kafka
from cli.layout import Column, lay_out
from runtime.kafka import ensure_topics
from schemas import topics as contract

_COLUMNS = (
    Column("topic"),
    Column("partitions", rank=4),
    Column("cleanup"),
    Column("keeps"),
    Column("key", least=10, rank=1),
    Column("writers", least=12, rank=2),
    Column("readers", least=12, rank=3),
)


def topics(create: bool) -> None:
    """Print the table, or create topics. Raises KafkaUnavailable, KafkaMisconfigured."""
    if create:
        kafka = reachable_kafka()
        ensure_topics(kafka)
        typer.echo(f"all topics exist at {kafka.bootstrap_servers}")
        return
    kafka = kafka_settings()
    rows = [
        [
            kafka.name(topic),
            str(kafka.partitions),
            str(topic.cleanup),
            f"{topic.retention.days} d" if topic.retention else "last per key",
            topic.key,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
        ]
        for topic in contract.ALL
    ]
    console = Console()
    console.print(lay_out(_COLUMNS, rows, console.width))
