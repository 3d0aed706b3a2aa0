"""Remembers which commands a server lacks, so that each of them is tried once a process.

A proxy without usrloc or dialog logs an error for each unknown command.
"""

from collections.abc import Callable
from typing import Any

from producers.sip_proxy.errors import MiUnknown
from producers.sip_proxy.mi import Mi


class KnownCommands:
    """A management interface. `boot` names the server's process."""

    def __init__(self, mi: Mi, boot: Callable[[], str]) -> None:
        self._mi = mi
        self._boot = boot
        self._process = boot()
        self._unknown: dict[str, str] = {}  # command → the error's text

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        """Raises MiError; MiUnknown at once where this process has no such command."""
        if (boot := self._boot()) != self._process:
            self._process = boot  # its configuration may differ
            self._unknown.clear()
        if (known := self._unknown.get(command)) is not None:
            raise MiUnknown(known)
        try:
            return self._mi.call(command, parameters)
        except MiUnknown as error:
            self._unknown[command] = str(error)
            raise
