"""`rollcall who`: prints the current presence of users, from the compacted presence topic."""

from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from cli.console import canonical, emit
from cli.kept_data import readable_kafka
from cli.rendering import as_json, as_table, shared_domain
from operate.presence_log import UnknownUser, present


def who(aor: str | None, folder: Path | None, json_lines: bool) -> None:
    """Print all users, or the one. Raises UnknownUser when the one has never registered."""
    wanted = canonical(aor) if aor is not None else None
    with readable_kafka(folder) as kafka:
        users = present(kafka)
    if wanted is not None:
        if wanted not in users:
            raise UnknownUser(f"{wanted} has never registered")
        users = {wanted: users[wanted]}
    if json_lines:
        for name in sorted(users):
            emit(as_json(users[name]))
    elif users:
        console = Console()
        if domain := shared_domain(users.values()):
            console.print(f"{len(users)} users of {domain}", highlight=False)
        console.print(as_table(users.values(), console.width, datetime.now(UTC)))
    else:
        typer.echo("no user has registered yet")
