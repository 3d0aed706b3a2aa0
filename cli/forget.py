"""`rollcall forget`: has a user forgotten everywhere, and prints and keeps the receipt."""

import getpass
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import typer

from cli.console import canonical
from cli.kafka import reachable_kafka
from cli.query import store_settings
from operate.forget.forgetting import forget as forget_everywhere
from operate.forget.receipt import keep
from operate.forget.settings import ForgetSettings
from runtime.keyed_hash import read_or_make_key
from runtime.settings import load
from sinks.clickhouse.asking.client import erase
from sinks.clickhouse.pseudonyms import as_stored


def forget(aor: str, folder: Path | None) -> bool:
    """Whether everything is done. Raises NotForgotten and what Kafka's and the store's clients do.

    `folder`: of a stack.
    """
    settings, kafka, user = load(ForgetSettings), reachable_kafka(), canonical(aor)
    store = store_settings(folder)
    receipt = forget_everywhere(
        kafka,
        lambda forgotten: erase(store, as_stored(store, forgotten)),
        user,
        read_or_make_key(settings.key_file),
        f"{getpass.getuser()}@{socket.gethostname()}",
        settings.wait.total_seconds(),
        lambda: datetime.now(UTC),
    )
    keep(receipt, settings.receipts)
    typer.echo(json.dumps(receipt.document(), indent=2))
    return receipt.is_complete
