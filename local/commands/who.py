"""`rollcall who`: the present state of every user, read from the compacted presence topic."""

import typer
from rich.console import Console

from local.command import DEFAULT_FOLDER, emit
from local.errors import Unknown
from local.presence_log import TopicReader, records
from local.rendering import as_json, as_table
from local.stack import reachable_kafka
from runtime.kafka import KafkaSettings
from schemas.presence import Presence
from schemas.sip_uri import aor_of
from schemas.topics import PRESENCE


def who(aor: str | None, json_lines: bool) -> None:
    """Print all users, or the one. Raises Unknown when the one has never registered."""
    users = present(reachable_kafka(DEFAULT_FOLDER))
    if aor is not None:
        wanted = canonical(aor)
        if wanted not in users:
            raise Unknown(f"{wanted} has never registered")
        users = {wanted: users[wanted]}
    if json_lines:
        for name in sorted(users):
            emit(as_json(users[name]))
    elif users:
        Console().print(as_table(list(users.values())))
    else:
        typer.echo("nobody has registered yet")


def present(kafka: KafkaSettings) -> dict[str, Presence]:
    """The last presence record of each user; the highest version counts."""
    users: dict[str, Presence] = {}
    reader = TopicReader(kafka, PRESENCE)
    try:
        for presence in records(Presence, reader.read_to_end()):
            known = users.get(presence.aor)
            if known is None or presence.version >= known.version:
                users[presence.aor] = presence
    finally:
        reader.close()
    return users


def canonical(aor: str) -> str:
    """`1001@host` or `sip:1001@host` as an AOR. Raises MalformedUri."""
    return aor_of(aor if aor.lower().startswith(("sip:", "sips:")) else f"sip:{aor}")
