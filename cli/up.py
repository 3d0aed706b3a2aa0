"""`rollcall up`: runs the one-machine stack until Ctrl-C."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from cli.interrupts import Interrupted
from local.stack import STAGES, Stack
from runtime.settings import is_configured

# A closed terminal must not leave a stack either.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(folder: Path) -> None:
    """Start the stack, print its addresses, restart what dies, stop cleanly.

    A signal during the start is raised as Interrupted or SystemExit.
    """
    early: list[int] = []

    def end_the_start(number: int, frame: FrameType | None) -> None:
        del frame
        early.append(number)
        _raise(number)

    # An exception: what runs by then is stopped.
    for number in _SIGNALS:
        signal.signal(number, end_the_start)
    stages = (*STAGES, "freeswitch") if is_configured("freeswitch") else STAGES
    stack = Stack(folder, typer.echo, stages)
    stack.start()
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    try:
        if early:
            # The start went on: Python loses an exception that is raised within a finalizer.
            _raise(early[0])
        _print_addresses(stack)
        while not stop.wait(0.5):
            stack.watch()
        typer.echo("stopping…")
    finally:
        stack.stop()


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise Interrupted
    sys.exit(143)


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
