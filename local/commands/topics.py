"""`rollcall topics`: the contract's topics as a table; with --create, made where missing."""

import typer
from rich.console import Console
from rich.table import Table

from local.command import DEFAULT_FOLDER
from local.stack import reachable_kafka
from runtime.kafka import ensure_topics
from schemas import topics as contract


def topics(create: bool) -> None:
    """Print the table. Raises KafkaUnavailable, KafkaMisconfigured with `create`."""
    kafka = reachable_kafka(DEFAULT_FOLDER)
    if create:
        ensure_topics(kafka)
        typer.echo(f"all topics are there at {kafka.bootstrap_servers}")
        return
    table = Table(pad_edge=False)
    for column in ("topic", "key", "partitions", "cleanup", "keeps", "writers", "readers"):
        table.add_column(column, overflow="fold")
    for topic in contract.ALL:
        keeps = f"{topic.retention.days} d" if topic.retention else "last a key"
        table.add_row(
            kafka.name(topic),
            topic.key,
            str(kafka.partitions),
            topic.cleanup,
            keeps,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
        )
    Console().print(table)
