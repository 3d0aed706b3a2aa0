"""`rollcall up`: the one-machine stack, until Ctrl-C."""

import signal
import threading
from pathlib import Path

import typer

from local.stack import STAGES, Stack, has_freeswitch


def up(folder: Path) -> None:
    """Start the stack, say where everything is, restart what dies, stop cleanly."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stages = (*STAGES, "freeswitch") if has_freeswitch() else STAGES
    stack = Stack(folder, typer.echo, stages)
    stack.start()
    typer.echo(f"Kafka        {stack.kafka.bootstrap_servers}")
    for label, process in stack.stages.items():
        typer.echo(f"{label:<22} {process.http}/status")
    if stack.user_center_url:
        typer.echo(f"user center  {stack.user_center_url}/users")
    typer.echo(f"running; addresses in {stack.file}; Ctrl-C stops everything")
    while not stop.wait(0.5):
        stack.watch()
    typer.echo("stopping…")
    stack.stop()
