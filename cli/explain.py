"""`rollcall explain`: why a user is or was shown as they are, from the log itself."""

import json
import shutil
from datetime import UTC, datetime

import typer

from cli.console import DEFAULT_FOLDER, canonical, emit
from cli.kafka import reachable_kafka
from operate.explain.query import explanation
from operate.explain.rendering import tell
from operate.explain.time_expressions import parse_moment
from schemas import codec

_COLUMNS = 100


def explain(aor: str, at: str | None, since: str | None, as_json: bool) -> None:
    """Print the explanation. Raises BadArgument, UnknownUser, and what reading Kafka raises."""
    now = datetime.now(UTC)
    moment = parse_moment(at, now) if at is not None else None
    first = parse_moment(since, now).at if since is not None else None
    found = explanation(reachable_kafka(DEFAULT_FOLDER), canonical(aor), moment, first, now)
    if as_json:
        emit(json.loads(codec.encode(found)))
        return
    columns = min(_COLUMNS, shutil.get_terminal_size((_COLUMNS, 0)).columns)
    for line in tell(found, columns):
        typer.echo(line)
