"""`rollcall watch`: prints presence changes as they come, until Ctrl-C."""

import typer

from cli.console import canonical, emit
from cli.kafka import reachable_kafka
from cli.rendering import as_json, as_line
from operate.presence_log import Subscriber
from runtime.log_reader import from_now_on
from schemas.topics import PRESENCE


def watch(aors: list[str], json_lines: bool) -> None:
    """Print each change from now on, of all users or of `aors`."""
    wanted = {canonical(aor) for aor in aors}
    kafka = reachable_kafka()
    reader = from_now_on(kafka, PRESENCE, "cli")
    subscriber = Subscriber()
    try:
        while True:
            for presence in subscriber.news(reader.follow(0.5)):
                if wanted and presence.aor not in wanted:
                    continue
                if json_lines:
                    emit(as_json(presence))
                else:
                    typer.echo(as_line(presence))
    except KeyboardInterrupt:
        pass
    finally:
        reader.close()
