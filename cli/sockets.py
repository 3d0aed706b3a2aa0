"""`rollcall sockets`: prints the kernel watcher's events, live, until Ctrl-C. Needs no Kafka."""

import threading
from typing import Any

import typer

from cli.console import emit
from producers.sockets.connection_events import boot_id
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from runtime.settings import load
from schemas.connection import ConnectionEvent
from schemas.origin import Address


def sockets(ports: list[str], json_lines: bool) -> None:
    """Print each event of `ports`, or of those in the settings.

    Raises BadSettings, KernelRefuses.
    """
    overrides: dict[str, Any] = {"ports": ports} if ports else {}
    settings = load(SocketsSettings, node="local", **overrides)  # no event leaves this process
    watcher = Watcher(settings, _print_json if json_lines else _print_line, boot_id())
    worker = threading.Thread(target=watcher.work, name="sockets-worker", daemon=True)
    watcher.start()
    if not json_lines:
        status = watcher.status()
        typer.echo(
            f"watching {', '.join(str(port) for port in settings.ports)}: "
            f"{status['known']} connections, listening on {status['listening'] or 'none of them'}"
        )
    try:
        worker.start()
        while worker.is_alive():
            worker.join(0.5)
    except KeyboardInterrupt:
        watcher.stopping.set()
        worker.join()
    watcher.close()


def _print_json(event: ConnectionEvent) -> None:
    emit(
        {
            "at": event.at.isoformat(),
            "kind": event.kind.value,
            "transport": event.transport.value,
            "remote": _address(event.remote),
            "local": _address(event.local),
            "cookie": event.cookie,
            "reason": event.reason,
        }
    )


def _print_line(event: ConnectionEvent) -> None:
    typer.echo(
        f"{event.at:%H:%M:%S.%f}  {event.kind.value:10}{event.transport.value:5}"
        f"{_address(event.remote)} -> {_address(event.local)}  cookie {event.cookie}"
        + (f"  ({event.reason})" if event.reason else "")
    )


def _address(address: Address | None) -> str:
    if address is None:
        return "?"
    host = f"[{address.ip}]" if ":" in address.ip else address.ip
    return f"{host}:{address.port}"
