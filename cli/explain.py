"""`rollcall explain`: why a user's presence is or was as it is, from the log itself."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import typer

from cli.console import canonical, emit
from cli.kept_data import readable_kafka
from operate.explain import query
from operate.explain.rendering import render
from operate.explain.time_expressions import parse_time
from schemas import codec

_COLUMNS = 100


def explain(
    aor: str, at: str | None, since: str | None, folder: Path | None, as_json: bool
) -> None:
    """Print the explanation. Raises BadArgument and what query.explain raises."""
    now = datetime.now(UTC)
    time = parse_time(at, now) if at is not None else None
    first = parse_time(since, now).at if since is not None else None
    user = canonical(aor)
    with readable_kafka(folder) as kafka:
        found = query.explain(kafka, user, time, first, now)
    if as_json:
        emit(json.loads(codec.encode(found)))
        return
    columns = min(_COLUMNS, shutil.get_terminal_size((_COLUMNS, 0)).columns)
    for line in render(found, columns):
        typer.echo(line)
