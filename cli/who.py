"""`rollcall who`: prints the current presence of users, from the compacted presence topic."""

import typer
from rich.console import Console

from cli.console import DEFAULT_FOLDER, canonical, emit
from cli.kafka import reachable_kafka
from cli.rendering import as_json, as_table
from operate.presence_log import UnknownUser, present


def who(aor: str | None, json_lines: bool) -> None:
    """Print all users, or one. Raises UnknownUser if that one has never registered."""
    users = present(reachable_kafka(DEFAULT_FOLDER))
    if aor is not None:
        wanted = canonical(aor)
        if wanted not in users:
            raise UnknownUser(f"{wanted} has never registered")
        users = {wanted: users[wanted]}
    if json_lines:
        for name in sorted(users):
            emit(as_json(users[name]))
    elif users:
        Console().print(as_table(list(users.values())))
    else:
        typer.echo("no user has registered yet")
