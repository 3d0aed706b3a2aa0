"""`rollcall up`: runs the one-machine stack until Ctrl-C."""

import signal
import sys
import threading
from pathlib import Path

import typer

from local.stack import STAGES, Stack
from runtime.settings import is_configured


def up(folder: Path) -> None:
    """Start the stack, print its addresses, restart what dies, stop cleanly."""
    # While starting, a signal raises SystemExit: what runs by then is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave a stack
        signal.signal(number, lambda *_: sys.exit(143))
    stages = (*STAGES, "freeswitch") if is_configured("freeswitch") else STAGES
    stack = Stack(folder, typer.echo, stages)
    stack.start()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        _print_addresses(stack)
        while not stop.wait(0.5):
            stack.watch()
        typer.echo("stopping…")
    finally:
        stack.stop()


def _print_addresses(stack: Stack) -> None:
    places = {"Kafka": stack.kafka.bootstrap_servers}
    places |= {label: f"{process.http}/status" for label, process in stack.stages.items()}
    if stack.user_center_url:
        places["user center's users"] = f"{stack.user_center_url}/users"
    if stack.gateway_url:
        places["board"] = f"{stack.gateway_url}/"
        places["subscribe"] = f"curl -N {stack.gateway_url}/presence"
    for name, place in places.items():
        typer.echo(f"{name:<{max(map(len, places))}}  {place}")
    typer.echo(f"running; addresses in {stack.file}; Ctrl-C stops everything")
